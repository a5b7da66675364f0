//! `ottla consume -g`: reads what the group gives us, commits as it goes, and leaves in good order.
use super::{
    ConsumeArgs, Sink,
    fetch::{Consumer, Reading},
    membership::{Membership, Next},
    offsets::{self, At},
};
use crate::{
    cli::{
        CliError,
        cluster::{Cluster, Topic},
    },
    platform::{Clock, SystemClock},
    types::Isolation,
};
use std::{collections::BTreeMap, time::Duration};

/// Between heartbeats; with each goes a commit of what was read since.
const BEAT: Duration = Duration::from_secs(3);

/// Why a round of reading ended.
enum Ended {
    /// All that was wanted was read, or reading failed.
    Reading(Result<(), CliError>),
    Interrupted,
    Rejoin,
}

pub async fn run(
    mut cluster: Cluster,
    topic: Topic,
    group: &str,
    args: &ConsumeArgs,
    isolation: Isolation,
    sink: &mut Sink<'_>,
) -> Result<(), CliError> {
    let mut member_id = String::new();
    loop {
        let membership = Membership::join(&mut cluster, &topic, group, &member_id).await?;
        let partitions = &membership.partitions;
        sink.output.remark(&format!("ottla: group {group} gave us {}", named(&topic.name, partitions)));
        let topic = cluster.topic(&topic.name).await?;
        let readings = readings(&mut cluster, &topic, &membership, args, isolation).await?;
        let mut round = Round {
            committed: readings.iter().map(|reading| (reading.partition, reading.next)).collect(),
            consumer: Consumer::new(cluster, topic.clone(), readings, isolation),
            topic: topic.name.clone(),
            // The others may have them all, and one of them may go; who wants what is there now need not wait for that.
            waits: membership.partitions.is_empty() && !args.exit_at_end && args.offset.to.is_none(),
            membership,
        };
        let ended = round.read(sink).await?;
        match ended {
            Ended::Rejoin => {
                round.membership.member_id().clone_into(&mut member_id);
                cluster = round.consumer.into_cluster();
            }
            Ended::Interrupted => return round.leave(Ok(()), sink).await,
            Ended::Reading(result) => return round.leave(result, sink).await,
        }
    }
}

/// The time between two rebalances.
struct Round {
    membership: Membership,
    consumer: Consumer,
    topic: String,
    committed: BTreeMap<i32, i64>,
    waits: bool,
}

impl Round {
    async fn read(&mut self, sink: &mut Sink<'_>) -> Result<Ended, CliError> {
        let interrupt = tokio::signal::ctrl_c();
        tokio::pin!(interrupt);
        loop {
            let beat = tokio::time::sleep(BEAT);
            let read = async {
                match self.waits {
                    true => std::future::pending().await,
                    false => self.consumer.run(sink).await,
                }
            };
            tokio::select! {
                result = read => return Ok(Ended::Reading(result)),
                _ = &mut interrupt => return Ok(Ended::Interrupted),
                () = beat => {}
            }
            // What was printed is what is committed, so what is not seen yet must not be.
            if let Err(error) = self.consumer.flush(sink) {
                return Ok(Ended::Reading(Err(error)));
            }
            if self.commit().await? == Next::Rejoin || self.membership.heartbeat().await? == Next::Rejoin {
                // In a rebalance the former generation may still commit.
                self.commit().await?;
                return Ok(Ended::Rejoin);
            }
        }
    }

    /// What was written out since the last commit.
    async fn commit(&mut self) -> Result<Next, CliError> {
        let moved = |(partition, next): &(i32, i64)| self.committed.get(partition) != Some(next);
        let shown = self.consumer.shown().iter().map(|(partition, next)| (*partition, *next));
        let offsets: BTreeMap<i32, i64> = shown.filter(moved).collect();
        if offsets.is_empty() {
            return Ok(Next::GoOn);
        }
        let next = self.membership.commit(&self.topic, &offsets).await?;
        if next == Next::GoOn {
            self.committed.extend(offsets);
        }
        Ok(next)
    }

    async fn leave(mut self, result: Result<(), CliError>, sink: &mut Sink<'_>) -> Result<(), CliError> {
        let flushed = self.consumer.flush(sink);
        let committed = self.commit().await;
        let left = self.membership.leave().await;
        result.and(flushed).and(committed.map(|_| ())).and(left)
    }
}

/// From where the group stopped, or from where we were told to begin.
async fn readings(
    cluster: &mut Cluster,
    topic: &Topic,
    membership: &Membership,
    args: &ConsumeArgs,
    isolation: Isolation,
) -> Result<Vec<Reading>, CliError> {
    let partitions = &membership.partitions;
    let now_ms = SystemClock::new().wall_ms();
    let mut from = membership.committed(&topic.name).await?;
    let new: Vec<i32> = partitions.iter().copied().filter(|partition| !from.contains_key(partition)).collect();
    from.extend(offsets::resolve(cluster, topic, &new, args.offset.from, isolation, now_ms).await?);
    let to = match args.offset.to.or(args.exit_at_end.then_some(At::End)) {
        None => BTreeMap::new(),
        Some(to) => offsets::resolve(cluster, topic, partitions, to, isolation, now_ms).await?,
    };
    let reading = |(partition, next): (i32, i64)| Reading { partition, next, stop: to.get(&partition).copied() };
    Ok(from.into_iter().map(reading).collect())
}

fn named(topic: &str, partitions: &[i32]) -> String {
    match partitions {
        [] => "no partition".to_owned(),
        some => format!("{topic}:{}", some.iter().map(i32::to_string).collect::<Vec<_>>().join(",")),
    }
}
