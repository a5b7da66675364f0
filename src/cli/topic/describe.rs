//! `ottla topic describe`: partitions with their offsets, and the settings that differ from the defaults.
use super::{DescribeArgs, Tally};
use crate::{
    cli::{
        CliError, Output,
        cluster::{Cluster, Partition, Topic},
        consume::offsets::{self, At},
    },
    types::{Isolation, TopicId},
    wire::{
        StrBytes,
        messages::{DescribeConfigsRequest, describe_configs_request::DescribeConfigsResource},
    },
};
use serde_json::json;
use std::collections::BTreeMap;

/// `ConfigResource.Type.TOPIC`
const RESOURCE_TOPIC: i8 = 2;

struct Setting {
    name: String,
    value: Option<String>,
    source: &'static str,
}

struct Description {
    topic: Topic,
    settings: Vec<Setting>,
    /// First and next offset of each partition that could be asked.
    ends: BTreeMap<i32, (i64, i64)>,
}

pub async fn run(cluster: &mut Cluster, args: &DescribeArgs, output: &mut Output) -> Result<(), CliError> {
    let mut tally = Tally::default();
    for (index, name) in args.names.iter().enumerate() {
        let topic = match cluster.topic(name).await {
            Ok(topic) => topic,
            Err(error @ CliError::NotFound(_)) => {
                tally.failed(name, error);
                continue;
            }
            Err(error) => return Err(error),
        };
        let settings = settings(cluster, name, args.all_configs).await?;
        let ends = ends(cluster, &topic).await?;
        let description = Description { topic, settings, ends };
        tally.all += 1;
        if output.json {
            tally.results.push(as_json(&description));
        } else {
            if index > 0 {
                output.line("")?;
            }
            as_text(&description, output)?;
        }
    }
    tally.finish(output)
}

async fn settings(cluster: &Cluster, name: &str, all: bool) -> Result<Vec<Setting>, CliError> {
    let resource = DescribeConfigsResource::default()
        .with_resource_type(RESOURCE_TOPIC)
        .with_resource_name(StrBytes::from_string(name.to_owned()))
        .with_configuration_keys(None);
    let answer = cluster.ask(&DescribeConfigsRequest::default().with_resources(vec![resource])).await?;
    let Some(result) = answer.results.first() else { return Ok(Vec::new()) };
    if result.error_code != 0 {
        let what = format!("settings of topic {name}");
        return Err(CliError::broker(&what, result.error_code, result.error_message.as_deref()));
    }
    let mut settings: Vec<Setting> = result
        .configs
        .iter()
        .map(|config| Setting {
            name: config.name.to_string(),
            value: config.value.as_ref().map(|value| value.to_string()),
            source: source_name(config.config_source),
        })
        .filter(|setting| all || setting.source != "default")
        .collect();
    settings.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(settings)
}

/// Kafka's `DescribeConfigsResponse.ConfigSource`.
fn source_name(source: i8) -> &'static str {
    match source {
        1 => "topic",
        2 => "broker (dynamic)",
        3 => "all brokers (dynamic)",
        4 => "broker",
        5 => "default",
        6 => "logger",
        _ => "unknown",
    }
}

async fn ends(cluster: &mut Cluster, topic: &Topic) -> Result<BTreeMap<i32, (i64, i64)>, CliError> {
    let led: Vec<i32> = topic.partitions.iter().filter(|found| found.leader.is_some()).map(|p| p.index).collect();
    let isolation = Isolation::ReadUncommitted;
    let starts = offsets::resolve(cluster, topic, &led, At::Start, isolation, 0).await?;
    let ends = offsets::resolve(cluster, topic, &led, At::End, isolation, 0).await?;
    Ok(starts.into_iter().filter_map(|(index, start)| Some((index, (start, *ends.get(&index)?)))).collect())
}

fn as_json(found: &Description) -> serde_json::Value {
    let topic = &found.topic;
    let partition = |partition: &Partition| {
        let ends = found.ends.get(&partition.index);
        json!({
            "partition": partition.index, "leader": partition.leader, "leader_epoch": partition.leader_epoch,
            "replicas": partition.replicas, "isr": partition.in_sync, "offline": partition.offline,
            "start_offset": ends.map(|ends| ends.0), "end_offset": ends.map(|ends| ends.1),
        })
    };
    let setting =
        |setting: &Setting| (setting.name.clone(), json!({ "value": setting.value, "source": setting.source }));
    json!({
        "name": topic.name, "id": TopicId(topic.id).to_string(), "internal": topic.internal,
        "replication": topic.replication(),
        "partitions": topic.partitions.iter().map(partition).collect::<Vec<_>>(),
        "configs": found.settings.iter().map(setting).collect::<serde_json::Map<_, _>>(),
    })
}

fn as_text(found: &Description, output: &mut Output) -> Result<(), CliError> {
    let topic = &found.topic;
    output.line(&format!("topic        {}{}", topic.name, if topic.internal { " (internal)" } else { "" }))?;
    output.line(&format!("id           {}", TopicId(topic.id)))?;
    output.line(&format!("partitions   {}", topic.partitions.len()))?;
    output.line(&format!("replication  {}", topic.replication()))?;
    if !found.settings.is_empty() {
        output.line("")?;
        let rows = found.settings.iter().map(|setting| {
            let value = setting.value.clone().unwrap_or_else(|| "(hidden)".to_owned());
            vec![setting.name.clone(), value, setting.source.to_owned()]
        });
        output.table(&["CONFIG", "VALUE", "SOURCE"], &rows.collect::<Vec<_>>())?;
    }
    output.line("")?;
    let offline = topic.partitions.iter().any(|partition| !partition.offline.is_empty());
    let mut head = vec!["PARTITION", "LEADER", "EPOCH", "REPLICAS", "ISR", "START", "END", "RECORDS"];
    head.extend(offline.then_some("OFFLINE"));
    let rows = topic.partitions.iter().map(|partition| {
        let ends = found.ends.get(&partition.index).copied();
        let or_dash = |value: Option<i64>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
        let mut row = vec![
            partition.index.to_string(),
            or_dash(partition.leader.map(i64::from)),
            partition.leader_epoch.to_string(),
            ids(&partition.replicas),
            ids(&partition.in_sync),
            or_dash(ends.map(|ends| ends.0)),
            or_dash(ends.map(|ends| ends.1)),
            or_dash(ends.map(|ends| ends.1.saturating_sub(ends.0))),
        ];
        row.extend(offline.then(|| ids(&partition.offline)));
        row
    });
    output.table(&head, &rows.collect::<Vec<_>>())
}

fn ids(ids: &[i32]) -> String {
    ids.iter().map(i32::to_string).collect::<Vec<_>>().join(",")
}
