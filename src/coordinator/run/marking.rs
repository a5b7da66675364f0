//! Writes the markers of one transaction to the partitions that it wrote to, and says what became of them (TXN-9 to TXN-12).
use super::{Coordinated, CoordinatorError, GroupCoordinator};
use crate::{
    coordinator::{
        GroupMachine, TransactionMachine,
        group::{self, offsets},
        txn::{MarkerVerdict, Partition, PendingMarkers, verdict},
    },
    image::Image,
    log::{AppendError, Closed, ProducerError, Reached},
    machine::NotWritten,
    platform::seeded::{self, Bug},
    record::{EndTransactionMarker, TransactionResult},
    replica::{Partitions, ProduceError, Unavailable},
    types::{ErrorCode, ProducerEpoch, ProducerId, TransactionVersion},
    wire::coordinator::{Marker, Producer},
};
use arc_swap::ArcSwap;
use futures_util::future::{BoxFuture, join_all};
use std::{collections::BTreeSet, future::Future, sync::Arc, time::Duration};
use tokio::time;

/// How long a marker may wait for its commit (`request.timeout.ms` of Kafka's brokers).
const COMMIT_WAIT_MAX: Duration = Duration::from_secs(30);

/// The ways to partitions; those of `__consumer_offsets` are written by the coordinator of groups.
pub struct MarkerWriter {
    pub groups: Arc<GroupCoordinator>,
    pub partitions: Arc<Partitions>,
    pub image: Arc<ArcSwap<Image>>,
}

/// What one attempt for all partitions of a transaction came to.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Round {
    /// They have their marker now, or are no more.
    pub marked: BTreeSet<Partition>,
    /// One of them refused it for good.
    pub is_refused: bool,
}

impl Round {
    fn of(id: &str, answers: impl IntoIterator<Item = (Partition, ErrorCode)>) -> Round {
        let mut round = Round::default();
        for (at, code) in answers {
            match verdict(code) {
                MarkerVerdict::Written => _ = round.marked.insert(at),
                MarkerVerdict::GiveUp => round.is_refused = true,
                MarkerVerdict::Again => {
                    tracing::debug!(%id, topic = %at.0, partition = at.1, ?code, "a marker is sent again");
                }
            }
        }
        round
    }
}

impl MarkerWriter {
    pub(super) async fn write(&self, markers: &PendingMarkers, coordinator_epoch: i32) -> Round {
        let image = self.image.load_full();
        let ends = EndTransactionMarker { result: markers.result, coordinator_epoch };
        let written = markers.partitions.iter().map(|at| {
            let waiting = self.write_one(&image, markers, ends, at);
            async move { (at.clone(), waiting.await) }
        });
        Round::of(&markers.id, join_all(written).await)
    }

    /// Appended before this returns; the future waits for the commit.
    fn write_one(
        &self,
        image: &Image,
        markers: &PendingMarkers,
        ends: EndTransactionMarker,
        (topic, index): &Partition,
    ) -> BoxFuture<'static, ErrorCode> {
        let exists = image.topics.named(topic.as_str()).is_some_and(|topic| topic.partitions.get(index).is_some());
        let producer = ProducerId::from_wire(markers.producer.id);
        let epoch = ProducerEpoch::from_wire(markers.producer.epoch);
        let now = |code| -> BoxFuture<'static, ErrorCode> { Box::pin(std::future::ready(code)) };
        let (Some(id), Some(epoch), true) = (producer, epoch, exists) else {
            // A deleted partition holds nothing back (TXN-12).
            return now(ErrorCode::None);
        };
        if topic.as_str() == GroupMachine::TOPIC {
            let ended = end_offsets(&self.groups, *index, Producer { id, epoch }, ends, markers.version);
            return Box::pin(async move { code_of(ended.await) });
        }
        if topic.as_str() == TransactionMachine::TOPIC {
            return now(ErrorCode::None);
        }
        let Some(partition) = self.partitions.partition(topic.as_str(), *index) else {
            return now(ErrorCode::NotLeaderOrFollower);
        };
        if seeded::strikes(Bug::SkipsMarker) {
            return now(ErrorCode::None);
        }
        let result = if seeded::strikes(Bug::AbortsPart) { TransactionResult::Abort } else { ends.result };
        let ends = EndTransactionMarker { result, ..ends };
        let appended = partition.append_marker(id, epoch, ends, markers.version);
        let reached: Result<Reached, ErrorCode> = appended.map_err(|fault| code_of_append(&fault)).and_then(|at| {
            let log = partition.log().map_err(|_| ErrorCode::KafkaStorageError)?;
            Ok(log.high_mark().reached(at.last.next()))
        });
        match reached {
            Err(code) => now(code),
            Ok(reached) => Box::pin(async move {
                match time::timeout(COMMIT_WAIT_MAX, reached).await {
                    Ok(Ok(_)) => ErrorCode::None,
                    Ok(Err(Closed::Deleted)) => ErrorCode::UnknownTopicOrPartition,
                    Ok(Err(_)) => ErrorCode::NotLeaderOrFollower,
                    Err(_) => ErrorCode::RequestTimedOut,
                }
            }),
        }
    }
}

