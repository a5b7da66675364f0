//! DescribeConfigs 1-4: every setting of a topic or broker, with where its value comes from. Version 3 adds types and
//! documentation, 4 is flexible.
use super::{Context, Reply, reply};
use crate::{
    config::{
        DescribedSetting, describe_broker, describe_client_metrics, describe_cluster, describe_group, describe_loggers,
        describe_topic,
    },
    image::{Resource, ResourceKind, Settings},
    types::{ErrorCode, NodeId, TopicName},
    wire::StrBytes,
};
use kafka_protocol::messages::{
    DescribeConfigsRequest, DescribeConfigsResponse,
    describe_configs_request::DescribeConfigsResource,
    describe_configs_response::{DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym},
};
use std::collections::BTreeSet;
use tracing::level_filters::LevelFilter;

pub fn handle(cx: &Context, request: DescribeConfigsRequest) -> Reply<DescribeConfigsResponse> {
    // A resource asked for twice is told once: its answer is thousands of times larger than the question.
    let mut seen = BTreeSet::new();
    let resources = request.resources.iter();
    let resources = resources.filter(|asked| seen.insert((asked.resource_type, asked.resource_name.as_str())));
    let results = resources.map(|asked| {
        let blank = DescribeConfigsResult::default()
            .with_resource_type(asked.resource_type)
            .with_resource_name(asked.resource_name.clone());
        match describe(cx, asked) {
            Ok(entries) => blank.with_error_message(Some(StrBytes::default())).with_configs(
                entries
                    .into_iter()
                    .filter(|entry| match &asked.configuration_keys {
                        // No keys, null or empty: all of them, as Kafka does.
                        None => true,
                        Some(keys) => keys.is_empty() || keys.iter().any(|key| **key == *entry.name),
                    })
                    .map(|entry| tell(cx, &request, entry))
                    .collect(),
            ),
            Err((code, message)) => {
                blank.with_error_code(cx.error(code)).with_error_message(Some(reply::message(message)))
            }
        }
    });
    Reply::Now(DescribeConfigsResponse::default().with_results(results.collect()))
}

fn describe(cx: &Context, asked: &DescribeConfigsResource) -> Result<Vec<DescribedSetting>, (ErrorCode, String)> {
    let image = cx.broker.image.load();
    let name = asked.resource_name.as_str();
    let settings = cx.broker.settings(&image);
    match ResourceKind::from_wire(asked.resource_type) {
        Some(ResourceKind::Topic) => {
            TopicName::parse(name).map_err(|fault| (ErrorCode::InvalidTopicException, fault.to_string()))?;
            if image.topics.named(name).is_none() {
                return Err((ErrorCode::UnknownTopicOrPartition, format!("The topic '{name}' does not exist.")));
            }
            let set = image.configs.of(&Resource::topic(name)).map_or_else(Settings::new, |set| Settings::clone(set));
            Ok(describe_topic(&settings, &set))
        }
        Some(ResourceKind::Broker) if name.is_empty() => Ok(describe_cluster(&settings)),
        Some(ResourceKind::Broker) => match name.parse() {
            Ok(id) if NodeId(id) == cx.broker.node_id => Ok(describe_broker(&settings)),
            Ok(id) => Err((
                ErrorCode::InvalidRequest,
                format!("Unexpected broker id, expected {} or empty string, but received {id}", cx.broker.node_id),
            )),
            Err(_) => Err((ErrorCode::InvalidRequest, format!("Broker id must be an integer, but it is: {name}"))),
        },
        Some(ResourceKind::Group) if name.is_empty() => {
            Err((ErrorCode::InvalidRequest, "Group name must not be empty".into()))
        }
        Some(ResourceKind::Group) => {
            let set = image.configs.of(&Resource::group(name)).map_or_else(Settings::new, |set| Settings::clone(set));
            Ok(describe_group(&settings, &set))
        }
        Some(ResourceKind::BrokerLogger) => match name.parse() {
            Ok(id) if NodeId(id) == cx.broker.node_id => Ok(describe_loggers(&LevelFilter::current().to_string())),
            Ok(id) => Err((
                ErrorCode::InvalidRequest,
                format!("Unexpected broker id, expected {} but received {id}", cx.broker.node_id),
            )),
            Err(_) => Err((ErrorCode::InvalidRequest, format!("Broker id must be an integer, but it is: {name}"))),
        },
        Some(ResourceKind::ClientMetrics) if name.is_empty() => {
            Err((ErrorCode::InvalidRequest, "Client metrics subscription name must not be empty".into()))
        }
        Some(ResourceKind::ClientMetrics) => {
            let resource = Resource::client_metrics(name);
            let set = image.configs.of(&resource).map_or_else(Settings::new, |set| Settings::clone(set));
            Ok(describe_client_metrics(&set))
        }
        None => Err((ErrorCode::InvalidRequest, format!("Unsupported resource type: {}", asked.resource_type))),
    }
}

fn tell(cx: &Context, request: &DescribeConfigsRequest, entry: DescribedSetting) -> DescribeConfigsResourceResult {
    let value = if entry.is_sensitive { None } else { entry.value };
    let told = DescribeConfigsResourceResult::default()
        .with_name(StrBytes::from_string(entry.name))
        .with_value(value.map(StrBytes::from_string))
        .with_read_only(entry.read_only)
        .with_config_source(entry.source.code())
        .with_is_sensitive(entry.is_sensitive);
    let synonyms = entry.synonyms.into_iter().filter(|_| request.include_synonyms).map(|synonym| {
        DescribeConfigsSynonym::default()
            .with_name(StrBytes::from_string(synonym.name))
            .with_value(synonym.value.filter(|_| !entry.is_sensitive).map(StrBytes::from_string))
            .with_source(synonym.source.code())
    });
    let told = told.with_synonyms(synonyms.collect());
    if cx.version < 3 {
        return told;
    }
    let documentation = entry.doc.filter(|_| request.include_documentation).map(StrBytes::from_static_str);
    told.with_config_type(entry.type_code).with_documentation(documentation)
}
