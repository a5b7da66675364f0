//! ListPartitionReassignments 0 (KIP-455): partitions whose replicas are on their way to other brokers.
use super::{Context, Reply};
use crate::{
    image::{NodeList, Partition, Topic},
    wire::StrBytes,
};
use kafka_protocol::messages::{
    BrokerId, ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
    list_partition_reassignments_response::{OngoingPartitionReassignment, OngoingTopicReassignment},
};

pub fn handle(cx: &Context, request: ListPartitionReassignmentsRequest) -> Reply<ListPartitionReassignmentsResponse> {
    let image = cx.broker.image.load();
    let ongoing = match &request.topics {
        None => image
            .topics
            .iter()
            .filter_map(|topic| told(topic, topic.partitions.iter().map(|(number, one)| (*number, one))))
            .collect(),
        Some(asked) => asked
            .iter()
            .filter_map(|asked| {
                let topic = image.topics.named(&asked.name)?;
                let numbers = asked.partition_indexes.iter();
                told(topic, numbers.filter_map(|number| Some((*number, topic.partitions.get(number)?))))
            })
            .collect(),
    };
    Reply::Now(ListPartitionReassignmentsResponse::default().with_error_message(None).with_topics(ongoing))
}

/// `None` when nothing moves.
fn told<'a>(topic: &Topic, partitions: impl Iterator<Item = (i32, &'a Partition)>) -> Option<OngoingTopicReassignment> {
    let ids = |nodes: &NodeList| nodes.iter().map(|node| BrokerId(node.0)).collect();
    let moving = partitions.filter(|(_, one)| !one.adding().is_empty() || !one.removing().is_empty());
    let moving = moving.map(|(number, one)| {
        OngoingPartitionReassignment::default()
            .with_partition_index(number)
            .with_replicas(ids(&one.replicas))
            .with_adding_replicas(ids(one.adding()))
            .with_removing_replicas(ids(one.removing()))
    });
    let moving: Vec<_> = moving.collect();
    let name = StrBytes::from_string(topic.name.to_string()).into();
    (!moving.is_empty()).then(|| OngoingTopicReassignment::default().with_name(name).with_partitions(moving))
}
