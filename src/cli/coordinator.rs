//! The way to the broker that coordinates a group or a transactional id.
use super::{CliError, cluster::Cluster, cluster::is_passing};
use crate::{
    net::Client,
    types::ErrorCode,
    wire::{StrBytes, messages::FindCoordinatorRequest},
};
use std::{rc::Rc, time::Duration};

/// Between two questions to a coordinator that is just taking over.
pub const PAUSE: Duration = Duration::from_millis(100);

/// What is coordinated; the numbers are the protocol's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Group = 0,
    Transaction = 1,
}

/// Asked until a broker serves it, or the command's time is over.
pub async fn find(cluster: &mut Cluster, kind: Kind, key: &str) -> Result<Rc<Client>, CliError> {
    cluster.metadata(Some(&[]), false).await?;
    let request =
        FindCoordinatorRequest::default().with_key(StrBytes::from_string(key.to_owned())).with_key_type(kind as i8);
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
                let what = match kind {
                    Kind::Group => "group",
                    Kind::Transaction => "transactional id",
                };
                return Err(CliError::broker(&format!("the coordinator of {what} {key}"), code, message));
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
