//! Metadata 0-13: brokers, topics, leaders.
//!
//! Version 0 takes "no topics" for all of them, from 1 on null does (KIP-4). 4 says whether topics may be made, 5 adds
//! offline replicas, 7 leader epochs, 8 authorized operations, 9 is flexible, 10 adds topic ids (asking by id from 12),
//! 11 drops the cluster's authorized operations, 13 adds a top-level error. Topics that are made on the way are in the
//! answer: clients need not ask twice. Only of one that was just deleted the first answer says that it is gone.
use super::{Context, Reply, create_topics, operations};
use crate::{
    image::{Image, Partition, Topic},
    types::{ErrorCode, NodeId, TopicId, TopicName},
    wire::StrBytes,
};
use kafka_protocol::messages::{
    BrokerId, MetadataRequest, MetadataResponse, TopicName as WireTopicName,
    metadata_request::MetadataRequestTopic,
    metadata_response::{MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic},
};
use std::collections::BTreeSet;

pub fn handle(cx: &Context, request: MetadataRequest) -> Reply<MetadataResponse> {
    let all = match &request.topics {
        None => true,
        Some(topics) => cx.version == 0 && topics.is_empty(),
    };
    if let Some(refused) = refuse(cx, &request) {
        return Reply::Now(refused);
    }
    let image = cx.broker.image.load_full();
    let missing = if all { Vec::new() } else { missing(cx, &request, &image) };
    if missing.is_empty() {
        return Reply::Now(answer(cx, &image, &request, all));
    }
    let first_question = cx.broker.just_deleted.is_first_question(&missing);
    let creating = create_topics::automatically(cx, missing);
    if first_question {
        tokio::spawn(creating);
        return Reply::Now(answer(cx, &image, &request, all));
    }
    let cx = cx.clone();
    Reply::later(async move {
        creating.await;
        answer(&cx, &cx.broker.image.load_full(), &request, all)
    })
}

/// Versions 10 and 11 have ids in their encoding but not in their meaning: a null name or an id is a mistake.
fn refuse(cx: &Context, request: &MetadataRequest) -> Option<MetadataResponse> {
    let topics = request.topics.as_ref()?;
    let wrong = |topic: &MetadataRequestTopic| topic.name.is_none() || !topic.topic_id.is_nil();
    if !(10..12).contains(&cx.version) || !topics.iter().any(wrong) {
        return None;
    }
    let code = cx.error(ErrorCode::InvalidRequest);
    let answers = topics.iter().map(|topic| {
        let name = topic.name.clone().unwrap_or_default();
        MetadataResponseTopic::default().with_error_code(code).with_name(Some(name)).with_topic_id(topic.topic_id)
    });
    Some(MetadataResponse::default().with_topics(answers.collect()))
}

/// Names that are asked for, are not there and may be made (pitfall 17).
fn missing(cx: &Context, request: &MetadataRequest, image: &Image) -> Vec<TopicName> {
    let allowed = cx.broker.config.topics.auto_create && (cx.version < 4 || request.allow_auto_topic_creation);
    if !allowed {
        return Vec::new();
    }
    let topics = request.topics.iter().flatten().filter(|topic| topic.topic_id.is_nil());
    let names = topics.filter_map(|topic| TopicName::parse(topic.name.as_ref()?).ok());
    names.filter(|name| image.topics.by_name(name).is_none()).collect()
}

