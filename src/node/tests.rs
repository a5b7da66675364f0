//! The whole of a node's storage (metadata log, controller, partitions, logs, write-ahead log) over power losses and
//! kills at any moment: what was answered with `acks=all` is there afterwards, once, in order and visible.
mod clock;
mod directories;
mod earlier;
mod full;
mod moves;
mod strays;

use super::{
    limits::connection_rules,
    opened::{Opened, open},
};
use crate::{
    config,
    controller::{CreateTopics, NewTopic, TopicSelector},
    log::{AppendError, AppendOrigin, Closed},
    metrics::Metrics,
    node::NodeParts,
    platform::{Chance, Clock, Disk, ManualClock, MemoryDisk, OpenMode, RealDisk, SeededChance},
    record::{BatchBuilder, CheckedBatch, records, walk},
    replica::Partition,
    server::ConnectionLimits,
    types::{Acks, Isolation, Offset, TopicId},
};
use std::{collections::BTreeMap, future::Future, path::Path, sync::Arc, time::Duration};

const NOW_MS: i64 = 1_700_000_000_000;
const PARTITIONS: i32 = 3;
/// Longer than anything takes that is not stuck.
const STUCK: Duration = Duration::from_secs(10);

/// One partition as its only producer knows it: record `n` has the text of `n` and belongs at offset `n`.
#[derive(Clone, Default)]
struct Written {
    /// Numbers of the first records of all batches that were tried, with their counts and sizes.
    batches: BTreeMap<i64, (i32, usize)>,
    next: i64,
    acknowledged: i64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stands {
    Answered,
    /// The power went before the answer: either is right.
    Unsure,
    Deleted,
}

struct Topic {
    id: TopicId,
    stands: Stands,
    partitions: Vec<Written>,
}

struct World {
    topics: BTreeMap<String, Topic>,
    chance: Arc<SeededChance>,
    made: usize,
}

/// What ends a life early.
enum End {
    /// Of no interest when the power is off.
    Refused(String),
    Wrong(String),
}

fn refused(what: impl std::fmt::Display) -> End {
    End::Refused(what.to_string())
}

fn wait<T>(future: impl Future<Output = T>) -> Result<T, End> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime
        .block_on(async { tokio::time::timeout(STUCK, future).await })
        .map_err(|_| End::Wrong("an answer never came".into()))
}

fn batch(first: i64, (count, size): (i32, usize)) -> CheckedBatch {
    let builder = BatchBuilder::new(NOW_MS).producer(1, 0, first as i32);
    let records = (first..first + i64::from(count)).map(|number| format!("{number} {}", "x".repeat(size)));
    records.fold(builder, |batch, text| batch.record(None, Some(text.as_bytes()))).build()
}

fn parts(disk: &MemoryDisk, directories: &str, chance: Arc<dyn Chance>) -> NodeParts {
    let overrides = [("log.dirs", directories), ("ottla.http.listen", "off"), ("node.id", "1")];
    let overrides: Vec<_> = overrides.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    let loaded = config::load(None, std::iter::empty(), &overrides, &RealDisk).expect("good settings");
    NodeParts {
        config: loaded.node,
        raw: loaded.raw,
        disk: Arc::new(disk.clone()),
        clock: Arc::new(ManualClock::at_wall_ms(NOW_MS)) as Arc<dyn Clock>,
        chance,
        version: "test",
        views: false,
    }
}

impl World {
    fn below(&self, bound: u64) -> u64 {
        self.chance.u64() % bound
    }

    fn parts(&self, disk: &MemoryDisk) -> NodeParts {
        parts(disk, "/data", self.chance.clone())
    }

    /// One life of a node; answers the disk as the end of it leaves it.
    fn live(&mut self, disk: MemoryDisk) -> Result<MemoryDisk, String> {
        let power_fails = self.below(4) > 0;
        if power_fails {
            disk.power_off_after(1 + self.below(500));
        }
        let parts = self.parts(&disk);
        let metrics = Metrics::new("test");
        let limits = ConnectionLimits::new(connection_rules(&parts.config.network));
        let mut opened = match open(&parts, &parts.config.network.advertised.clone(), &metrics, limits) {
            Ok(opened) => Some(opened),
            Err(error) if is_off(&disk) && !error.to_string().contains("damaged") => None,
            Err(error) => return Err(error.to_string()),
        };
        if let Some(opened) = &mut opened {
            match self.live_in(opened) {
                Err(End::Refused(_)) if is_off(&disk) => {}
                Err(End::Refused(what)) => return Err(format!("refused without cause: {what}")),
                Err(End::Wrong(what)) => return Err(what),
                Ok(()) => {}
            }
        }
        // Taken while the node still runs, and a disk of its own: nothing that threads of this life still do is seen on it.
        let left = match self.below(3) {
            0 => disk.crash(),
            1 => disk.killed(),
            _ => disk.crash_with(&*self.chance),
        };
        disk.power_off_after(0);
        if let Some(Opened { storage, mut controller, .. }) = opened {
            controller.stop();
            let _ = storage.directories[0].close();
        }
        Ok(left)
    }

