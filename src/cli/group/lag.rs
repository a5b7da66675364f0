//! `ottla group lag`: what is committed, what is there, and what lies between.
use super::{LagArgs, describe::describe, offsets};
use crate::{
    cli::{
        CliError, Output,
        cluster::{Cluster, Topic, wire_name},
        consume::offsets::{At, resolve},
    },
    platform::{Clock, SystemClock},
    record::{records, walk},
    types::Isolation,
    wire::messages::{
        FetchRequest,
        fetch_request::{FetchPartition, FetchTopic},
    },
};
use serde_json::json;
use std::{collections::BTreeMap, time::Duration};

struct Lag {
    group: String,
    topic: String,
    partition: i32,
    /// `None` of a partition that a member has and nobody has committed of yet.
    committed: Option<i64>,
    /// `None` when the topic is gone.
    end: Option<i64>,
    /// Of the first record that is not read; `None`: there is none, or it was not asked for.
    unread_since_ms: Option<i64>,
}

impl Lag {
    /// Below zero, as Kafka's tools tell it, where more is committed than is there.
    fn records(&self) -> Option<i64> {
        Some(self.end? - self.committed?)
    }
}

const WATCH_PAUSE: Duration = Duration::from_secs(2);

pub async fn run(cluster: &mut Cluster, args: &LagArgs, output: &mut Output) -> Result<(), CliError> {
    loop {
        let mut lags = Vec::new();
        for group in &args.groups {
            lags.extend(of_group(cluster, group, args.seconds).await?);
        }
        show(&lags, args.seconds, output)?;
        if !args.watch {
            return Ok(());
        }
        output.flush()?;
        tokio::time::sleep(WATCH_PAUSE).await;
        if !output.json {
            output.line("")?;
        }
    }
}

/// What is committed, and what its members have without that.
async fn partitions(
    cluster: &mut Cluster,
    group: &str,
) -> Result<BTreeMap<String, BTreeMap<i32, Option<i64>>>, CliError> {
    let committed = offsets::committed(cluster, group).await?;
    let mut all: BTreeMap<String, BTreeMap<i32, Option<i64>>> = committed
        .into_iter()
        .map(|(topic, of)| (topic, of.into_iter().map(|(partition, at)| (partition, Some(at))).collect()))
        .collect();
    match describe(cluster, group).await {
        Ok(described) => {
            for (topic, partition) in described.assigned() {
                all.entry(topic.to_owned()).or_default().entry(partition).or_default();
            }
        }
        // A group of another kind may have offsets. One that has committed nothing yet is told from one that does not exist.
        Err(CliError::NotFound(_)) if !all.is_empty() => {}
        Err(error) => return Err(error),
    }
    Ok(all)
}

async fn of_group(cluster: &mut Cluster, group: &str, seconds: bool) -> Result<Vec<Lag>, CliError> {
    let mut lags = Vec::new();
    for (name, committed) in partitions(cluster, group).await? {
        let topic = match cluster.topic(&name).await {
            Ok(topic) => Some(topic),
            Err(CliError::NotFound(_)) => None,
            Err(error) => return Err(error),
        };
        let known: Vec<i32> = committed.keys().copied().collect();
        let ends = match &topic {
            Some(topic) => {
                let led: Vec<i32> = known.into_iter().filter(|index| topic.leader_of(*index).is_some()).collect();
                resolve(cluster, topic, &led, At::End, Isolation::ReadUncommitted, 0).await?
            }
            None => Default::default(),
        };
        for (partition, committed) in committed {
            let end = ends.get(&partition).copied();
            let mut lag =
                Lag { group: group.to_owned(), topic: name.clone(), partition, committed, end, unread_since_ms: None };
            let is_behind = lag.records().is_some_and(|count| count > 0);
            if let (true, Some(topic), Some(committed)) = (seconds && is_behind, &topic, committed) {
                lag.unread_since_ms = first_unread(cluster, topic, partition, committed).await?;
            }
            lags.push(lag);
        }
    }
    Ok(lags)
}

const FETCH_BYTES_MAX: i32 = 1 << 20;
const DECOMPRESSED_BYTES_MAX: usize = 64 << 20;

/// The timestamp of the first record at `offset` or behind it. A batch that is larger than the fetch comes whole.
async fn first_unread(
    cluster: &mut Cluster,
    topic: &Topic,
    partition: i32,
    offset: i64,
) -> Result<Option<i64>, CliError> {
    let Some(leader) = topic.leader_of(partition) else { return Ok(None) };
    let client = cluster.broker(leader).await?;
    let wanted = FetchPartition::default()
        .with_partition(partition)
        .with_fetch_offset(offset)
        .with_partition_max_bytes(FETCH_BYTES_MAX);
    let wanted = FetchTopic::default().with_topic(wire_name(&topic.name)).with_partitions(vec![wanted]);
    let request = FetchRequest::default()
        .with_max_wait_ms(0)
        .with_min_bytes(0)
        .with_max_bytes(FETCH_BYTES_MAX)
        .with_topics(vec![wanted]);
    // Version 12 is the last that names topics.
    let version = client.version_up_to::<FetchRequest>(12)?;
    let answer = client.begin(&request, version).await?.answer().await?;
    let data = answer.responses.iter().flat_map(|topic| &topic.partitions).next();
    let Some(bytes) = data.and_then(|data| data.records.as_deref()) else { return Ok(None) };
    for batch in walk(bytes) {
        let Ok(batch) = batch else { return Ok(None) };
        if batch.header.is_control() || !batch.crc_matches() {
            continue;
        }
        let Ok(set) = records(&batch.header, batch.bytes, DECOMPRESSED_BYTES_MAX) else { return Ok(None) };
        for record in &set {
            let Ok(record) = record else { return Ok(None) };
            if batch.header.base_offset.saturating_add(i64::from(record.offset_delta)) >= offset {
                return Ok(Some(record.timestamp));
            }
        }
    }
    Ok(None)
}

fn show(lags: &[Lag], seconds: bool, output: &mut Output) -> Result<(), CliError> {
    let now_ms = SystemClock::new().wall_ms();
    // Nothing unread is no time behind.
    let age = |lag: &Lag| match (lag.records(), lag.unread_since_ms) {
        (Some(0), _) => Some(0),
        (_, since) => since.map(|since| ((now_ms - since).max(0) + 500) / 1_000),
    };
    if output.json {
        let row = |lag: &Lag| {
            json!({
                "group": lag.group, "topic": lag.topic, "partition": lag.partition, "committed": lag.committed,
                "end_offset": lag.end, "lag": lag.records(), "lag_seconds": age(lag).filter(|_| seconds),
            })
        };
        return output.json(&serde_json::Value::Array(lags.iter().map(row).collect()));
    }
    if lags.is_empty() {
        output.remark("nothing is committed");
        return Ok(());
    }
    let or_dash = |value: Option<i64>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
    let mut head = vec!["GROUP", "TOPIC", "PARTITION", "COMMITTED", "END", "LAG"];
    head.extend(seconds.then_some("SECONDS"));
    let row = |lag: &Lag| {
        let mut row = vec![
            lag.group.clone(),
            lag.topic.clone(),
            lag.partition.to_string(),
            or_dash(lag.committed),
            or_dash(lag.end),
            or_dash(lag.records()),
        ];
        row.extend(seconds.then(|| or_dash(age(lag))));
        row
    };
    output.table(&head, &lags.iter().map(row).collect::<Vec<_>>())
}
