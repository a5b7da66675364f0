//! OffsetCommit 2-10: how far a group has read. Version 3 adds the throttle time, 5 ends the client's own retention, 6
//! adds leader epochs, 7 static members, 8 is flexible, 9 is for members of the consumer protocol (KIP-848), 10 names
//! topics by id. The rules are in `coordinator::group::offsets` (GRP-15).
use super::{Context, Reply, errors};
use crate::{
    coordinator::group::{
        self,
        offsets::{self, Commit, CommitPartition, CommitTopic, Committer, Durability, Named, existing},
    },
    types::ErrorCode,
    wire::{OFFSETS_BY_TOPIC_ID, OffsetCommit},
};
use kafka_protocol::messages::{
    OffsetCommitResponse, TopicName,
    offset_commit_request::OffsetCommitRequestTopic,
    offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic},
};
use uuid::Uuid;

/// What the answer repeats of a topic.
struct Asked {
    name: TopicName,
    id: Uuid,
    partitions: Vec<i32>,
}

pub fn handle(cx: &Context, OffsetCommit(request): OffsetCommit) -> Reply<OffsetCommitResponse> {
    let asked: Vec<Asked> = request.topics.iter().map(asked).collect();
    let by_id = cx.version >= OFFSETS_BY_TOPIC_ID;
    let id = request.group_id.0;
    let commit = Commit {
        group: id.clone(),
        committer: Committer {
            member_id: request.member_id,
            instance_id: request.group_instance_id,
            generation: request.generation_id_or_member_epoch,
        },
        durability: match request.retention_time_ms {
            -1 => Durability::Kept,
            ms => Durability::KeptFor(ms),
        },
        topics: request.topics.into_iter().map(|topic| wanted(topic, by_id)).collect(),
        version: cx.version,
    };
    let pending = cx.broker.groups.submit(&id, group::Request::Offsets(offsets::Request::Commit(commit)));
    let cx = cx.clone();
    Reply::later(async move {
        let codes = match pending.await {
            Ok(group::Reply::Offsets(offsets::Reply::Committed(codes))) => codes,
            Ok(_) => refused(&cx, &asked, ErrorCode::UnknownServerError),
            Err(fault) => refused(&cx, &asked, errors::coordinator(&fault)),
        };
        answer(&cx, asked, codes)
    })
}

fn asked(topic: &OffsetCommitRequestTopic) -> Asked {
    let partitions = topic.partitions.iter().map(|partition| partition.partition_index).collect();
    Asked { name: topic.name.clone(), id: topic.topic_id, partitions }
}

fn wanted(topic: OffsetCommitRequestTopic, by_id: bool) -> CommitTopic {
    let partitions = topic.partitions.into_iter().map(|partition| CommitPartition {
        partition: partition.partition_index,
        offset: partition.committed_offset,
        leader_epoch: partition.committed_leader_epoch,
        metadata: partition.committed_metadata,
    });
    CommitTopic { topic: named(topic.name, topic.topic_id, by_id), partitions: partitions.collect() }
}

fn named(name: TopicName, id: Uuid, by_id: bool) -> Named {
    if by_id { Named::Id(id) } else { Named::Name(name.0) }
}

/// Nobody looked at the partitions; those that do not exist are told so nevertheless.
fn refused(cx: &Context, asked: &[Asked], why: ErrorCode) -> Vec<ErrorCode> {
    let image = cx.broker.image.load();
    let codes_of = |topic: &Asked| {
        let named = named(topic.name.clone(), topic.id, cx.version >= OFFSETS_BY_TOPIC_ID);
        existing(&image, &named, topic.partitions.iter().copied()).map(|code| code.or(why)).collect::<Vec<_>>()
    };
    asked.iter().flat_map(codes_of).collect()
}

fn answer(cx: &Context, asked: Vec<Asked>, codes: Vec<ErrorCode>) -> OffsetCommitResponse {
    let mut codes = codes.into_iter();
    let topics = asked.into_iter().filter(|topic| !topic.partitions.is_empty()).map(|topic| {
        let partitions = topic.partitions.into_iter().map(|partition| {
            let code = codes.next().unwrap_or(ErrorCode::UnknownServerError);
            OffsetCommitResponsePartition::default().with_partition_index(partition).with_error_code(cx.error(code))
        });
        let answer = OffsetCommitResponseTopic::default().with_partitions(partitions.collect());
        match cx.version >= OFFSETS_BY_TOPIC_ID {
            true => answer.with_topic_id(topic.id),
            false => answer.with_name(topic.name),
        }
    });
    OffsetCommitResponse::default().with_topics(topics.collect())
}
