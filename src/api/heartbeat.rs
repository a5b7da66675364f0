//! Heartbeat 0-4: a member of the classic protocol lives, and learns of a rebalance. Version 3 adds static members, 4 is
//! flexible.
use super::{Context, Reply, groups};
use crate::{
    coordinator::group::{self, classic},
    types::ErrorCode,
};
use kafka_protocol::messages::{HeartbeatRequest, HeartbeatResponse};

pub fn handle(cx: &Context, request: HeartbeatRequest) -> Reply<HeartbeatResponse> {
    let heartbeat = classic::HeartbeatRequest {
        group: request.group_id.as_str().into(),
        generation: request.generation_id,
        member_id: request.member_id.as_str().into(),
        instance_id: groups::shared(request.group_instance_id.as_ref()),
    };
    let asked = groups::ask(cx, request.group_id.as_str(), classic::Request::Heartbeat(heartbeat));
    let cx = cx.clone();
    Reply::later(async move {
        let code = match asked.await {
            Ok(group::Reply::Classic(classic::Reply::Heartbeat(code))) => code,
            Ok(other) => groups::unexpected("Heartbeat", &other, |code| code),
            // While the group is being loaded nobody's session runs: the member need not know.
            Err(ErrorCode::CoordinatorLoadInProgress) => ErrorCode::None,
            Err(code) => code,
        };
        HeartbeatResponse::default().with_error_code(cx.error(code))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::tests_of_versions::encodes;
    use kafka_protocol::messages::ApiKey;

    #[test]
    fn answers_are_encoded_at_every_version() {
        for version in 0..=4 {
            encodes(ApiKey::Heartbeat, version, &HeartbeatResponse::default().with_error_code(27));
        }
    }
}
