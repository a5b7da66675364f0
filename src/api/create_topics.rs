//! CreateTopics 2-7. Version 4 allows -1 for partitions and replicas (KIP-464), 5 is flexible and tells what was made
//! (KIP-525), 7 adds the topic's id.
use super::{Context, Reply, internal_topics, patience::within, reply};
use crate::{
    config::describe_topic,
    controller::{self, NewTopic, NewTopicFacts, Refused, TopicCreated},
    types::{ErrorCode, TopicName},
    wire::StrBytes,
};
use futures_util::future::join_all;
use kafka_protocol::messages::{
    CreateTopicsRequest, CreateTopicsResponse,
    create_topics_request::CreatableTopic,
    create_topics_response::{CreatableTopicConfigs, CreatableTopicResult},
};
use std::future::Future;

pub fn handle(cx: &Context, request: CreateTopicsRequest) -> Reply<CreateTopicsResponse> {
    let wanted = controller::CreateTopics {
        topics: request.topics.iter().map(new_topic).collect(),
        validate_only: request.validate_only,
    };
    let names: Vec<_> = request.topics.into_iter().map(|topic| topic.name).collect();
    let (cx, timeout_ms) = (cx.clone(), request.timeout_ms);
    Reply::later(async move {
        let topics = match within(timeout_ms, cx.broker.controller.create_topics(wanted)).await {
            Ok(created) => created.into_iter().map(|created| result(&cx, created)).collect(),
            Err(refused) => names
                .into_iter()
                .map(|name| refusal(&cx, CreatableTopicResult::default().with_name(name), &refused))
                .collect(),
        };
        CreateTopicsResponse::default().with_topics(topics)
    })
}

/// Makes topics that somebody asked about, with the defaults of the cluster; those of coordinators as they make them.
/// What cannot be made is simply not there.
pub fn automatically(cx: &Context, names: Vec<TopicName>) -> impl Future<Output = ()> + Send + 'static {
    let (internal, others): (Vec<_>, Vec<_>) = names.into_iter().partition(TopicName::is_internal);
    let internal: Vec<_> = internal.iter().filter_map(|name| internal_topics::make_named(cx, name)).collect();
    let topics: Vec<_> = others.iter().map(|name| NewTopic::named(name.as_str())).collect();
    let controller = cx.broker.controller.clone();
    async move {
        join_all(internal).await;
        if topics.is_empty() {
            return;
        }
        let wanted = controller::CreateTopics { topics, validate_only: false };
        for created in controller.create_topics(wanted).await.unwrap_or_default() {
            match created.result {
                Ok(facts) => {
                    tracing::info!(topic = created.name, partitions = facts.partitions, "topic made on demand")
                }
                Err(refused) => tracing::debug!(topic = created.name, %refused, "topic not made on demand"),
            }
        }
    }
}

fn new_topic(topic: &CreatableTopic) -> NewTopic {
    NewTopic {
        name: topic.name.to_string(),
        partitions: topic.num_partitions,
        replication_factor: topic.replication_factor,
        assignments: topic
            .assignments
            .iter()
            .map(|assignment| (assignment.partition_index, assignment.broker_ids.iter().map(|id| id.0).collect()))
            .collect(),
        configs: topic
            .configs
            .iter()
            .map(|config| (config.name.to_string(), config.value.as_ref().map(ToString::to_string)))
            .collect(),
    }
}

fn result(cx: &Context, created: TopicCreated) -> CreatableTopicResult {
    let name = StrBytes::from_string(created.name.clone()).into();
    let blank = CreatableTopicResult::default().with_name(name).with_error_message(None);
    match created.result {
        Err(refused) => refusal(cx, blank, &refused),
        Ok(NewTopicFacts { id, partitions, replication_factor, settings }) => {
            let told = match cx.version {
                ..5 => return blank,
                5 | 6 => blank,
                _ => blank.with_topic_id(id.0),
            };
            let configs = describe_topic(&cx.broker.settings(&cx.broker.image.load()), &settings);
            told.with_num_partitions(partitions).with_replication_factor(replication_factor).with_configs(Some(
                configs
                    .into_iter()
                    .map(|entry| {
                        CreatableTopicConfigs::default()
                            .with_name(StrBytes::from_string(entry.name))
                            .with_value(entry.value.map(StrBytes::from_string))
                            .with_read_only(entry.read_only)
                            .with_config_source(entry.source.code())
                            .with_is_sensitive(entry.is_sensitive)
                    })
                    .collect(),
            ))
        }
    }
}

fn refusal(cx: &Context, blank: CreatableTopicResult, refused: &Refused) -> CreatableTopicResult {
    let blank = blank.with_error_code(cx.error(refused.code));
    let blank = blank.with_error_message(Some(reply::message(refused.message.clone())));
    if cx.version < 5 {
        return blank;
    }
    let blank = blank.with_num_partitions(-1).with_replication_factor(-1);
    // Kafka tells an empty list with an error, and no code for the settings.
    blank.with_configs(Some(Vec::new())).with_topic_config_error_code(ErrorCode::None.code())
}
