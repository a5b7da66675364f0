//! AlterReplicaLogDirs 1-2 (KIP-113): partitions are to be in another of this broker's log directories. Version 2 is flexible.
//!
//! The answer says that the move has begun; DescribeLogDirs tells how far the copy is.
use super::{Context, Reply, cold};
use crate::{log::may_move, replica::Unavailable, types::ErrorCode};
use kafka_protocol::messages::{
    AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse, TopicName,
    alter_replica_log_dirs_response::{AlterReplicaLogDirPartitionResult, AlterReplicaLogDirTopicResult},
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

pub fn handle(cx: &Context, request: AlterReplicaLogDirsRequest) -> Reply<AlterReplicaLogDirsResponse> {
    let cx = cx.clone();
    // A move that is called off may have to be waited for, or its directory.
    Reply::Held(Box::pin(async move { Reply::Now(cold::patiently(move || begin_all(&cx, request)).await) }))
}

fn begin_all(cx: &Context, request: AlterReplicaLogDirsRequest) -> AlterReplicaLogDirsResponse {
    // Of several directories for one partition the last one counts, as in Kafka.
    let mut wanted: BTreeMap<(String, i32), PathBuf> = BTreeMap::new();
    for dir in &request.dirs {
        for topic in &dir.topics {
            let at = |index: &i32| ((topic.name.to_string(), *index), PathBuf::from(dir.path.as_str()));
            wanted.extend(topic.partitions.iter().map(at));
        }
    }
    let mut results: BTreeMap<String, Vec<AlterReplicaLogDirPartitionResult>> = BTreeMap::new();
    for ((topic, index), path) in wanted {
        let code = begin(cx, &topic, index, &path).err().unwrap_or(ErrorCode::None);
        let result = AlterReplicaLogDirPartitionResult::default();
        results.entry(topic).or_default().push(result.with_partition_index(index).with_error_code(cx.error(code)));
    }
    let topic = |(name, partitions): (String, Vec<_>)| {
        AlterReplicaLogDirTopicResult::default().with_topic_name(TopicName(name.into())).with_partitions(partitions)
    };
    AlterReplicaLogDirsResponse::default().with_results(results.into_iter().map(topic).collect())
}

fn begin(cx: &Context, topic: &str, index: i32, path: &Path) -> Result<(), ErrorCode> {
    let partitions = &cx.broker.partitions;
    let Ok(name) = crate::types::TopicName::parse(topic) else { return Err(ErrorCode::UnknownTopicOrPartition) };
    if !may_move(&name, index) {
        return Err(ErrorCode::InvalidTopicException);
    }
    let is_it = |other: &Path| std::path::absolute(other).is_ok_and(|other| other == path);
    if partitions.offline().iter().any(|offline| is_it(offline)) {
        return Err(ErrorCode::KafkaStorageError);
    }
    let to = partitions.directories().iter().find(|directory| is_it(directory.path()));
    let to = to.ok_or(ErrorCode::LogDirNotFound)?;
    if to.failure().is_some() {
        return Err(ErrorCode::KafkaStorageError);
    }
    if partitions.is_cordoned(to.path()) {
        return Err(ErrorCode::InvalidReplicaAssignment);
    }
    let partition = partitions.partition(topic, index).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let moves = partitions.moves().ok_or(ErrorCode::KafkaStorageError)?;
    moves.want(&partition, to).map_err(|fault| match fault {
        Unavailable::NotLeader => ErrorCode::ReplicaNotAvailable,
        _ => ErrorCode::KafkaStorageError,
    })
}
