//! Members of groups, each on a connection of its own: how soon many agree, and what they cost at rest.
mod classic;
mod consumer;

use crate::{
    admin::Target,
    coordinator::{self, Kind},
    crowd,
    fault::Fault,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    sync::Notify,
    task::JoinSet,
    time::{Instant, timeout},
};

const AGREE_MAX: Duration = Duration::from_secs(120);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    Classic,
    Consumer,
}

/// Where every member of one group stands: by member, its generation or epoch and how many partitions it has.
pub struct Standing {
    members: usize,
    partitions: usize,
    seen: Mutex<BTreeMap<usize, (i32, usize)>>,
    agreed: Notify,
}

impl Standing {
    fn new(members: usize, partitions: usize) -> Arc<Standing> {
        Arc::new(Standing { members, partitions, seen: Mutex::default(), agreed: Notify::new() })
    }

    /// Tells where a member stands. All agree once each has told the same generation, every partition has an owner, and
    /// nobody has more than their share: a coordinator may let members in before it assigns anew.
    fn tell(&self, member: usize, generation: i32, partitions: usize) {
        let mut seen = self.seen.lock().expect("no member panics");
        seen.insert(member, (generation, partitions));
        let share = self.partitions.div_ceil(self.members);
        let same = || seen.values().all(|(other, partitions)| *other == generation && *partitions <= share);
        let owned = || seen.values().map(|(_, partitions)| partitions).sum::<usize>();
        if seen.len() == self.members && same() && owned() == self.partitions {
            self.agreed.notify_one();
        }
    }

    /// A member has to begin again.
    fn lose(&self, member: usize) {
        self.seen.lock().expect("no member panics").remove(&member);
    }
}

/// The time from the first join until `members` of one group agree. The topic has a partition for each.
pub fn agree(target: &Target, protocol: Protocol, members: usize) -> Result<Duration, Fault> {
    let group = format!("{}-members", target.topic);
    coordinator::await_found(target.address, Kind::Group, &group)?;
    crowd::run(async {
        let clients = crowd::open(target.address, members).await?;
        let standing = Standing::new(members, target.partitions as usize);
        let mut running = JoinSet::new();
        let started = Instant::now();
        for (index, client) in clients.into_iter().enumerate() {
            let place = Place { index, group: group.clone(), topic: target.topic.clone(), standing: standing.clone() };
            match protocol {
                Protocol::Classic => running.spawn(classic::member(client, place, target.partitions)),
                Protocol::Consumer => running.spawn(consumer::member(client, place)),
            };
        }
        let late = Fault::TooLate { what: format!("{members} members in one group"), seconds: AGREE_MAX.as_secs() };
        tokio::select! {
            agreed = timeout(AGREE_MAX, standing.agreed.notified()) => agreed.map_err(|_| late)?,
            ended = running.join_next() => {
                ended.expect("there are members").expect("a member does not panic")?;
            }
        }
        Ok(started.elapsed())
    })
}

/// Ottla keeps a third of the files that may be open for logs, and some more.
const FILES_MORE: u64 = 2_000;

/// A broker inherits the limit of this process. Past it connections are closed, and their members would never be heard of.
fn check_limit(groups: usize, files_max: u64) -> Result<(), Fault> {
    let needed = groups as u64 * 3 / 2 + FILES_MORE;
    if files_max >= needed {
        return Ok(());
    }
    Err(Fault::Usage(format!("{groups} connections need a limit of {needed} open files (ulimit -Hn), not {files_max}")))
}

/// Runs groups of one member each, and calls `look` once all have joined and go on with their heartbeats.
pub fn rest<T: Send>(target: &Target, groups: usize, look: impl FnOnce() -> T + Send) -> Result<T, Fault> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    check_limit(groups, limit.current.unwrap_or(u64::MAX))?;
    coordinator::await_found(target.address, Kind::Group, &target.topic)?;
    std::thread::scope(|scope| {
        crowd::run(async {
            let clients = crowd::open(target.address, groups).await?;
            let mut running = JoinSet::new();
            for (index, client) in clients.into_iter().enumerate() {
                let standing = Standing::new(1, 1);
                let group = format!("{}-{index}", target.topic);
                let place = Place { index, group, topic: target.topic.clone(), standing: standing.clone() };
                running.spawn(classic::member(client, place, 1));
                // As spread as their heartbeats are meant to be.
                let agreed = timeout(AGREE_MAX, standing.agreed.notified());
                let late = Fault::TooLate { what: "a group of one".into(), seconds: AGREE_MAX.as_secs() };
                agreed.await.map_err(|_| late)?;
            }
            let (done, seen) = tokio::sync::oneshot::channel();
            scope.spawn(move || drop(done.send(look())));
            tokio::select! {
                seen = seen => Ok(seen.expect("who looks does not panic")),
                ended = running.join_next() => {
                    ended.expect("there are members").expect("a member does not panic")?;
                    Err(Fault::Usage("a member left".into()))
                }
            }
        })
    })
}

/// One member's place in the crowd.
struct Place {
    index: usize,
    group: String,
    topic: String,
    standing: Arc<Standing>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_open_files_that_is_too_low_is_told() {
        assert!(check_limit(10_000, 17_000).is_ok());
        assert!(check_limit(10_000, 16_999).unwrap_err().to_string().contains("17000"));
    }

    #[test]
    fn all_agree_when_each_told_the_same_and_every_partition_has_an_owner() {
        let standing = Standing::new(2, 3);
        let agreed = || {
            let waiting = async { timeout(Duration::from_millis(1), standing.agreed.notified()).await.is_ok() };
            crowd::run(async { Ok(waiting.await) }).unwrap()
        };
        standing.tell(0, 1, 3);
        assert!(!agreed(), "one is missing");
        standing.tell(1, 2, 1);
        assert!(!agreed(), "of two generations");
        standing.tell(0, 2, 1);
        assert!(!agreed(), "a partition has no owner");
        standing.tell(0, 2, 3);
        standing.tell(1, 2, 0);
        assert!(!agreed(), "not shared out yet");
        standing.tell(1, 2, 1);
        standing.tell(0, 2, 2);
        assert!(agreed());
        standing.lose(1);
        standing.tell(0, 3, 3);
        assert!(!agreed(), "one began again");
    }
}
