//! OffsetDelete 0: a group forgets offsets of topics that none of its members reads (KIP-496, GRP-22).
use super::{Context, Reply, errors};
use crate::{
    coordinator::group::{
        self,
        offsets::{self, Delete, DeleteTopic, TOMBSTONES_MAX},
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
    // All are decided before this returns.
    let pending: Vec<_> = parts(&topics)
        .map(|topics| {
            let count = topics.iter().map(|topic| topic.partitions.len()).sum();
            let delete = Delete { group: id.clone(), topics };
            (count, cx.broker.groups.submit(&id, group::Request::Offsets(offsets::Request::Delete(delete))))
        })
        .collect();
    let cx = cx.clone();
    Reply::later(async move {
        let mut codes = Vec::new();
        for (number, (count, pending)) in pending.into_iter().enumerate() {
            match pending.await {
                Ok(group::Reply::Offsets(offsets::Reply::Deleted(Ok(part)))) => codes.extend(part),
                // With its last offset the group itself went.
                Ok(group::Reply::Offsets(offsets::Reply::Deleted(Err(ErrorCode::GroupIdNotFound)))) if number > 0 => {
                    codes.extend(std::iter::repeat_n(ErrorCode::None, count));
                }
                Ok(group::Reply::Offsets(offsets::Reply::Deleted(Err(code)))) => return refused(&cx, code),
                Ok(_) => return refused(&cx, ErrorCode::UnknownServerError),
                Err(fault) => return refused(&cx, errors::coordinator(&fault)),
            }
        }
        answer(&cx, topics, codes)
    })
}

/// Parts that fit one write each, in order; one of nothing where nothing was asked.
fn parts(topics: &[DeleteTopic]) -> impl Iterator<Item = Vec<DeleteTopic>> {
    let mut parts: Vec<Vec<DeleteTopic>> = vec![vec![]];
    let mut count = 0;
    for topic in topics {
        for partitions in topic.partitions.chunks(TOMBSTONES_MAX) {
            count += partitions.len();
            if count > TOMBSTONES_MAX {
                parts.push(vec![]);
                count = partitions.len();
            }
            let part = DeleteTopic { topic: topic.topic.clone(), partitions: partitions.to_vec() };
            parts.last_mut().expect("there is a first").push(part);
        }
    }
    parts.into_iter()
}

fn refused(cx: &Context, code: ErrorCode) -> OffsetDeleteResponse {
    OffsetDeleteResponse::default().with_error_code(cx.error(code))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::StrBytes;

    #[test]
    fn grp_22_large_requests_are_cut_in_order_and_nothing_is_lost() {
        let topic = |name: &'static str, count: i32| DeleteTopic {
            topic: StrBytes::from_static_str(name),
            partitions: (0..count).collect(),
        };
        let flat = |topics: &[DeleteTopic]| -> Vec<(String, i32)> {
            topics.iter().flat_map(|one| one.partitions.iter().map(|at| (one.topic.to_string(), *at))).collect()
        };
        let asked = [topic("a", 2_500), topic("b", 0), topic("c", 600)];
        let cut: Vec<_> = parts(&asked).collect();
        assert_eq!(cut.iter().map(|part| flat(part).len()).collect::<Vec<_>>(), [1_000, 1_000, 500, 600]);
        assert_eq!(cut.iter().flat_map(|part| flat(part)).collect::<Vec<_>>(), flat(&asked));
        assert_eq!(parts(&[]).count(), 1, "the group is asked all the same");
    }
}