    fn live_in(&mut self, Opened { storage, controller, partitions, .. }: &mut Opened) -> Result<(), End> {
        self.check_topics(|id| controller.handle().image().topics.by_id(id).is_some())?;
        for (name, topic) in &mut self.topics {
            for (index, written) in topic.partitions.iter_mut().enumerate() {
                let partition = partitions.partition(name, index as i32).ok_or_else(|| {
                    End::Wrong(format!("the partition {name}-{index} is in the metadata and not on the broker"))
                })?;
                check(&partition, written)?;
            }
        }
        for _ in 0..self.below(60) {
            let names: Vec<String> = self.topics.keys().cloned().collect();
            match self.below(20) {
                0 => self.create(controller.handle())?,
                1 if names.len() > 1 => {
                    let name = &names[self.below(names.len() as u64) as usize];
                    self.delete(controller.handle(), name)?;
                }
                2 => storage.directories[0].checkpoint().map_err(refused)?,
                _ if names.is_empty() => self.create(controller.handle())?,
                _ => {
                    let name = &names[self.below(names.len() as u64) as usize];
                    let index = self.below(PARTITIONS as u64) as usize;
                    let partition = partitions.partition(name, index as i32).expect("a partition of a known topic");
                    self.produce(name, index, &partition)?;
                }
            }
        }
        if self.below(4) == 0 {
            controller.stop();
            partitions.close_marks(Closed::Stopping);
            storage.directories[0].close().map_err(refused)?;
            for written in self.topics.values_mut().flat_map(|topic| &mut topic.partitions) {
                // An orderly stop keeps also what nobody waited for.
                written.acknowledged = written.next;
            }
        }
        Ok(())
    }

    fn check_topics(&mut self, exists: impl Fn(TopicId) -> bool) -> Result<(), End> {
        for (name, topic) in &mut self.topics {
            match (topic.stands, exists(topic.id)) {
                (Stands::Answered, false) => return Err(End::Wrong(format!("the topic {name} is gone"))),
                (Stands::Deleted, true) => return Err(End::Wrong(format!("the deleted topic {name} is back"))),
                (_, true) => topic.stands = Stands::Answered,
                (_, false) => topic.stands = Stands::Deleted,
            }
        }
        // Deleted ones are looked at once more by their ids, in the life after; names are used once.
        self.topics.retain(|_, topic| topic.stands != Stands::Deleted);
        Ok(())
    }

    fn create(&mut self, controller: &crate::controller::ControllerHandle) -> Result<(), End> {
        self.made += 1;
        let name = format!("topic-{}", self.made);
        let wanted = NewTopic {
            partitions: PARTITIONS,
            configs: vec![("segment.bytes".into(), Some("1048576".into()))],
            ..NewTopic::named(&name)
        };
        let created = wait(controller.create_topics(CreateTopics { topics: vec![wanted], validate_only: false }))?
            .map_err(refused)?;
        let facts = created[0].result.as_ref().map_err(refused)?;
        let partitions = vec![Written::default(); PARTITIONS as usize];
        self.topics.insert(name, Topic { id: facts.id, stands: Stands::Answered, partitions });
        Ok(())
    }

    fn delete(&mut self, controller: &crate::controller::ControllerHandle, name: &str) -> Result<(), End> {
        let topic = self.topics.get_mut(name).expect("a known topic");
        topic.stands = Stands::Unsure;
        wait(controller.delete_topics(vec![TopicSelector::Id(topic.id)]))?.map_err(refused)?;
        topic.stands = Stands::Deleted;
        self.topics.remove(name);
        Ok(())
    }

