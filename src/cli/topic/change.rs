//! `ottla topic delete` and `ottla topic add-partitions`.
use super::{AddPartitionsArgs, DeleteArgs, Tally};
use crate::{
    cli::{
        CliError, Output,
        cluster::{Cluster, wire_name},
    },
    types::ErrorCode,
    wire::messages::{
        CreatePartitionsRequest, DeleteTopicsRequest, create_partitions_request::CreatePartitionsTopic,
        delete_topics_request::DeleteTopicState,
    },
};
use serde_json::json;

/// DeleteTopics took a plain list of names before this version.
const DELETE_BY_STATE_FROM: i16 = 6;

pub async fn delete(cluster: &Cluster, args: &DeleteArgs, output: &mut Output) -> Result<(), CliError> {
    let version = cluster.seed().version_of::<DeleteTopicsRequest>()?;
    let names = args.names.iter().map(|name| wire_name(name));
    let request = DeleteTopicsRequest::default().with_timeout_ms(cluster.timeout_ms());
    let request = match version >= DELETE_BY_STATE_FROM {
        true => request.with_topics(names.map(|name| DeleteTopicState::default().with_name(Some(name))).collect()),
        false => request.with_topic_names(names.collect()),
    };
    let answer = cluster.seed().begin(&request, version).await?.answer().await?;
    let mut tally = Tally::default();
    for topic in &answer.responses {
        let name = topic.name.as_ref().map(|name| name.to_string()).unwrap_or_default();
        match ErrorCode::from_wire(topic.error_code) {
            Some(ErrorCode::None) => {
                tally.done(output, &format!("deleted {name}"), json!({ "name": name, "deleted": true }))?;
            }
            Some(ErrorCode::UnknownTopicOrPartition) if args.if_exists => {
                let json = json!({ "name": name, "deleted": false });
                tally.done(output, &format!("{name} does not exist"), json)?;
            }
            Some(ErrorCode::UnknownTopicOrPartition) => {
                let text = format!("topic {name} does not exist: `--if-exists` is content with that");
                tally.failed(&name, CliError::NotFound(text));
            }
            _ => {
                let what = format!("cannot delete topic {name}");
                tally.failed(&name, CliError::broker(&what, topic.error_code, topic.error_message.as_deref()));
            }
        }
    }
    tally.finish(output)
}

pub async fn add_partitions(
    cluster: &mut Cluster,
    args: &AddPartitionsArgs,
    output: &mut Output,
) -> Result<(), CliError> {
    let mut tally = Tally::default();
    let mut topics = Vec::new();
    for name in &args.names {
        let count = match (args.growth.to, args.growth.add) {
            (Some(count), _) => count,
            (None, add) => match cluster.topic(name).await {
                Ok(topic) => (topic.partitions.len() as i32).saturating_add(add.unwrap_or(1)),
                Err(error @ CliError::NotFound(_)) => {
                    tally.failed(name, error);
                    continue;
                }
                Err(error) => return Err(error),
            },
        };
        topics
            .push(CreatePartitionsTopic::default().with_name(wire_name(name)).with_count(count).with_assignments(None));
    }
    let counts: Vec<(String, i32)> = topics.iter().map(|topic| (topic.name.to_string(), topic.count)).collect();
    let request = CreatePartitionsRequest::default()
        .with_topics(topics)
        .with_timeout_ms(cluster.timeout_ms())
        .with_validate_only(args.dry_run);
    let results = if counts.is_empty() { Vec::new() } else { cluster.ask(&request).await?.results };
    for result in &results {
        let name = result.name.to_string();
        let count = counts.iter().find(|(known, _)| *known == name).map_or(0, |(_, count)| *count);
        match ErrorCode::from_wire(result.error_code) {
            Some(ErrorCode::None) => {
                let verb = if args.dry_run { "would have" } else { "has" };
                let json = json!({ "name": name, "partitions": count, "changed": !args.dry_run });
                tally.done(output, &format!("{name} {verb} {count} partitions"), json)?;
            }
            Some(ErrorCode::UnknownTopicOrPartition) => tally.failed(&name, CliError::no_such_topic(&name)),
            _ => {
                let what = format!("cannot add partitions to {name}");
                tally.failed(&name, CliError::broker(&what, result.error_code, result.error_message.as_deref()));
            }
        }
    }
    tally.finish(output)
}