/// The marker for offsets that a transaction commits, through their coordinator: it makes them real (TXN-22).
pub fn end_offsets(
    groups: &GroupCoordinator,
    partition: i32,
    producer: Producer,
    ends: EndTransactionMarker,
    version: TransactionVersion,
) -> impl Future<Output = Result<(), CoordinatorError>> + Send + 'static + use<> {
    let commit = ends.result == TransactionResult::Commit && !seeded::strikes(Bug::LosesOffsets);
    let marker = Marker { commit, coordinator_epoch: ends.coordinator_epoch };
    let request = group::Request::Offsets(offsets::Request::EndTransaction(producer, marker));
    let ended = groups.submit_at(partition, request, |log| {
        log.check_marker(producer.id, producer.epoch, ends, version).map_err(CoordinatorError::Producer)
    });
    async move { ended.await.map(|_| ()) }
}

fn code_of(ended: Result<(), CoordinatorError>) -> ErrorCode {
    match ended {
        Ok(()) => ErrorCode::None,
        Err(CoordinatorError::Producer(fault)) => code_of_producer(&fault),
        Err(CoordinatorError::NotWritten(NotWritten::Storage(_))) => ErrorCode::KafkaStorageError,
        Err(_) => ErrorCode::NotLeaderOrFollower,
    }
}

fn code_of_append(fault: &ProduceError) -> ErrorCode {
    match fault {
        ProduceError::Append(AppendError::Producer(fault)) => code_of_producer(fault),
        ProduceError::Append(AppendError::Deleted) => ErrorCode::UnknownTopicOrPartition,
        ProduceError::Unavailable(Unavailable::NotLeader) => ErrorCode::NotLeaderOrFollower,
        ProduceError::NotEnoughReplicas { .. } => ErrorCode::NotEnoughReplicas,
        ProduceError::Unavailable(_) | ProduceError::Append(_) => ErrorCode::KafkaStorageError,
    }
}

fn code_of_producer(fault: &ProducerError) -> ErrorCode {
    match fault {
        ProducerError::CoordinatorFenced { .. } => ErrorCode::TransactionCoordinatorFenced,
        _ => ErrorCode::InvalidProducerEpoch,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::TopicName;

    #[test]
    fn txn_11_what_is_sent_again_is_neither_written_nor_refused() {
        let at = |partition| (TopicName::parse("t").unwrap(), partition);
        let round = |codes: &[ErrorCode]| Round::of("id", (0..).map(at).zip(codes.iter().copied()));
        let some = round(&[ErrorCode::None, ErrorCode::NotLeaderOrFollower, ErrorCode::UnknownServerError]);
        assert_eq!(some, Round { marked: [at(0)].into(), is_refused: false });
        let refused = round(&[ErrorCode::TransactionCoordinatorFenced, ErrorCode::None]);
        assert_eq!(refused, Round { marked: [at(1)].into(), is_refused: true });
    }

    #[test]
    fn txn_11_only_epochs_refuse_for_good() {
        let id = ProducerId::from_wire(1).unwrap();
        let fenced = ProducerError::CoordinatorFenced { id, given: 1, current: 2 };
        assert_eq!(code_of_producer(&fenced), ErrorCode::TransactionCoordinatorFenced);
        let late = ProducerError::InvalidEpoch { id, given: 1, current: 2 };
        assert_eq!(code_of(Err(late.clone().into())), ErrorCode::InvalidProducerEpoch);
        assert_eq!(code_of_append(&AppendError::from(late).into()), ErrorCode::InvalidProducerEpoch);
        let passing = [
            code_of(Err(CoordinatorError::Loading)),
            code_of(Err(CoordinatorError::NotWritten(NotWritten::Storage("full".into())))),
            code_of_append(&ProduceError::NotEnoughReplicas { in_sync: 1, minimum: 2 }),
            code_of_append(&AppendError::Stopping.into()),
            code_of_append(&AppendError::Deleted.into()),
            code_of_append(&Unavailable::NotLeader.into()),
        ];
        assert_eq!(passing.map(verdict), [MarkerVerdict::Again; 6]);
    }
}
