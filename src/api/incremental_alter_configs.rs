//! IncrementalAlterConfigs 0-1 (KIP-339): each setting for itself: set, delete, append, subtract. Version 1 is flexible.
use super::{
    Context, Reply,
    alter_configs::{Asked, alter, told},
};
use crate::{
    controller::{ConfigChange, ConfigStep, Refused},
    types::ErrorCode,
    wire::StrBytes,
};
use kafka_protocol::messages::{
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
    incremental_alter_configs_request::AlterConfigsResource,
    incremental_alter_configs_response::AlterConfigsResourceResponse,
};

pub fn handle(cx: &Context, request: IncrementalAlterConfigsRequest) -> Reply<IncrementalAlterConfigsResponse> {
    let asked = request.resources.into_iter().map(|resource| Asked {
        kind: resource.resource_type,
        name: resource.resource_name.to_string(),
        change: steps(resource).map(ConfigChange::Each),
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
        IncrementalAlterConfigsResponse::default().with_responses(responses.collect())
    })
}

fn steps(resource: AlterConfigsResource) -> Result<Vec<(String, ConfigStep)>, Refused> {
    let steps = resource.configs.into_iter().map(|config| {
        let operation = config.config_operation;
        let step = ConfigStep::from_wire(operation, config.value.map(|value| value.to_string()));
        let unknown = || Refused::new(ErrorCode::InvalidRequest, format!("Unknown operation type {operation}"));
        Ok((config.name.to_string(), step.ok_or_else(unknown)?))
    });
    steps.collect()
}
