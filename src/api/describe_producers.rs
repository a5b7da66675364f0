//! DescribeProducers 0 (KIP-664): who writes to a partition, and whose transaction is open there (TXN-25).
use super::{
    Context, Reply,
    cold::{self, Cold, Unanswered, coded},
};
use crate::{
    log::ProducerView,
    types::{ErrorCode, TopicName},
    wire::StrBytes,
};
use kafka_protocol::messages::{
    DescribeProducersRequest, DescribeProducersResponse, ProducerId,
    describe_producers_response::{PartitionResponse, ProducerState, TopicResponse},
};

pub fn handle(cx: &Context, request: DescribeProducersRequest) -> Reply<DescribeProducersResponse> {
    cold::answer(cx, request, asked, answer)
}

fn asked(request: &DescribeProducersRequest) -> Vec<(&str, i32)> {
    let topics = request.topics.iter();
    topics.flat_map(|topic| topic.partition_indexes.iter().map(|index| (topic.name.as_str(), *index))).collect()
}

fn answer(cx: &Context, request: &DescribeProducersRequest) -> Result<DescribeProducersResponse, Cold> {
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        let mut outcomes = Vec::with_capacity(topic.partition_indexes.len());
        for index in &topic.partition_indexes {
            outcomes.push((*index, coded(producers(cx, &topic.name, *index))?));
        }
        topics.push((topic.name.clone(), outcomes));
    }
    let told = |(index, outcome): (i32, Result<Vec<ProducerView>, ErrorCode>)| {
        let blank = PartitionResponse::default().with_partition_index(index).with_error_message(None);
        match outcome {
            Ok(producers) => blank.with_active_producers(producers.iter().map(state).collect()),
            Err(code) => blank.with_error_code(cx.error(code)).with_error_message(Some(message(code))),
        }
    };
    let topics = topics.into_iter().map(|(name, outcomes)| {
        TopicResponse::default().with_name(name).with_partitions(outcomes.into_iter().map(told).collect())
    });
    Ok(DescribeProducersResponse::default().with_topics(topics.collect()))
}

fn message(code: ErrorCode) -> StrBytes {
    StrBytes::from_static_str(match code {
        ErrorCode::InvalidTopicException => "This is no name of a topic.",
        ErrorCode::UnknownTopicOrPartition => "This server does not host this topic-partition.",
        _ => "This server cannot say who writes to the partition now.",
    })
}

fn producers(cx: &Context, topic: &str, index: i32) -> Result<Vec<ProducerView>, Unanswered> {
    TopicName::parse(topic).map_err(|_| ErrorCode::InvalidTopicException)?;
    let partition = cx.broker.partitions.partition(topic, index).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    partition.check_leader(None)?;
    Ok(partition.log()?.producers())
}

fn state(producer: &ProducerView) -> ProducerState {
    ProducerState::default()
        .with_producer_id(ProducerId(producer.id.get()))
        .with_producer_epoch(producer.epoch.map_or(-1, |epoch| i32::from(epoch.get())))
        .with_last_sequence(producer.last_sequence.unwrap_or(-1))
        .with_last_timestamp(producer.last_timestamp_ms)
        .with_coordinator_epoch(producer.coordinator_epoch)
        .with_current_txn_start_offset(producer.transaction_start.map_or(-1, |start| start.get()))
}
