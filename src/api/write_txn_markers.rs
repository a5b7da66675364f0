//! WriteTxnMarkers 1-2 (KIP-98): a coordinator ends transactions in the partitions that this broker leads. Version 2 says
//! by which protocol they were run (KIP-1228). Answered when every marker is committed (TXN-9).
use super::{Context, Reply, errors};
use crate::{
    log::Reached,
    record::{EndTransactionMarker, TransactionResult},
    types::{ErrorCode, ProducerEpoch, ProducerId, TransactionVersion},
    wire::{
        StrBytes,
        messages::{self, TopicName, WriteTxnMarkersResponse, write_txn_markers_response as response},
        transaction::{TxnMarker, WriteTxnMarkersRequest},
    },
};
use std::{collections::BTreeMap, time::Duration};

/// How long a marker may wait for its commit: `request.timeout.ms` of Kafka's brokers.
const COMMIT_WAIT_MAX: Duration = Duration::from_secs(30);

type Outcomes = BTreeMap<i64, BTreeMap<(String, i32), ErrorCode>>;

/// A marker that stands in a log and is not committed yet.
struct Waiting {
    producer_id: i64,
    topic: String,
    partition: i32,
    reached: Reached,
}

pub fn handle(cx: &Context, request: WriteTxnMarkersRequest) -> Reply<WriteTxnMarkersResponse> {
    let mut outcomes = Outcomes::new();
    let mut waiting = Vec::new();
    for marker in &request.markers {
        let told = outcomes.entry(marker.producer_id).or_default();
        for (topic, partition) in
            marker.topics.iter().flat_map(|topic| topic.partitions.iter().map(move |at| (topic, *at)))
        {
            let outcome = append(cx, marker, &topic.name, partition);
            told.insert((topic.name.clone(), partition), outcome.as_ref().err().copied().unwrap_or(ErrorCode::None));
            if let Ok(Some(reached)) = outcome {
                let topic = topic.name.clone();
                waiting.push(Waiting { producer_id: marker.producer_id, topic, partition, reached });
            }
        }
    }
    if waiting.is_empty() {
        return Reply::Now(answer(cx, outcomes));
    }
    let cx = cx.clone();
    Reply::later(async move {
        let deadline = tokio::time::sleep(COMMIT_WAIT_MAX);
        tokio::pin!(deadline);
        for Waiting { producer_id, topic, partition, reached } in waiting {
            let code = tokio::select! {
                biased;
                reached = reached => reached.err().map(errors::closed),
                () = &mut deadline => Some(ErrorCode::RequestTimedOut),
            };
            if let Some(code) = code {
                outcomes.entry(producer_id).or_default().insert((topic, partition), code);
            }
        }
        answer(&cx, outcomes)
    })
}

/// The marker of one partition; what is answered is the wait for its commit.
fn append(cx: &Context, marker: &TxnMarker, topic: &str, partition: i32) -> Result<Option<Reached>, ErrorCode> {
    let partition = cx.broker.partitions.partition(topic, partition).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let producer = ProducerId::from_wire(marker.producer_id).ok_or(ErrorCode::InvalidRequest)?;
    let epoch = ProducerEpoch::from_wire(marker.producer_epoch).ok_or(ErrorCode::InvalidProducerEpoch)?;
    let result = if marker.commit { TransactionResult::Commit } else { TransactionResult::Abort };
    let ends = EndTransactionMarker { result, coordinator_epoch: marker.coordinator_epoch };
    let version = TransactionVersion::from_wire(marker.transaction_version);
    let appended = partition.append_marker(producer, epoch, ends, version).map_err(|fault| {
        tracing::debug!(partition = %partition.id(), %producer, %fault, "a transaction marker was refused");
        errors::produce(&fault)
    })?;
    let high = partition.log().map_err(|fault| errors::unavailable(&fault))?.high_mark();
    Ok((high.get() < appended.last.next()).then(|| high.reached(appended.last.next())))
}

fn answer(cx: &Context, outcomes: Outcomes) -> WriteTxnMarkersResponse {
    let markers = outcomes.into_iter().map(|(producer_id, partitions)| {
        let mut topics: Vec<response::WritableTxnMarkerTopicResult> = Vec::new();
        for ((name, index), code) in partitions {
            let partition = response::WritableTxnMarkerPartitionResult::default()
                .with_partition_index(index)
                .with_error_code(cx.error(code));
            match topics.last_mut() {
                Some(topic) if **topic.name == *name => topic.partitions.push(partition),
                _ => topics.push(
                    response::WritableTxnMarkerTopicResult::default()
                        .with_name(TopicName(StrBytes::from_string(name)))
                        .with_partitions(vec![partition]),
                ),
            }
        }
        response::WritableTxnMarkerResult::default()
            .with_producer_id(messages::ProducerId(producer_id))
            .with_topics(topics)
    });
    WriteTxnMarkersResponse::default().with_markers(markers.collect())
}
