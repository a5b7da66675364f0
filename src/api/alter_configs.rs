//! AlterConfigs 0-2: exactly these settings for each resource, all others removed (KIP-133). Version 2 is flexible.
use super::{Context, Reply, failure, reply};
use crate::{
    controller::{self, ConfigChange, Refused},
    image::{Resource, ResourceKind},
    types::ErrorCode,
    wire::StrBytes,
};
use kafka_protocol::messages::{
    AlterConfigsRequest, AlterConfigsResponse, alter_configs_response::AlterConfigsResourceResponse,
};
use std::future::Future;

pub fn handle(cx: &Context, request: AlterConfigsRequest) -> Reply<AlterConfigsResponse> {
    let asked = request.resources.into_iter().map(|resource| {
        let settings = resource
            .configs
            .into_iter()
            .map(|config| (config.name.to_string(), config.value.map(|value| value.to_string())))
            .collect();
        Asked {
            kind: resource.resource_type,
            name: resource.resource_name.to_string(),
            change: Ok(ConfigChange::Replace(settings)),
        }
    });
    let answering = alter(cx, asked.collect(), request.validate_only);
    let cx = cx.clone();
    Reply::later(async move {
        let responses = answering.await.into_iter().map(|(kind, name, result)| {
            let (code, message) = told(&cx, result);
            AlterConfigsResourceResponse::default()
                .with_error_code(code)
                .with_error_message(message)
                .with_resource_type(kind)
                .with_resource_name(StrBytes::from_string(name))
        });
        AlterConfigsResponse::default().with_responses(responses.collect())
    })
}

/// One resource as a request names it; `change` is what is wrong with it where that is known already.
pub struct Asked {
    pub kind: i8,
    pub name: String,
    pub change: Result<ConfigChange, Refused>,
}

type Answer = (i8, String, Result<(), Refused>);

/// Asks the controller; the answers come in the order of the request, also for resources that nobody can change.
pub fn alter(
    cx: &Context,
    asked: Vec<Asked>,
    validate_only: bool,
) -> impl Future<Output = Vec<Answer>> + Send + 'static {
    let mut answers: Vec<Answer> = Vec::with_capacity(asked.len());
    let mut resources = Vec::new();
    let mut places = Vec::new();
    for (place, asked) in asked.into_iter().enumerate() {
        let change = asked.change.and_then(|change| Ok((resource(cx, asked.kind, &asked.name)?, change)));
        match change {
            Ok(change) => {
                places.push(place);
                resources.push(change);
                answers.push((asked.kind, asked.name, Ok(())));
            }
            Err(refused) => answers.push((asked.kind, asked.name, Err(refused))),
        }
    }
    let controller = cx.broker.controller.clone();
    async move {
        match controller.alter_configs(controller::AlterConfigs { resources, validate_only }).await.map_err(failure) {
            Ok(results) => {
                for (place, (_, result)) in places.into_iter().zip(results) {
                    answers[place].2 = result;
                }
            }
            Err(refused) => places.into_iter().for_each(|place| answers[place].2 = Err(refused.clone())),
        }
        answers
    }
}

/// Which resource is meant; settings of other brokers are theirs to change.
fn resource(cx: &Context, kind: i8, name: &str) -> Result<Resource, Refused> {
    let refuse = |why: String| Err(Refused::new(ErrorCode::InvalidRequest, why));
    match ResourceKind::from_wire(kind) {
        // The controller judges the name, behind the shape of what is asked.
        Some(ResourceKind::Topic) => Ok(Resource::topic(name)),
        Some(ResourceKind::Broker) if name.is_empty() => Ok(Resource::all_brokers()),
        Some(ResourceKind::Broker) => match name.parse() {
            Ok(id) if cx.broker.image.load().cluster.broker(crate::types::NodeId(id)).is_some() => {
                Ok(Resource::broker(crate::types::NodeId(id)))
            }
            Ok(id) => refuse(format!(
                "Unexpected broker id, expected {} or empty string, but received {id}",
                cx.broker.node_id
            )),
            Err(_) => refuse(format!("Broker id must be an integer, but it is: {name}")),
        },
        Some(ResourceKind::Group) => Ok(Resource::group(name)),
        Some(ResourceKind::BrokerLogger) => refuse("What is logged is said at the start, by OTTLA_LOG".into()),
        Some(ResourceKind::ClientMetrics) => Ok(Resource::client_metrics(name)),
        None => refuse(format!("Unexpected resource type {kind}")),
    }
}

/// Code and message of one resource's answer.
pub fn told(cx: &Context, result: Result<(), Refused>) -> (i16, Option<StrBytes>) {
    match result {
        Ok(()) => (0, None),
        Err(refused) => (cx.error(refused.code), Some(reply::message(refused.message))),
    }
}
