//! AlterPartitionReassignments 0-1 (KIP-455): other brokers for the replicas of partitions. Version 1 can forbid that there
//! be more or fewer of them (KIP-860).
use super::{Context, Reply, patience::within, reply};
use crate::{
    controller::{EachPartition, ReassignPartitions, Reassignment, Refused},
    wire::StrBytes,
};
use kafka_protocol::messages::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse,
    alter_partition_reassignments_response::{ReassignablePartitionResponse, ReassignableTopicResponse},
};

pub fn handle(cx: &Context, request: AlterPartitionReassignmentsRequest) -> Reply<AlterPartitionReassignmentsResponse> {
    let replication_may_change = request.allow_replication_factor_change;
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.into_iter().map(|partition| Reassignment {
            partition: partition.partition_index,
            replicas: partition.replicas.map(|replicas| replicas.iter().map(|id| id.0).collect()),
        });
        (topic.name.to_string(), partitions.collect::<Vec<_>>())
    });
    let topics: Vec<_> = topics.collect();
    // As Kafka says of a request that asks for nothing.
    let message = topics.is_empty().then(StrBytes::default);
    let timeout_ms = if topics.is_empty() { i32::MAX } else { request.timeout_ms };
    let asked: Vec<(String, Vec<i32>)> =
        topics.iter().map(|(name, wanted)| (name.clone(), wanted.iter().map(|one| one.partition).collect())).collect();
    let wanted = ReassignPartitions { topics, replication_may_change };
    let cx = cx.clone();
    Reply::later(async move {
        let blank = AlterPartitionReassignmentsResponse::default().with_error_message(message);
        let blank =
            if cx.version >= 1 { blank.with_allow_replication_factor_change(replication_may_change) } else { blank };
        match within(timeout_ms, cx.broker.controller.reassign_partitions(wanted)).await {
            Ok(topics) => blank.with_responses(responses(&cx, topics)),
            // All of it: told above, and for each partition once more.
            Err(refused) => {
                let each = |number| (number, Err(refused.clone()));
                let all = asked.into_iter().map(|(name, numbers)| (name, numbers.into_iter().map(each).collect()));
                blank
                    .with_responses(responses(&cx, all.collect()))
                    .with_error_code(cx.error(refused.code))
                    .with_error_message(Some(reply::message(refused.message)))
            }
        }
    })
}

fn responses(cx: &Context, topics: EachPartition) -> Vec<ReassignableTopicResponse> {
    let topics = topics.into_iter().map(|(name, partitions)| {
        let partitions = partitions.into_iter().map(|(number, result)| answer(cx, number, result));
        ReassignableTopicResponse::default()
            .with_name(StrBytes::from_string(name).into())
            .with_partitions(partitions.collect())
    });
    topics.collect()
}

fn answer(cx: &Context, number: i32, result: Result<(), Refused>) -> ReassignablePartitionResponse {
    let told = ReassignablePartitionResponse::default().with_partition_index(number).with_error_message(None);
    match result {
        Ok(()) => told,
        Err(refused) => {
            told.with_error_code(cx.error(refused.code)).with_error_message(Some(reply::message(refused.message)))
        }
    }
}
