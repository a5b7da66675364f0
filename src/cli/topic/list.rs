//! `ottla topic list`.
use super::ListArgs;
use crate::{
    cli::{
        CliError, Output,
        cluster::{Cluster, Topic},
    },
    types::TopicId,
};
use serde_json::json;

pub async fn run(cluster: &mut Cluster, args: &ListArgs, output: &mut Output) -> Result<(), CliError> {
    let answer = cluster.metadata(None, false).await?;
    let mut topics: Vec<Topic> = answer
        .topics
        .iter()
        .filter(|topic| topic.name.is_some() && (args.internal || !topic.is_internal))
        .map(Topic::from_answer)
        .collect();
    topics.sort_by(|a, b| a.name.cmp(&b.name));
    if output.json {
        let rows = topics.iter().map(|topic| {
            json!({
                "name": topic.name, "id": TopicId(topic.id).to_string(), "internal": topic.internal,
                "partitions": topic.partitions.len(), "replication": topic.replication(),
            })
        });
        return output.json(&serde_json::Value::Array(rows.collect()));
    }
    if output.quiet {
        return topics.iter().try_for_each(|topic| output.line(&topic.name));
    }
    if topics.is_empty() {
        output.remark("no topics yet: `ottla topic create NAME` makes one");
        return Ok(());
    }
    let row =
        |topic: &Topic| vec![topic.name.clone(), topic.partitions.len().to_string(), topic.replication().to_string()];
    output.table(&["TOPIC", "PARTITIONS", "REPLICATION"], &topics.iter().map(row).collect::<Vec<_>>())
}
