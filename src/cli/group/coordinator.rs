//! The way to the broker that coordinates a group.
use crate::{
    cli::{CliError, cluster::Cluster, cluster::is_passing, error::code_name},
    net::Client,
    types::ErrorCode,
    wire::{StrBytes, messages::FindCoordinatorRequest},
};
use std::{rc::Rc, time::Duration};

const PAUSE: Duration = Duration::from_millis(100);

/// Asked until a broker serves the group, or the command's time is over.
pub async fn find(cluster: &mut Cluster, group: &str) -> Result<Rc<Client>, CliError> {
    cluster.metadata(Some(&[]), false).await?;
    let request = FindCoordinatorRequest::default().with_key(StrBytes::from_string(group.to_owned()));
    let mut patience = cluster.timeout();
    loop {
        // One key at a time: the newer versions ask for several.
        let version = cluster.seed().version_up_to::<FindCoordinatorRequest>(3)?;
        let answer = cluster.seed().begin(&request, version).await?.answer().await?;
        match answer.error_code {
            0 => return cluster.broker(answer.node_id.0).await,
            code if is_passing(code) && !patience.is_zero() => {
                patience = patience.saturating_sub(PAUSE);
                tokio::time::sleep(PAUSE).await;
            }
            code => {
                let message = answer.error_message.as_deref();
                return Err(CliError::broker(&format!("the coordinator of group {group}"), code, message));
            }
        }
    }
}

/// Whether a coordinator's answer says that it is just taking over, or that another one did.
pub fn is_moving(code: i16) -> bool {
    matches!(
        ErrorCode::from_wire(code),
        Some(ErrorCode::CoordinatorLoadInProgress | ErrorCode::CoordinatorNotAvailable | ErrorCode::NotCoordinator)
    )
}

/// A broker's refusal, with what it means for groups.
pub fn refused(group: &str, code: i16) -> CliError {
    let advice = match ErrorCode::from_wire(code) {
        Some(ErrorCode::GroupIdNotFound) => {
            return CliError::NotFound(format!(
                "group {group} does not exist: `ottla group list` shows those that do ({})",
                code_name(code)
            ));
        }
        Some(ErrorCode::NonEmptyGroup | ErrorCode::UnknownMemberId) => Some("it has members: stop them first"),
        _ => None,
    };
    CliError::broker(&format!("group {group}"), code, advice)
}
