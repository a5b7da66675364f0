//! DescribeTopicPartitions 0 (KIP-966): topics in order of their names, a limited number of partitions at a time, with a
//! cursor to go on from.
use super::{
    Context, Reply,
    metadata::{alive, ids, wire_name},
    operations,
};
use crate::{
    image::{Image, Partition, Topic},
    types::{ErrorCode, TopicName},
};
use kafka_protocol::messages::{
    BrokerId, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse,
    describe_topic_partitions_response::{
        Cursor, DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
    },
};
use std::collections::BTreeSet;

pub fn handle(cx: &Context, request: DescribeTopicPartitionsRequest) -> Reply<DescribeTopicPartitionsResponse> {
    let image = cx.broker.image.load();
    let cursor = request.cursor.as_ref();
    let from_name = cursor.map_or("", |cursor| cursor.topic_name.as_str());
    let all = request.topics.is_empty();
    let mut names: BTreeSet<&str> = if all {
        image.topics.iter().map(|topic| topic.name.as_str()).collect()
    } else {
        request.topics.iter().map(|topic| topic.name.as_str()).collect()
    };
    names.retain(|name| *name >= from_name);
    if cursor.is_some_and(|cursor| cursor.partition_index < 0 || !(all || names.contains(from_name))) {
        return Reply::Now(refused(cx, &request));
    }
    let mut left = usize::try_from(request.response_partition_limit)
        .unwrap_or(0)
        .clamp(1, (cx.broker.config.topics.described_partitions_max as usize).max(1));
    let mut response = DescribeTopicPartitionsResponse::default();
    for name in names {
        if left == 0 {
            // Whether there is such a topic is for the next page to tell.
            response.next_cursor = Some(Cursor::default().with_topic_name(text(name)).with_partition_index(0));
            break;
        }
        let Some(topic) = image.topics.named(name) else {
            response.topics.push(unknown(cx, name));
            continue;
        };
        let from = cursor.filter(|_| name == from_name).map_or(0, |cursor| cursor.partition_index);
        let mut described = Vec::new();
        for (index, partition) in topic.partitions.range(from..) {
            if left == 0 {
                response.next_cursor =
                    Some(Cursor::default().with_topic_name(wire_name(&topic.name)).with_partition_index(*index));
                break;
            }
            left -= 1;
            described.push(describe_partition(&image, *index, partition));
        }
        response.topics.push(describe(topic, described));
        if response.next_cursor.is_some() {
            break;
        }
    }
    Reply::Now(response)
}

/// The cursor is none that an answer to this question has given.
fn refused(cx: &Context, request: &DescribeTopicPartitionsRequest) -> DescribeTopicPartitionsResponse {
    let code = cx.error(ErrorCode::InvalidRequest);
    let topics = request.topics.iter().map(|topic| {
        DescribeTopicPartitionsResponseTopic::default().with_error_code(code).with_name(Some(topic.name.clone()))
    });
    DescribeTopicPartitionsResponse::default().with_topics(topics.collect())
}

fn text(name: &str) -> kafka_protocol::messages::TopicName {
    crate::wire::StrBytes::from_string(name.to_owned()).into()
}

fn unknown(cx: &Context, name: &str) -> DescribeTopicPartitionsResponseTopic {
    let (code, internal) = match TopicName::parse(name) {
        Ok(name) => (ErrorCode::UnknownTopicOrPartition, name.is_internal()),
        Err(_) => (ErrorCode::InvalidTopicException, false),
    };
    DescribeTopicPartitionsResponseTopic::default()
        .with_error_code(cx.error(code))
        .with_name(Some(text(name)))
        .with_is_internal(internal)
        .with_topic_authorized_operations(operations::TOPIC)
}

fn describe(
    topic: &Topic,
    partitions: Vec<DescribeTopicPartitionsResponsePartition>,
) -> DescribeTopicPartitionsResponseTopic {
    DescribeTopicPartitionsResponseTopic::default()
        .with_name(Some(wire_name(&topic.name)))
        .with_topic_id(topic.id.0)
        .with_is_internal(topic.name.is_internal())
        .with_partitions(partitions)
        .with_topic_authorized_operations(operations::TOPIC)
}

fn describe_partition(image: &Image, index: i32, partition: &Partition) -> DescribeTopicPartitionsResponsePartition {
    let code = if partition.leader.is_none() { ErrorCode::LeaderNotAvailable } else { ErrorCode::None };
    DescribeTopicPartitionsResponsePartition::default()
        .with_error_code(code.code())
        .with_partition_index(index)
        .with_leader_id(BrokerId(partition.leader.map_or(-1, |leader| leader.0)))
        .with_leader_epoch(partition.leader_epoch.get())
        .with_replica_nodes(ids(partition.replicas.iter()))
        .with_isr_nodes(ids(partition.isr.iter()))
        .with_eligible_leader_replicas(Some(ids(partition.eligible().iter())))
        .with_last_known_elr(Some(ids(partition.last_known_eligible().iter())))
        .with_offline_replicas(ids(partition.replicas.iter().filter(|node| !alive(image, *node))))
}
