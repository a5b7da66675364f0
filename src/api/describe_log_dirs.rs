//! DescribeLogDirs 1-5: what each log directory holds, and the room on its disk.
//!
//! Version 2 is flexible, 3 has an error for the whole answer, 4 the sizes of the disk (KIP-827), 5 says which
//! directories take no new partitions (KIP-1066).
use super::{Context, Reply, Response};
use crate::{
    log::LogDir,
    replica::Partition,
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
            let partitions = &cx.broker.partitions;
            let offline = partitions.offline().iter().map(|path| failed(&cx, path));
            partitions.directories().iter().map(|one| describe(&cx, one, &wanted)).chain(offline).collect()
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

fn describe(cx: &Context, directory: &Arc<LogDir>, wanted: &Wanted) -> DescribeLogDirsResult {
    let path = directory.path();
    if directory.failure().is_some() {
        return failed(cx, path);
    }
    let room = if cx.version >= 4 { directory.room() } else { Ok((-1, -1)) };
    let sizes = room.and_then(|room| Ok((room, topics(cx, directory, wanted)?)));
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

fn topics(cx: &Context, directory: &Arc<LogDir>, wanted: &Wanted) -> std::io::Result<Vec<DescribeLogDirsTopic>> {
    let mut sizes: BTreeMap<String, Vec<DescribeLogDirsPartition>> = BTreeMap::new();
    for topic in cx.broker.partitions.topics() {
        let name = topic.name.as_str();
        let is_here = |partition: &&Arc<Partition>| {
            let key = || (name.to_owned(), partition.id().partition);
            partition.is_in(directory) && wanted.as_ref().is_none_or(|all| all.contains(&key()))
        };
        for partition in topic.partitions.iter().flatten().filter(is_here) {
            // The current log of its partition, and the leader's own, lags behind nothing.
            let described = DescribeLogDirsPartition::default()
                .with_partition_index(partition.id().partition)
                .with_partition_size(i64::try_from(directory.size_of(partition.id())?).unwrap_or(i64::MAX));
            sizes.entry(name.to_owned()).or_default().push(described);
        }
    }
    for future in cx.broker.partitions.moves().map(|moves| moves.futures_in(directory)).unwrap_or_default() {
        let (name, index) = (future.partition.id().topic.as_str().to_owned(), future.partition.id().partition);
        if wanted.as_ref().is_none_or(|all| all.contains(&(name.clone(), index))) {
            let end = future.partition.opened().map_or(future.reached, |log| log.bounds().end());
            let described = DescribeLogDirsPartition::default()
                .with_partition_index(index)
                .with_partition_size(i64::try_from(future.bytes).unwrap_or(i64::MAX))
                .with_offset_lag((end.get() - future.reached.get()).max(0))
                .with_is_future_key(true);
            sizes.entry(name).or_default().push(described);
        }
    }
    let topic = |(name, partitions)| {
        DescribeLogDirsTopic::default().with_name(TopicName(StrBytes::from_string(name))).with_partitions(partitions)
    };
    Ok(sizes.into_iter().map(topic).collect())
}
