//! ElectLeaders 0-2 (KIP-460). Version 1 names the kind of election and has an error of its own, 2 is flexible.
use super::{Context, Reply, patience::within, reply};
use crate::{
    controller::{EachPartition, ElectLeaders, ElectionKind, Refused},
    types::ErrorCode,
    wire::StrBytes,
};
use kafka_protocol::messages::{
    ElectLeadersRequest, ElectLeadersResponse,
    elect_leaders_response::{PartitionResult, ReplicaElectionResult},
};

pub fn handle(cx: &Context, request: ElectLeadersRequest) -> Reply<ElectLeadersResponse> {
    let partitions: Option<Vec<(String, Vec<i32>)>> = request
        .topic_partitions
        .map(|topics| topics.into_iter().map(|topic| (topic.topic.to_string(), topic.partitions)).collect());
    let Some(kind) = ElectionKind::from_wire(request.election_type) else {
        let text = format!("Unknown election type {}", request.election_type);
        return Reply::Now(refuse(cx, partitions, Refused::new(ErrorCode::InvalidRequest, text)));
    };
    if partitions.as_ref().is_some_and(Vec::is_empty) {
        return Reply::Now(ElectLeadersResponse::default());
    }
    let (cx, timeout_ms) = (cx.clone(), request.timeout_ms);
    Reply::later(async move {
        let request = ElectLeaders { kind, partitions };
        match within(timeout_ms, cx.broker.controller.elect_leaders(request.clone())).await {
            Ok(elected) => ElectLeadersResponse::default().with_replica_election_results(results(&cx, elected)),
            Err(refused) => refuse(&cx, request.partitions, refused),
        }
    })
}

/// All of it: told once above, where the version can, and once for each partition.
fn refuse(cx: &Context, partitions: Option<Vec<(String, Vec<i32>)>>, refused: Refused) -> ElectLeadersResponse {
    let each = |numbers: Vec<i32>| numbers.into_iter().map(|number| (number, Err(refused.clone()))).collect();
    let all: EachPartition =
        partitions.unwrap_or_default().into_iter().map(|(topic, numbers)| (topic, each(numbers))).collect();
    let answer = ElectLeadersResponse::default().with_replica_election_results(results(cx, all));
    if cx.version >= 1 { answer.with_error_code(cx.error(refused.code)) } else { answer }
}

fn results(cx: &Context, elected: EachPartition) -> Vec<ReplicaElectionResult> {
    let topics = elected.into_iter().map(|(topic, partitions)| {
        let partitions = partitions.into_iter().map(|(number, result)| {
            let told = PartitionResult::default().with_partition_id(number).with_error_message(None);
            match result {
                Ok(()) => told,
                Err(refused) => told
                    .with_error_code(cx.error(refused.code))
                    .with_error_message(Some(reply::message(refused.message))),
            }
        });
        let topic = StrBytes::from_string(topic).into();
        ReplicaElectionResult::default().with_topic(topic).with_partition_result(partitions.collect())
    });
    topics.collect()
}
