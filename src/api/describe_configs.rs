//! DescribeConfigs 1-4: every setting of a topic or broker, with where its value comes from. Version 3 adds types and
//! documentation, 4 is flexible.
use super::{ConfigEntry, Configs, Context, Reply};
use crate::{
    image::{Resource, ResourceKind, Settings},
    types::{ErrorCode, NodeId, TopicName},
    wire::StrBytes,
};
use kafka_protocol::messages::{
    DescribeConfigsRequest, DescribeConfigsResponse,
    describe_configs_request::DescribeConfigsResource,
    describe_configs_response::{DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym},
};

pub fn handle(cx: &Context, request: DescribeConfigsRequest) -> Reply<DescribeConfigsResponse> {
    let results = request.resources.iter().map(|asked| {
        let blank = DescribeConfigsResult::default()
            .with_resource_type(asked.resource_type)
            .with_resource_name(asked.resource_name.clone());
        match describe(cx, asked) {
            Ok(entries) => blank.with_error_message(None).with_configs(
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
            Err((code, message)) => blank
                .with_error_code(cx.error(code))
                .with_error_message(Some(StrBytes::from_string(message))),
        }
    });
    Reply::Now(DescribeConfigsResponse::default().with_results(results.collect()))
}

fn describe(cx: &Context, asked: &DescribeConfigsResource) -> Result<Vec<ConfigEntry>, (ErrorCode, String)> {
    let image = cx.broker.image.load();
    let name = asked.resource_name.as_str();
    let set = |resource: &Resource| image.configs.of(resource).map_or_else(Settings::new, |set| Settings::clone(set));
    match ResourceKind::from_wire(asked.resource_type) {
        Some(ResourceKind::Topic) => {
            TopicName::parse(name).map_err(|fault| (ErrorCode::InvalidTopicException, fault.to_string()))?;
            if image.topics.named(name).is_none() {
                return Err((ErrorCode::UnknownTopicOrPartition, format!("The topic '{name}' does not exist.")));
            }
            Ok(cx.broker.configs.describe_topic(name, &set(&Resource::topic(name))))
        }
        Some(ResourceKind::Broker) if name.is_empty() => {
            Ok(cx.broker.configs.describe_defaults(&set(&Resource::all_brokers())))
        }
        Some(ResourceKind::Broker) => match name.parse() {
            Ok(id) if NodeId(id) == cx.broker.node_id => Ok(cx
                .broker
                .configs
                .describe_broker(&set(&Resource::broker(NodeId(id))), &set(&Resource::all_brokers()))),
            Ok(id) => Err((
                ErrorCode::InvalidRequest,
                format!("Unexpected broker id, expected {} or empty string, but received {id}", cx.broker.node_id),
            )),
            Err(_) => {
                Err((ErrorCode::InvalidRequest, format!("Broker id must be an integer, but it is: {name}")))
            }
        },
        Some(kind) => Err((ErrorCode::InvalidRequest, format!("Settings of {kind:?} are not kept here yet"))),
        None => Err((ErrorCode::InvalidRequest, format!("Unsupported resource type: {}", asked.resource_type))),
    }
}

fn tell(cx: &Context, request: &DescribeConfigsRequest, entry: ConfigEntry) -> DescribeConfigsResourceResult {
    let value = if entry.is_sensitive { None } else { entry.value };
    let told = DescribeConfigsResourceResult::default()
        .with_name(StrBytes::from_string(entry.name))
        .with_value(value.map(StrBytes::from_string))
        .with_read_only(entry.read_only)
        .with_config_source(entry.source)
        .with_is_sensitive(entry.is_sensitive);
    let synonyms = entry.synonyms.into_iter().filter(|_| request.include_synonyms).map(|synonym| {
        DescribeConfigsSynonym::default()
            .with_name(StrBytes::from_string(synonym.name))
            .with_value(synonym.value.filter(|_| !entry.is_sensitive).map(StrBytes::from_string))
            .with_source(synonym.source)
    });
    let told = told.with_synonyms(synonyms.collect());
    if cx.version < 3 {
        return told;
    }
    let documentation = request.include_documentation.then(|| StrBytes::from_string(entry.doc));
    told.with_config_type(entry.kind).with_documentation(documentation)
}
