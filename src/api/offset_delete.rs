//! OffsetDelete 0: a group forgets offsets of topics that none of its members reads (KIP-496, GRP-22).
use super::{Context, Reply, errors};
use crate::{
    coordinator::group::{
        self,
        offsets::{self, Delete, DeleteTopic},
    },
    types::ErrorCode,
};
use kafka_protocol::messages::{
    OffsetDeleteRequest, OffsetDeleteResponse, TopicName,
    offset_delete_request::OffsetDeleteRequestTopic,
    offset_delete_response::{OffsetDeleteResponsePartition, OffsetDeleteResponseTopic},
};

pub fn handle(cx: &Context, request: OffsetDeleteRequest) -> Reply<OffsetDeleteResponse> {
    let id = request.group_id.0;
    if id.is_empty() {
        let code = cx.error(ErrorCode::InvalidGroupId);
        return Reply::Now(OffsetDeleteResponse::default().with_error_code(code));
    }
    let topic = |topic: OffsetDeleteRequestTopic| DeleteTopic {
        topic: topic.name.0,
        partitions: topic.partitions.into_iter().map(|partition| partition.partition_index).collect(),
    };
    let topics: Vec<DeleteTopic> = request.topics.into_iter().map(topic).collect();
    let delete = Delete { group: id.clone(), topics: topics.clone() };
    let pending = cx.broker.groups.submit(&id, group::Request::Offsets(offsets::Request::Delete(delete)));
    let cx = cx.clone();
    Reply::later(async move {
        let codes = match pending.await {
            Ok(group::Reply::Offsets(offsets::Reply::Deleted(result))) => result,
            Ok(_) => Err(ErrorCode::UnknownServerError),
            Err(fault) => Err(errors::coordinator(&fault)),
        };
        match codes {
            Ok(codes) => answer(&cx, topics, codes),
            Err(code) => OffsetDeleteResponse::default().with_error_code(cx.error(code)),
        }
    })
}

fn answer(cx: &Context, asked: Vec<DeleteTopic>, codes: Vec<ErrorCode>) -> OffsetDeleteResponse {
    let mut codes = codes.into_iter();
    let topics = asked.into_iter().map(|topic| {
        let partitions = topic.partitions.into_iter().map(|partition| {
            let code = codes.next().unwrap_or(ErrorCode::UnknownServerError);
            OffsetDeleteResponsePartition::default().with_partition_index(partition).with_error_code(cx.error(code))
        });
        OffsetDeleteResponseTopic::default().with_name(TopicName(topic.topic)).with_partitions(partitions.collect())
    });
    OffsetDeleteResponse::default().with_topics(topics.collect())
}
