//! `ottla group delete`.
use super::{
    DeleteArgs,
    coordinator::{self, is_moving, refused},
};
use crate::{
    cli::{CliError, Output, cluster::Cluster, topic::Tally},
    types::ErrorCode,
    wire::{
        StrBytes,
        messages::{DeleteGroupsRequest, GroupId},
    },
};
use serde_json::json;

pub async fn run(cluster: &mut Cluster, args: &DeleteArgs, output: &mut Output) -> Result<(), CliError> {
    let mut tally = Tally::default();
    for group in &args.groups {
        let code = delete(cluster, group).await?;
        let done = |deleted: bool| json!({ "name": group, "deleted": deleted });
        match ErrorCode::from_wire(code) {
            Some(ErrorCode::None) => tally.done(output, &format!("deleted {group}"), done(true))?,
            Some(ErrorCode::GroupIdNotFound) if args.if_exists => {
                tally.done(output, &format!("{group} is not there"), done(false))?;
            }
            _ => tally.failed(group, refused(group, code)),
        }
    }
    tally.finish(output)
}

async fn delete(cluster: &mut Cluster, group: &str) -> Result<i16, CliError> {
    let request =
        DeleteGroupsRequest::default().with_groups_names(vec![GroupId(StrBytes::from_string(group.to_owned()))]);
    let mut tries = 0;
    loop {
        let answer = coordinator::find(cluster, group).await?.ask(&request).await?;
        let code = answer.results.first().map_or(ErrorCode::UnknownServerError.code(), |result| result.error_code);
        tries += 1;
        if !is_moving(code) || tries > 100 {
            return Ok(code);
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}