fn answer(cx: &Context, image: &Image, request: &MetadataRequest, all: bool) -> MetadataResponse {
    let with_operations = request.include_topic_authorized_operations;
    let topics = if all {
        image.topics.iter().map(|topic| describe(cx, image, topic, with_operations)).collect()
    } else {
        // A topic asked for twice is told once.
        let mut seen = BTreeSet::new();
        let asked = request.topics.iter().flatten();
        let asked = asked.filter(|asked| seen.insert((asked.topic_id, asked.name.as_ref().map(|name| name.as_str()))));
        asked.map(|asked| one(cx, image, asked, with_operations)).collect()
    };
    let brokers = image.cluster.brokers().filter(|broker| !broker.fenced).filter_map(|broker| {
        let endpoint = broker.endpoint(&cx.connection.listener)?;
        Some(
            MetadataResponseBroker::default()
                .with_node_id(BrokerId(broker.id.0))
                .with_host(StrBytes::from_string(endpoint.host.clone()))
                .with_port(i32::from(endpoint.port))
                .with_rack(broker.rack.clone().map(StrBytes::from_string)),
        )
    });
    let cluster_operations = request.include_cluster_authorized_operations && (8..=10).contains(&cx.version);
    MetadataResponse::default()
        .with_brokers(brokers.collect())
        .with_cluster_id((cx.version >= 2).then(|| StrBytes::from_string(cx.broker.cluster_id.clone())))
        .with_controller_id(BrokerId(if cx.version >= 1 { cx.broker.node_id.0 } else { -1 }))
        .with_topics(topics)
        .with_cluster_authorized_operations(if cluster_operations {
            operations::CLUSTER
        } else {
            operations::NOT_ASKED
        })
}

fn one(cx: &Context, image: &Image, asked: &MetadataRequestTopic, with_operations: bool) -> MetadataResponseTopic {
    if !asked.topic_id.is_nil() {
        return match image.topics.by_id(TopicId(asked.topic_id)) {
            Some(topic) => describe(cx, image, topic, with_operations),
            None => MetadataResponseTopic::default()
                .with_error_code(cx.error(ErrorCode::UnknownTopicId))
                .with_name(None)
                .with_topic_id(asked.topic_id),
        };
    }
    let name = asked.name.clone().unwrap_or_default();
    if let Some(topic) = image.topics.named(&name) {
        return describe(cx, image, topic, with_operations);
    }
    let (code, internal) = match TopicName::parse(&name) {
        Ok(name) => (ErrorCode::UnknownTopicOrPartition, name.is_internal()),
        Err(_) => (ErrorCode::InvalidTopicException, false),
    };
    MetadataResponseTopic::default()
        .with_error_code(cx.error(code))
        .with_name(Some(name))
        .with_is_internal(cx.version >= 1 && internal)
        .with_topic_authorized_operations(operations_of_topic(with_operations))
}

fn describe(cx: &Context, image: &Image, topic: &Topic, with_operations: bool) -> MetadataResponseTopic {
    let partitions =
        topic.partitions.iter().map(|(index, partition)| describe_partition(cx, image, *index, partition)).collect();
    MetadataResponseTopic::default()
        .with_name(Some(wire_name(&topic.name)))
        .with_topic_id(topic.id.0)
        .with_is_internal(cx.version >= 1 && topic.name.is_internal())
        .with_partitions(partitions)
        .with_topic_authorized_operations(operations_of_topic(with_operations))
}

fn operations_of_topic(asked: bool) -> i32 {
    if asked { operations::TOPIC } else { operations::NOT_ASKED }
}

fn describe_partition(cx: &Context, image: &Image, index: i32, partition: &Partition) -> MetadataResponsePartition {
    let code = if partition.leader.is_none() { cx.error(ErrorCode::LeaderNotAvailable) } else { 0 };
    let offline = partition.replicas.iter().filter(|node| !alive(image, *node));
    MetadataResponsePartition::default()
        .with_error_code(code)
        .with_partition_index(index)
        .with_leader_id(BrokerId(partition.leader.map_or(-1, |leader| leader.0)))
        .with_leader_epoch(if cx.version >= 7 { partition.leader_epoch.get() } else { -1 })
        .with_replica_nodes(ids(partition.replicas.iter()))
        .with_isr_nodes(ids(partition.isr.iter()))
        .with_offline_replicas(if cx.version >= 5 { ids(offline) } else { Vec::new() })
}

pub(super) fn alive(image: &Image, node: NodeId) -> bool {
    image.cluster.broker(node).is_some_and(|broker| !broker.fenced)
}

pub(super) fn ids(nodes: impl Iterator<Item = NodeId>) -> Vec<BrokerId> {
    nodes.map(|node| BrokerId(node.0)).collect()
}

pub(super) fn wire_name(name: &TopicName) -> WireTopicName {
    WireTopicName(StrBytes::from_string(name.as_str().to_owned()))
}
