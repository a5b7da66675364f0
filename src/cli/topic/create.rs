//! `ottla topic create`.
use super::{CreateArgs, Tally};
use crate::{
    cli::{
        CliError, Output,
        cluster::{Cluster, wire_name},
    },
    types::{ErrorCode, TopicId},
    wire::{
        StrBytes,
        messages::{
            CreateTopicsRequest,
            create_topics_request::{CreatableTopic, CreatableTopicConfig},
            create_topics_response::CreatableTopicResult,
        },
    },
};
use serde_json::json;

pub async fn run(cluster: &Cluster, args: &CreateArgs, output: &mut Output) -> Result<(), CliError> {
    let config = |(key, value): &(String, String)| {
        CreatableTopicConfig::default()
            .with_name(StrBytes::from_string(key.clone()))
            .with_value(Some(StrBytes::from_string(value.clone())))
    };
    let topic = |name: &String| {
        CreatableTopic::default()
            .with_name(wire_name(name))
            .with_num_partitions(args.partitions.unwrap_or(-1))
            .with_replication_factor(args.replication.unwrap_or(-1))
            .with_configs(args.configs.iter().map(config).collect())
    };
    let request = CreateTopicsRequest::default()
        .with_topics(args.names.iter().map(topic).collect())
        .with_timeout_ms(cluster.timeout_ms())
        .with_validate_only(args.dry_run);
    let answer = cluster.ask(&request).await?;
    let mut tally = Tally::default();
    for topic in &answer.topics {
        report(topic, args, &mut tally, output)?;
    }
    tally.finish(output)
}

fn report(
    topic: &CreatableTopicResult,
    args: &CreateArgs,
    tally: &mut Tally,
    output: &mut Output,
) -> Result<(), CliError> {
    let name = topic.name.to_string();
    match ErrorCode::from_wire(topic.error_code) {
        Some(ErrorCode::None) => {
            let verb = if args.dry_run { "would create" } else { "created" };
            // Brokers before version 5 of the answer do not say what they made.
            let text = match (topic.num_partitions, topic.replication_factor) {
                (1, 1..) => format!("{verb} {name} (1 partition, replication {})", topic.replication_factor),
                (1.., 1..) => format!(
                    "{verb} {name} ({} partitions, replication {})",
                    topic.num_partitions, topic.replication_factor
                ),
                _ => format!("{verb} {name}"),
            };
            let json = json!({
                "name": name, "created": !args.dry_run, "id": TopicId(topic.topic_id).to_string(),
                "partitions": topic.num_partitions, "replication": topic.replication_factor,
            });
            tally.done(output, &text, json)
        }
        Some(ErrorCode::TopicAlreadyExists) if args.if_not_exists => {
            tally.done(output, &format!("{name} exists already"), json!({ "name": name, "created": false }))
        }
        Some(ErrorCode::TopicAlreadyExists) => {
            let text = format!("topic {name} exists already: `--if-not-exists` is content with that");
            tally.failed(&name, CliError::Failed(text));
            Ok(())
        }
        _ => {
            let what = format!("cannot create topic {name}");
            tally.failed(&name, CliError::broker(&what, topic.error_code, topic.error_message.as_deref()));
            Ok(())
        }
    }
}
