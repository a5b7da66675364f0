//! ListConfigResources 0-1: what has settings that can be described. Version 0 knows client metrics only (KIP-714), 1 all kinds
//! (KIP-1142).
use super::{Context, Reply};
use crate::{image::ResourceKind, types::ErrorCode, wire::StrBytes};
use kafka_protocol::messages::{
    ListConfigResourcesRequest, ListConfigResourcesResponse, list_config_resources_response::ConfigResource,
};

/// In the order of the answer.
const KINDS: [ResourceKind; 5] = [
    ResourceKind::Group,
    ResourceKind::ClientMetrics,
    ResourceKind::BrokerLogger,
    ResourceKind::Broker,
    ResourceKind::Topic,
];

pub fn handle(cx: &Context, request: ListConfigResourcesRequest) -> Reply<ListConfigResourcesResponse> {
    let known: &[ResourceKind] = if cx.version == 0 { &[ResourceKind::ClientMetrics] } else { &KINDS };
    let asked = &request.resource_types;
    if asked.iter().any(|kind| !known.iter().any(|one| one.number() == *kind)) {
        let code = cx.error(ErrorCode::UnsupportedVersion);
        return Reply::Now(ListConfigResourcesResponse::default().with_error_code(code));
    }
    let wanted = known.iter().filter(|kind| asked.is_empty() || asked.contains(&kind.number()));
    let resources = wanted.flat_map(|kind| {
        names(cx, *kind).into_iter().map(|name| {
            ConfigResource::default().with_resource_name(StrBytes::from_string(name)).with_resource_type(kind.number())
        })
    });
    Reply::Now(ListConfigResourcesResponse::default().with_config_resources(resources.collect()))
}

/// Topics and brokers have settings always, groups and client metrics when some were set for them.
fn names(cx: &Context, kind: ResourceKind) -> Vec<String> {
    let image = cx.broker.image.load();
    match kind {
        ResourceKind::Topic => image.topics.iter().map(|topic| topic.name.to_string()).collect(),
        ResourceKind::Broker | ResourceKind::BrokerLogger => {
            let reachable = |broker: &&std::sync::Arc<crate::image::Broker>| {
                !broker.fenced && broker.endpoint(&cx.connection.listener).is_some()
            };
            image.cluster.brokers().filter(reachable).map(|broker| broker.id.to_string()).collect()
        }
        ResourceKind::Group | ResourceKind::ClientMetrics => {
            let set = image.configs.iter().map(|(resource, _)| resource);
            set.filter(|resource| resource.kind == kind).map(|resource| resource.name.to_string()).collect()
        }
    }
}
