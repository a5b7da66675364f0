//! CreatePartitions 0-3 (KIP-195): more partitions for topics that exist. Version 2 is flexible.
use super::{Context, Reply, patience::within, reply};
use crate::{
    controller::{self, MorePartitions, Refused},
    wire::StrBytes,
};
use kafka_protocol::messages::{
    CreatePartitionsRequest, CreatePartitionsResponse, create_partitions_response::CreatePartitionsTopicResult,
};

pub fn handle(cx: &Context, request: CreatePartitionsRequest) -> Reply<CreatePartitionsResponse> {
    let topics: Vec<_> = request
        .topics
        .iter()
        .map(|topic| MorePartitions {
            name: topic.name.to_string(),
            count: topic.count,
            assignments: topic.assignments.as_ref().map(|assignments| {
                assignments.iter().map(|assignment| assignment.broker_ids.iter().map(|id| id.0).collect()).collect()
            }),
        })
        .collect();
    let names: Vec<String> = topics.iter().map(|topic| topic.name.clone()).collect();
    let wanted = controller::CreatePartitions { topics, validate_only: request.validate_only };
    let (cx, timeout_ms) = (cx.clone(), request.timeout_ms);
    Reply::later(async move {
        let results = match within(timeout_ms, cx.broker.controller.create_partitions(wanted)).await {
            Ok(results) => results,
            Err(refused) => names.into_iter().map(|name| (name, Err(refused.clone()))).collect(),
        };
        let results = results.into_iter().map(|(name, result)| answer(&cx, name, result));
        CreatePartitionsResponse::default().with_results(results.collect())
    })
}

fn answer(cx: &Context, name: String, result: Result<(), Refused>) -> CreatePartitionsTopicResult {
    let name = StrBytes::from_string(name).into();
    let blank = CreatePartitionsTopicResult::default().with_name(name).with_error_message(None);
    match result {
        Ok(()) => blank,
        Err(refused) => {
            blank.with_error_code(cx.error(refused.code)).with_error_message(Some(reply::message(refused.message)))
        }
    }
}
