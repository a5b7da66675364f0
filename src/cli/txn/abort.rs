//! `ottla txn abort-hanging`: writes the marker that a hanging transaction waits for.
use super::{
    AbortArgs, describe,
    hanging::{self, Open},
};
use crate::{
    cli::{
        CliError, Output,
        cluster::{Cluster, Topic, wire_name},
        error::code_name,
        timestamp::show_timestamp,
        topic::Tally,
    },
    platform::{Clock, SystemClock},
    types::ErrorCode,
    wire::messages::{
        ProducerId, WriteTxnMarkersRequest,
        write_txn_markers_request::{WritableTxnMarker, WritableTxnMarkerTopic},
    },
};
use serde_json::json;

const NONE_HANGS: &str =
    "nothing hangs there: what is open, its coordinator will end; `ottla txn list --state Ongoing` shows what is";

pub async fn run(cluster: &mut Cluster, args: &AbortArgs, output: &mut Output) -> Result<(), CliError> {
    let older_ms = i64::try_from(args.older_than.as_millis()).unwrap_or(i64::MAX);
    let before_ms = SystemClock::new().wall_ms().saturating_sub(older_ms);
    let (topics, producer_id) = match (&args.of.topic, &args.of.transactional_id) {
        (Some(name), _) => (vec![cluster.topic(name).await?], None),
        (None, Some(id)) => (every_topic(cluster).await?, Some(describe::ask(cluster, id).await?.producer_id)),
        (None, None) => return Err(CliError::Usage("name a --topic or a --transactional-id".to_owned())),
    };
    if let (Some(wanted), [topic]) = (args.partition, &topics[..]) {
        check_partition(topic, wanted)?;
    }
    let hangs = hanging::within(cluster, &topics, args.partition, before_ms, producer_id).await?;
    if hangs.is_empty() && !output.quiet {
        output.remark(&match hanging::within(cluster, &topics, args.partition, i64::MAX, producer_id).await?.len() {
            0 => NONE_HANGS.to_owned(),
            younger => {
                format!("what hangs there ({younger}) was written to since: a shorter --older-than takes it too")
            }
        });
    }
    let mut tally = Tally::default();
    for one in &hangs {
        let aborted = match args.dry_run {
            true => Ok(()),
            false => abort(cluster, one).await,
        };
        match aborted {
            Ok(()) => tally.done(output, &as_text(one, args.dry_run), as_json(one, !args.dry_run))?,
            Err(error) => tally.failed(&format!("{}-{}", one.topic, one.partition), error),
        }
    }
    tally.finish(output)
}

async fn every_topic(cluster: &mut Cluster) -> Result<Vec<Topic>, CliError> {
    let answer = cluster.metadata(None, false).await?;
    Ok(answer.topics.iter().filter(|topic| topic.name.is_some()).map(Topic::from_answer).collect())
}

fn check_partition(topic: &Topic, wanted: i32) -> Result<(), CliError> {
    let last = topic.partitions.len().saturating_sub(1);
    match topic.partitions.iter().any(|known| known.index == wanted) {
        true => Ok(()),
        false => {
            Err(CliError::NotFound(format!("topic {} has the partitions 0 to {last}, and no {wanted}", topic.name)))
        }
    }
}

/// By the epoch of its records and the coordinator's that was seen last; before any was, one that none is below.
async fn abort(cluster: &mut Cluster, one: &Open) -> Result<(), CliError> {
    let topic =
        WritableTxnMarkerTopic::default().with_name(wire_name(&one.topic)).with_partition_indexes(vec![one.partition]);
    let marker = WritableTxnMarker::default()
        .with_producer_id(ProducerId(one.producer_id))
        .with_producer_epoch(one.epoch)
        .with_transaction_result(false)
        .with_coordinator_epoch(one.coordinator_epoch.max(0))
        .with_topics(vec![topic]);
    let answer =
        cluster.broker(one.leader).await?.ask(&WriteTxnMarkersRequest::default().with_markers(vec![marker])).await?;
    let told = answer.markers.iter().flat_map(|marker| &marker.topics).flat_map(|topic| &topic.partitions).next();
    let code = told.map_or(ErrorCode::UnknownServerError.code(), |told| told.error_code);
    let advice = match ErrorCode::from_wire(code) {
        Some(ErrorCode::None) => return Ok(()),
        Some(ErrorCode::InvalidProducerEpoch | ErrorCode::TransactionCoordinatorFenced) => {
            "a later marker came first: it is ended, or another transaction by now"
        }
        Some(ErrorCode::NotLeaderOrFollower) => "its leader has just changed: try again",
        Some(ErrorCode::ClusterAuthorizationFailed) => "that needs the right ALTER or CLUSTER_ACTION on the cluster",
        _ => "the marker was not written",
    };
    Err(CliError::Failed(format!("{}-{}: {advice} ({})", one.topic, one.partition, code_name(code))))
}

fn as_text(one: &Open, dry: bool) -> String {
    let done = if dry { "would abort" } else { "aborted" };
    format!(
        "{done} {}-{}: open since offset {}, of producer {} epoch {}, last written {}",
        one.topic,
        one.partition,
        one.since,
        one.producer_id,
        one.epoch,
        show_timestamp(one.written_ms)
    )
}

fn as_json(one: &Open, aborted: bool) -> serde_json::Value {
    json!({
        "topic": one.topic, "partition": one.partition, "producer_id": one.producer_id, "epoch": one.epoch,
        "coordinator_epoch": one.coordinator_epoch, "start_offset": one.since, "written_ms": one.written_ms,
        "aborted": aborted,
    })
}
