//! The way to the broker that coordinates a group, and what its refusals mean.
use crate::{
    cli::{
        CliError,
        cluster::Cluster,
        coordinator::{self, Kind},
        error::code_name,
    },
    net::Client,
    types::ErrorCode,
};
use std::rc::Rc;

pub use crate::cli::coordinator::is_moving;

pub async fn find(cluster: &mut Cluster, group: &str) -> Result<Rc<Client>, CliError> {
    coordinator::find(cluster, Kind::Group, group).await
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
