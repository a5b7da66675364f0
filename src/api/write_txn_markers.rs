//! WriteTxnMarkers 1-2 (KIP-98): a coordinator ends transactions in the partitions that this broker leads. Version 2 says
//! by which protocol they were run (KIP-1228). Answered when every marker is committed (TXN-9).
use super::{Context, Reply, cold, errors};
use crate::{
    coordinator::{Coordinated, CoordinatorError, GroupMachine, TransactionMachine, end_offsets},
    record::{EndTransactionMarker, TransactionResult},
    types::{ErrorCode, ProducerEpoch, ProducerId, TransactionVersion},
    wire::{
        StrBytes,
        coordinator::Producer,
        messages::{self, TopicName, WriteTxnMarkersResponse, write_txn_markers_response as response},
        transaction::{TxnMarker, WriteTxnMarkersRequest},
    },
};
use futures_util::future::BoxFuture;
use std::{collections::BTreeMap, time::Duration};

/// How long a marker may wait for its commit: `request.timeout.ms` of Kafka's brokers.
const COMMIT_WAIT_MAX: Duration = Duration::from_secs(30);

type Outcomes = BTreeMap<i64, BTreeMap<(String, i32), ErrorCode>>;

/// A marker that stands in a log and is not committed yet.
struct Waiting {
    producer_id: i64,
    topic: String,
    partition: i32,
    committed: BoxFuture<'static, Result<(), ErrorCode>>,
}

pub fn handle(cx: &Context, request: WriteTxnMarkersRequest) -> Reply<WriteTxnMarkersResponse> {
    let topics = request.markers.iter().flat_map(|marker| &marker.topics);
    let asked = topics.flat_map(|topic| topic.partitions.iter().map(|index| (topic.name.as_str(), *index)));
    let cold = cold::cold_of(cx, asked);
    cold::begin(cx, request, cold, write, WriteTxnMarkersResponse::default())
}

fn write(cx: &Context, request: WriteTxnMarkersRequest) -> Reply<WriteTxnMarkersResponse> {
    let mut outcomes = Outcomes::new();
    let mut waiting = Vec::new();
    for marker in &request.markers {
        for (topic, partition) in
            marker.topics.iter().flat_map(|topic| topic.partitions.iter().map(move |at| (topic, *at)))
        {
            let outcome = append(cx, marker, &topic.name, partition);
            // A marker without partitions is not told of, as Kafka does not.
            let told = outcomes.entry(marker.producer_id).or_default();
            told.insert((topic.name.clone(), partition), outcome.as_ref().err().copied().unwrap_or(ErrorCode::None));
            if let Ok(Some(committed)) = outcome {
                let topic = topic.name.clone();
                waiting.push(Waiting { producer_id: marker.producer_id, topic, partition, committed });
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
        for Waiting { producer_id, topic, partition, committed } in waiting {
            let code = tokio::select! {
                biased;
                committed = committed => committed.err(),
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
fn append(
    cx: &Context,
    marker: &TxnMarker,
    topic: &str,
    index: i32,
) -> Result<Option<BoxFuture<'static, Result<(), ErrorCode>>>, ErrorCode> {
    let partition = cx.broker.partitions.partition(topic, index).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let producer = ProducerId::from_wire(marker.producer_id).ok_or(ErrorCode::InvalidRequest)?;
    let epoch = ProducerEpoch::from_wire(marker.producer_epoch).ok_or(ErrorCode::InvalidProducerEpoch)?;
    let result = if marker.commit { TransactionResult::Commit } else { TransactionResult::Abort };
    let ends = EndTransactionMarker { result, coordinator_epoch: marker.coordinator_epoch };
    let version = TransactionVersion::from_wire(marker.transaction_version);
    if topic == GroupMachine::TOPIC {
        // Only their coordinator writes there, and offsets become real in its memory too (TXN-22).
        let ended = end_offsets(&cx.broker.groups, index, Producer { id: producer, epoch }, ends, version);
        return Ok(Some(Box::pin(async move { ended.await.map_err(|fault| offsets_fault(&fault)) })));
    }
    if topic == TransactionMachine::TOPIC {
        return Err(ErrorCode::TopicAuthorizationFailed);
    }
    let appended = partition.append_marker(producer, epoch, ends, version).map_err(|fault| {
        tracing::debug!(partition = %partition.id(), %producer, %fault, "a transaction marker was refused");
        errors::produce(&fault)
    })?;
    let high = partition.log().map_err(|fault| errors::unavailable(&fault))?.high_mark();
    if high.get() >= appended.last.next() {
        return Ok(None);
    }
    let reached = high.reached(appended.last.next());
    Ok(Some(Box::pin(async move { reached.await.map(|_| ()).map_err(errors::closed) })))
}

/// Whoever sends markers looks for the partition's leader, not for a coordinator.
fn offsets_fault(fault: &CoordinatorError) -> ErrorCode {
    match errors::coordinator(fault) {
        ErrorCode::NotCoordinator | ErrorCode::CoordinatorLoadInProgress | ErrorCode::CoordinatorNotAvailable => {
            ErrorCode::NotLeaderOrFollower
        }
        code => code,
    }
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
