//! `ottla txn list`.
use super::{ListArgs, OPEN_STATES, STATES};
use crate::{
    cli::{CliError, Output, cluster::Cluster, coordinator::PAUSE, coordinator::is_moving},
    wire::{
        StrBytes,
        messages::{ListTransactionsRequest, ListTransactionsResponse, ProducerId},
    },
};
use serde_json::json;
use std::collections::BTreeMap;

/// Brokers filter by duration from this version on.
const DURATION_SINCE: i16 = 1;

pub struct Listed {
    pub coordinator: i32,
    pub producer_id: i64,
    pub state: String,
}

pub async fn run(cluster: &mut Cluster, args: &ListArgs, output: &mut Output) -> Result<(), CliError> {
    let mut request = filter(args.producer_ids.iter().copied());
    let name = |typed: &String| STATES.into_iter().find(|state| state.eq_ignore_ascii_case(typed));
    let mut states: Vec<_> = args.states.iter().filter_map(name).collect();
    if let Some(longer) = args.longer_than {
        request.duration_filter = i64::try_from(longer.as_millis()).unwrap_or(i64::MAX);
        // Brokers count from the last begin, of transactions that ended long ago too.
        if states.is_empty() {
            states.extend(OPEN_STATES);
        }
    }
    request.state_filters = states.into_iter().map(StrBytes::from_static_str).collect();
    let listed = ask(cluster, &request).await?;
    if output.json {
        let rows = listed.iter().map(|(id, one)| {
            json!({
                "transactional_id": id, "coordinator": one.coordinator, "producer_id": one.producer_id,
                "state": one.state,
            })
        });
        return output.json(&serde_json::Value::Array(rows.collect()));
    }
    if output.quiet {
        return listed.keys().try_for_each(|id| output.line(id));
    }
    if listed.is_empty() {
        let all = args.states.is_empty() && args.producer_ids.is_empty() && args.longer_than.is_none();
        output.remark(match all {
            true => "no transactional ids yet: producers with the setting transactional.id make them",
            false => "no transaction is like that: `ottla txn list` shows all",
        });
        return Ok(());
    }
    let row =
        |(id, one): (String, Listed)| vec![id, one.coordinator.to_string(), one.producer_id.to_string(), one.state];
    let rows: Vec<_> = listed.into_iter().map(row).collect();
    output.table(&["TRANSACTIONAL ID", "COORDINATOR", "PRODUCER ID", "STATE"], &rows)
}

/// Asks for the transactional ids of these producers, or for all.
pub fn filter(producer_ids: impl Iterator<Item = i64>) -> ListTransactionsRequest {
    ListTransactionsRequest::default()
        .with_producer_id_filters(producer_ids.map(ProducerId).collect())
        .with_transactional_id_pattern(None)
}

/// Every broker tells of the transactional ids it coordinates.
pub async fn ask(
    cluster: &mut Cluster,
    request: &ListTransactionsRequest,
) -> Result<BTreeMap<String, Listed>, CliError> {
    let brokers: Vec<i32> =
        cluster.metadata(Some(&[]), false).await?.brokers.iter().map(|broker| broker.node_id.0).collect();
    let mut listed = BTreeMap::new();
    for broker in brokers {
        for one in ask_one(cluster, broker, request).await?.transaction_states {
            let told = Listed {
                coordinator: broker,
                producer_id: one.producer_id.0,
                state: one.transaction_state.to_string(),
            };
            listed.insert(one.transactional_id.to_string(), told);
        }
    }
    Ok(listed)
}

async fn ask_one(
    cluster: &mut Cluster,
    broker: i32,
    request: &ListTransactionsRequest,
) -> Result<ListTransactionsResponse, CliError> {
    let client = cluster.broker(broker).await?;
    let version = client.version_of::<ListTransactionsRequest>()?;
    if request.duration_filter >= 0 && version < DURATION_SINCE {
        return Err(CliError::Failed(format!(
            "broker {broker} is too old to filter by duration: leave out --longer-than and look at `ottla txn describe`"
        )));
    }
    let mut patience = cluster.timeout();
    loop {
        let answer = client.begin(request, version).await?.answer().await?;
        match answer.error_code {
            0 => return Ok(answer),
            code if is_moving(code) && !patience.is_zero() => {
                patience = patience.saturating_sub(PAUSE);
                tokio::time::sleep(PAUSE).await;
            }
            code => return Err(CliError::broker(&format!("transactions of broker {broker}"), code, None)),
        }
    }
}
