//! `ottla txn describe`: where transactional ids stand, as their coordinators know it.
use super::{DescribeArgs, OPEN_STATES};
use crate::{
    cli::{
        CliError, Output,
        cluster::Cluster,
        coordinator::{self, Kind, PAUSE, is_moving},
        error::code_name,
        timestamp::show_timestamp,
        topic::Tally,
    },
    platform::{Clock, SystemClock},
    types::ErrorCode,
    wire::{
        StrBytes,
        messages::{DescribeTransactionsRequest, TransactionalId},
    },
};
use serde_json::json;
use std::collections::BTreeSet;

pub struct Described {
    pub id: String,
    pub state: String,
    pub producer_id: i64,
    pub epoch: i16,
    pub timeout_ms: i32,
    /// -1 while none is open.
    pub started_ms: i64,
    /// In which it is still to be ended.
    pub partitions: BTreeSet<(String, i32)>,
}

pub async fn run(cluster: &mut Cluster, args: &DescribeArgs, output: &mut Output) -> Result<(), CliError> {
    let mut tally = Tally::default();
    let now_ms = SystemClock::new().wall_ms();
    let mut first = true;
    for id in &args.ids {
        match ask(cluster, id).await {
            Ok(one) => {
                if !output.json {
                    if !std::mem::take(&mut first) {
                        output.line("")?;
                    }
                    as_text(&one, now_ms, output)?;
                }
                tally.told(as_json(&one));
            }
            Err(error @ CliError::NotFound(_)) => tally.failed(id, error),
            Err(error) => return Err(error),
        }
    }
    tally.finish(output)
}

pub async fn ask(cluster: &mut Cluster, id: &str) -> Result<Described, CliError> {
    let wanted = TransactionalId(StrBytes::from_string(id.to_owned()));
    let request = DescribeTransactionsRequest::default().with_transactional_ids(vec![wanted]);
    let mut patience = cluster.timeout();
    loop {
        let answer = coordinator::find(cluster, Kind::Transaction, id).await?.ask(&request).await?;
        let Some(one) = answer.transaction_states.into_iter().next() else { return Err(unknown(id)) };
        match one.error_code {
            0 => {
                let topics = one.topics.iter();
                let partitions = topics.flat_map(|of| of.partitions.iter().map(|index| (of.topic.to_string(), *index)));
                return Ok(Described {
                    id: id.to_owned(),
                    state: one.transaction_state.to_string(),
                    producer_id: one.producer_id.0,
                    epoch: one.producer_epoch,
                    timeout_ms: one.transaction_timeout_ms,
                    started_ms: one.transaction_start_time_ms,
                    partitions: partitions.collect(),
                });
            }
            code if is_moving(code) && !patience.is_zero() => {
                patience = patience.saturating_sub(PAUSE);
                tokio::time::sleep(PAUSE).await;
            }
            code if code == ErrorCode::TransactionalIdNotFound.code() => return Err(unknown(id)),
            code => return Err(CliError::broker(&format!("transactional id {id}"), code, None)),
        }
    }
}

fn unknown(id: &str) -> CliError {
    CliError::NotFound(format!(
        "transactional id {id} does not exist: `ottla txn list` shows those that do ({})",
        code_name(ErrorCode::TransactionalIdNotFound.code())
    ))
}

impl Described {
    /// Of the open transaction.
    fn age_ms(&self, now_ms: i64) -> Option<i64> {
        let is_open = OPEN_STATES.contains(&self.state.as_str());
        (is_open && self.started_ms >= 0).then(|| now_ms.saturating_sub(self.started_ms).max(0))
    }
}

fn as_json(one: &Described) -> serde_json::Value {
    let partitions = one.partitions.iter().map(|(topic, index)| json!({ "topic": topic, "partition": index }));
    json!({
        "transactional_id": one.id, "state": one.state, "producer_id": one.producer_id, "epoch": one.epoch,
        "timeout_ms": one.timeout_ms, "started_ms": (one.started_ms >= 0).then_some(one.started_ms),
        "partitions": partitions.collect::<Vec<_>>(),
    })
}

fn as_text(one: &Described, now_ms: i64, output: &mut Output) -> Result<(), CliError> {
    let line = |output: &mut Output, name: &str, value: &str| output.line(&format!("{name:<18}{value}"));
    line(output, "transactional id", &one.id)?;
    line(output, "state", &one.state)?;
    line(output, "producer", &format!("{} epoch {}", one.producer_id, one.epoch))?;
    line(output, "timeout", &format!("{} ms", one.timeout_ms))?;
    if let Some(age_ms) = one.age_ms(now_ms) {
        line(output, "open since", &format!("{} ({age_ms} ms)", show_timestamp(one.started_ms)))?;
    }
    let partitions: Vec<String> = one.partitions.iter().map(|(topic, index)| format!("{topic}-{index}")).collect();
    line(output, "partitions", if partitions.is_empty() { "-".to_owned() } else { partitions.join(" ") }.as_str())
}
