//! `ottla consume -g`: reads what the group gives us, commits as it goes, and leaves in good order.
use super::{
    ConsumeArgs, Sink,
    ending::Ending,
    fetch::{Consumer, Reading},
    membership::{self, Membership, Next},
    offsets,
};
use crate::{
    cli::{
        CliError,
        cluster::{Cluster, Topic},
    },
    platform::{Clock, SystemClock},
    types::Isolation,
    wire::StrBytes,
};
use std::{collections::BTreeMap, time::Duration};

/// Between heartbeats; with each goes a commit of what was read since.
const BEAT: Duration = Duration::from_secs(3);
/// So many between two looks whether topics have got more partitions.
const BEATS_TO_LOOK: u32 = 2;
/// Between two tries to join while the broker is away.
const PAUSE: Duration = Duration::from_millis(100);

/// Why a round of reading ended.
enum Ended {
    /// All that was wanted was read, or reading failed.
    Reading(Result<(), CliError>),
    Interrupted,
    Rejoin,
    /// The broker went away.
    Lost(CliError),
}

/// What is left of a round whose broker went away.
struct Lost {
    membership: Membership,
    /// Written out, not committed.
    offsets: BTreeMap<i32, i64>,
}

/// What a round begins with.
struct Joined {
    membership: Membership,
    topic: Topic,
    readings: Vec<Reading>,
}

pub async fn run(
    mut cluster: Cluster,
    group: &str,
    args: &ConsumeArgs,
    isolation: Isolation,
    sink: &mut Sink<'_>,
) -> Result<(), CliError> {
    let mut ending = Ending::listen()?;
    let mut member_id = StrBytes::default();
    let mut lost = None;
    loop {
        let joined = tokio::select! {
            joined = join(&mut cluster, group, &mut member_id, args, isolation, lost.take()) => joined?,
            () = ending.wanted() => {
                membership::withdraw(&mut cluster, group, member_id).await;
                return Ok(());
            }
        };
        let Joined { membership, topic, readings } = joined;
        sink.output.remark(&format!("ottla: group {group} gave us {}", named(&topic.name, &membership.partitions)));
        let mut round = Round {
            committed: readings.iter().map(|reading| (reading.partition, reading.next)).collect(),
            consumer: Consumer::new(cluster, topic.clone(), readings, isolation),
            topic: topic.name.clone(),
            // The others may have them all, and one of them may go; who wants what is there now need not wait for that.
            waits: membership.partitions.is_empty() && args.stops().next().is_none(),
            beats: 0,
            membership,
        };
        let ended = round.read(sink, &mut ending).await?;
        match ended {
            Ended::Rejoin => {
                cluster = round.consumer.into_cluster();
            }
            Ended::Lost(error) => {
                sink.output.remark(&format!("ottla: {error}; joining again"));
                lost = Some(Lost { offsets: round.uncommitted(), membership: round.membership });
                cluster = round.consumer.into_cluster();
            }
            Ended::Interrupted => return round.leave(Ok(()), sink).await,
            Ended::Reading(result) => return round.leave(result, sink).await,
        }
    }
}

/// Joins, again and with the same id while the broker is away, which it may be as long as an answer may take.
async fn join(
    cluster: &mut Cluster,
    group: &str,
    member_id: &mut StrBytes,
    args: &ConsumeArgs,
    isolation: Isolation,
    mut lost: Option<Lost>,
) -> Result<Joined, CliError> {
    let clock = SystemClock::new();
    let (mut since, mut anew) = (None, lost.is_some());
    loop {
        let joining = async {
            if anew {
                cluster.reconnect().await?;
            }
            if let Some(lost) = &mut lost {
                // The group may be as it was: what was printed need not be printed twice.
                lost.membership.find_again(cluster).await?;
                lost.membership.commit(&args.topic, &lost.offsets).await?;
            }
            lost = None;
            let membership = Membership::join(cluster, &args.topic, group, member_id).await?;
            let topic = cluster.topic(&args.topic).await?;
            let readings = readings(cluster, &topic, &membership, args, isolation).await?;
            Ok(Joined { membership, topic, readings })
        };
        let error = match joining.await {
            Ok(joined) => return Ok(joined),
            Err(error) => error,
        };
        let now = clock.monotonic();
        // Who was never a member is better told at once.
        let gives_up = member_id.is_empty() || now - *since.get_or_insert(now) >= cluster.timeout();
        if gives_up || !CliError::is_of_absence(&error) {
            return Err(error);
        }
        anew = true;
        tokio::time::sleep(PAUSE).await;
    }
}

/// The time between two rebalances.
struct Round {
    membership: Membership,
    consumer: Consumer,
    topic: String,
    committed: BTreeMap<i32, i64>,
    waits: bool,
    beats: u32,
}

impl Round {
    async fn read(&mut self, sink: &mut Sink<'_>, ending: &mut Ending) -> Result<Ended, CliError> {
        loop {
            let beat = tokio::time::sleep(BEAT);
            let read = async {
                match self.waits {
                    true => std::future::pending().await,
                    false => self.consumer.run(sink).await,
                }
            };
            tokio::select! {
                result = read => return Ok(match result {
                    Err(error @ CliError::Unreachable(_)) => Ended::Lost(error),
                    result => Ended::Reading(result),
                }),
                () = ending.wanted() => return Ok(Ended::Interrupted),
                () = beat => {}
            }
            // What was printed is what is committed, so what is not seen yet must not be.
            if let Err(error) = self.consumer.flush(sink) {
                return Ok(Ended::Reading(Err(error)));
            }
            match self.keep_up().await {
                Ok(Next::GoOn) => {}
                Ok(Next::Rejoin) => return Ok(Ended::Rejoin),
                Err(error) if error.is_of_absence() => return Ok(Ended::Lost(error)),
                Err(error) => return Err(error),
            }
        }
    }

    async fn keep_up(&mut self) -> Result<Next, CliError> {
        self.beats += 1;
        let looks = self.beats.is_multiple_of(BEATS_TO_LOOK);
        if self.commit().await? == Next::GoOn
            && self.membership.heartbeat().await? == Next::GoOn
            && (!looks || self.membership.look_for_partitions(self.consumer.cluster()).await? == Next::GoOn)
        {
            return Ok(Next::GoOn);
        }
        // In a rebalance the former generation may still commit.
        self.commit().await?;
        Ok(Next::Rejoin)
    }

    /// What was written out since the last commit.
    fn uncommitted(&self) -> BTreeMap<i32, i64> {
        let moved = |(partition, next): &(i32, i64)| self.committed.get(partition) != Some(next);
        let shown = self.consumer.shown().iter().map(|(partition, next)| (*partition, *next));
        shown.filter(moved).collect()
    }

    async fn commit(&mut self) -> Result<Next, CliError> {
        let offsets = self.uncommitted();
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
    let to = offsets::resolve_first(cluster, topic, partitions, args.stops(), isolation, now_ms).await?;
    let reading = |(partition, next): (i32, i64)| Reading { partition, next, stop: to.get(&partition).copied() };
    Ok(from.into_iter().map(reading).collect())
}

fn named(topic: &str, partitions: &[i32]) -> String {
    match partitions {
        [] => "no partition".to_owned(),
        some => format!("{topic}:{}", some.iter().map(i32::to_string).collect::<Vec<_>>().join(",")),
    }
}