    /// Up to five batches on their way; sometimes their answer is waited for, sometimes one comes twice.
    fn produce(&mut self, name: &str, index: usize, partition: &Arc<Partition>) -> Result<(), End> {
        let mut last = None;
        for _ in 0..1 + self.below(5) {
            let size = if self.below(12) == 0 { 120_000 } else { 1 + self.below(200) as usize };
            let shape = (1 + self.below(4) as i32, size);
            let written = &mut self.topics.get_mut(name).expect("a known topic").partitions[index];
            let first = written.next;
            // Noted first: it may be in the log although the append failed with the power.
            written.batches.insert(first, shape);
            let appended = partition.append(batch(first, shape), Acks::All, AppendOrigin::Client).map_err(refused)?;
            if appended.base.get() != first || appended.duplicate {
                return Err(End::Wrong(format!("{name}-{index}: {first} was due, {appended:?} was given")));
            }
            written.next = first + i64::from(shape.0);
            last = Some((first, shape));
        }
        if self.below(3) == 0 {
            return Ok(());
        }
        let written = &mut self.topics.get_mut(name).expect("a known topic").partitions[index];
        acknowledge(partition, written)?;
        if let Some((first, shape)) = last {
            let again = partition.append(batch(first, shape), Acks::All, AppendOrigin::Client).map_err(refused)?;
            if !again.duplicate || again.base.get() != first {
                return Err(End::Wrong(format!("{name}-{index}: a batch that came twice is {again:?}")));
            }
        }
        Ok(())
    }
}

fn acknowledge(partition: &Arc<Partition>, written: &mut Written) -> Result<(), End> {
    let high = partition.visible(Isolation::ReadUncommitted).map_err(refused)?;
    wait(high.reached(Offset::new(written.next)))?.map_err(refused)?;
    written.acknowledged = written.next;
    Ok(())
}

fn is_off(disk: &MemoryDisk) -> bool {
    disk.open(Path::new("/probe"), OpenMode::Create).and_then(|file| file.write_all_at(b"x", 0)).is_err()
}

/// Everything acknowledged is there and can be seen, in its place; a batch that is sent again is known.
fn check(partition: &Arc<Partition>, written: &mut Written) -> Result<(), End> {
    let id = partition.id().clone();
    let wrong = |what: String| End::Wrong(format!("{id}: {what}"));
    let log = partition.log().map_err(|error| match error {
        crate::replica::Unavailable::Damaged(what) => End::Wrong(what),
        other => refused(other),
    })?;
    let bounds = log.bounds();
    if bounds.high().get() < written.acknowledged {
        return Err(wrong(format!("{} was acknowledged, {bounds:?} is there", written.acknowledged)));
    }
    let mut at = 0;
    while at < bounds.high().get() {
        let read = partition.read(Offset::new(at), Isolation::ReadUncommitted, 200_000, true).map_err(refused)?;
        let bytes = read.slice.ok_or_else(|| wrong(format!("nothing at {at}")))?.read().map_err(refused)?;
        for found in walk(&bytes) {
            let found = found.map_err(|error| wrong(format!("no batch at {at}: {error}")))?;
            let records = records(&found.header, found.bytes, 1 << 20).map_err(|error| wrong(error.to_string()))?;
            for record in &records {
                let value = record.map_err(|error| wrong(error.to_string()))?.value.unwrap_or_default().to_vec();
                let number: Option<i64> =
                    String::from_utf8(value).ok().and_then(|text| text.split(' ').next()?.parse().ok());
                if number != Some(at) {
                    return Err(wrong(format!("{number:?} stands at {at}")));
                }
                at += 1;
            }
        }
    }
    // What was not answered may be there or not; its producer would send it again, in order.
    let end = log.bounds().end().get();
    written.batches.retain(|first, _| *first < end);
    written.next = end;
    let window: Vec<_> = written.batches.iter().rev().take(5).map(|(first, shape)| (*first, *shape)).collect();
    for (first, shape) in window.into_iter().rev() {
        let again = partition.append(batch(first, shape), Acks::All, AppendOrigin::Client);
        let again = again.map_err(|error| refused(format!("{id}: the batch of {first} of {end}: {error}")))?;
        if !again.duplicate || again.base.get() != first {
            return Err(wrong(format!("the batch of {first}, sent again, is {again:?}")));
        }
    }
    // A batch sent again is answered when it is safe, not at some later checkpoint.
    acknowledge(partition, written)
}

fn run(seed: u64, lives: usize, lying: bool) -> Result<(), String> {
    let mut world = World { topics: BTreeMap::new(), chance: Arc::new(SeededChance::new(seed)), made: 0 };
    let mut disk = MemoryDisk::new();
    for life in 0..lives {
        disk.ignore_syncs(lying);
        disk = world.live(disk).map_err(|what| format!("seed {seed}, life {life}: {what}"))?;
    }
    Ok(())
}

#[test]
fn log_7_idem_10_nothing_answered_by_a_node_is_lost_doubled_or_hidden_by_crashes() {
    for seed in 0..12 {
        run(seed, 8, false).unwrap();
    }
}

#[test]
fn log_7_the_crash_test_of_a_node_notices_a_disk_that_lies() {
    assert!((0..4).all(|seed| run(seed, 8, true).is_err()));
}
