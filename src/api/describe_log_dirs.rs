//! DescribeLogDirs 1-5: what each log directory holds, and the room on its disk.
//!
//! Version 2 is flexible, 3 has an error for the whole answer, 4 the sizes of the disk (KIP-827), 5 says which
//! directories take no new partitions (KIP-1066).
use super::{Context, Reply, Response};
use crate::{
    log::LogDir,
    replica::{Future, Partition},
    types::ErrorCode,
    wire::{StrBytes, encode_log_dirs},
};
use kafka_protocol::messages::{
    DescribeLogDirsRequest, DescribeLogDirsResponse, TopicName,
    describe_log_dirs_response::{DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

type Wanted = Option<BTreeSet<(String, i32)>>;

pub fn handle(cx: &Context, request: DescribeLogDirsRequest) -> Reply<Response> {
    let wanted: Wanted = request.topics.map(|topics| {
        let named = topics.iter().flat_map(|topic| topic.partitions.iter().map(|at| (topic.topic.to_string(), *at)));
        named.collect()
    });
    let (version, correlation_id) = (cx.version, cx.correlation_id);
    let cx = cx.clone();
    let broker = cx.broker.clone();
    Reply::later(async move {
        // Sizes of logs that are not open are asked of the disk.
        let described = tokio::task::spawn_blocking(move || {
            let (partitions, held) = (&cx.broker.partitions, Held::now(&cx, &wanted));
            let offline = partitions.offline().iter().map(|path| failed(&cx, path));
            partitions.directories().iter().map(|one| describe(&cx, one, &held)).chain(offline).collect()
        });
        let response = DescribeLogDirsResponse::default().with_results(described.await.unwrap_or_default());
        let is_cordoned = |path: &str| {
            let directories = broker.partitions.directories().iter().map(|directory| directory.path());
            let mut cordoned = directories.filter(|directory| broker.partitions.is_cordoned(directory));
            cordoned.any(|directory| std::path::absolute(directory).is_ok_and(|directory| directory == Path::new(path)))
        };
        match encode_log_dirs(version, correlation_id, &response, &is_cordoned) {
            Ok(frame) => Response::Frame(frame),
            Err(bug) => Response::Close(bug.into()),
        }
    })
}

fn describe(cx: &Context, directory: &Arc<LogDir>, held: &Held) -> DescribeLogDirsResult {
    let path = directory.path();
    if directory.failure().is_some() {
        return failed(cx, path);
    }
    let room = if cx.version >= 4 { directory.room() } else { Ok((-1, -1)) };
    let sizes = room.and_then(|room| Ok((room, held.topics_of(directory)?)));
    match sizes {
        Ok(((total, usable), topics)) => {
            blank(path).with_topics(topics).with_total_bytes(total).with_usable_bytes(usable)
        }
        Err(error) => {
            tracing::warn!(directory = %path.display(), %error, "the log directory cannot be described");
            failed(cx, path)
        }
    }
}

fn blank(path: &Path) -> DescribeLogDirsResult {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    DescribeLogDirsResult::default().with_log_dir(StrBytes::from_string(path.to_string_lossy().into_owned()))
}

/// A directory that failed, now or before this start.
fn failed(cx: &Context, path: &Path) -> DescribeLogDirsResult {
    blank(path).with_error_code(cx.error(ErrorCode::KafkaStorageError))
}

/// What is where, of all directories at one moment: a partition that moves meanwhile is in one of them.
struct Held {
    partitions: Vec<(Arc<Partition>, Arc<LogDir>)>,
    futures: Vec<Future>,
}

impl Held {
    fn now(cx: &Context, wanted: &Wanted) -> Held {
        let is_wanted = |partition: &Arc<Partition>| {
            let key = || (partition.id().topic.to_string(), partition.id().partition);
            wanted.as_ref().is_none_or(|all| all.contains(&key()))
        };
        let topics = cx.broker.partitions.topics();
        let all = topics.iter().flat_map(|topic| topic.partitions.iter().flatten()).filter(|one| is_wanted(one));
        let partitions = all.filter_map(|one| Some((one.clone(), one.directory()?))).collect();
        // After the directories: what has come to its end meanwhile is still where it was.
        let futures = cx.broker.partitions.moves().map(|moves| moves.futures()).unwrap_or_default();
        Held { partitions, futures: futures.into_iter().filter(|future| is_wanted(&future.partition)).collect() }
    }

    fn topics_of(&self, directory: &Arc<LogDir>) -> std::io::Result<Vec<DescribeLogDirsTopic>> {
        let mut topics: BTreeMap<&str, Vec<DescribeLogDirsPartition>> = BTreeMap::new();
        let described = |partition: &Partition, bytes: u64| {
            DescribeLogDirsPartition::default()
                .with_partition_index(partition.id().partition)
                .with_partition_size(i64::try_from(bytes).unwrap_or(i64::MAX))
        };
        let is_here = |place: &Arc<LogDir>| Arc::ptr_eq(place, directory);
        let mut here = BTreeSet::new();
        for (partition, _) in self.partitions.iter().filter(|(_, place)| is_here(place)) {
            let bytes = match partition.opened() {
                Some(log) => log.size_bytes(),
                None => directory.size_of(partition.id())?,
            };
            here.insert(partition.id());
            // The current log of its partition, and the leader's own, lags behind nothing.
            topics.entry(partition.id().topic.as_str()).or_default().push(described(partition, bytes));
        }
        // A copy that has taken its place may still be known as one.
        let is_copy = |future: &&Future| is_here(&future.to) && !here.contains(future.partition.id());
        for future in self.futures.iter().filter(is_copy) {
            let end = future.partition.opened().map_or(future.reached, |log| log.bounds().end());
            let described = described(&future.partition, future.bytes)
                .with_offset_lag((end.get() - future.reached.get()).max(0))
                .with_is_future_key(true);
            topics.entry(future.partition.id().topic.as_str()).or_default().push(described);
        }
        let topic = |(name, partitions): (&str, _)| {
            let name = TopicName(StrBytes::from_string(name.to_owned()));
            DescribeLogDirsTopic::default().with_name(name).with_partitions(partitions)
        };
        Ok(topics.into_iter().map(topic).collect())
    }
}
