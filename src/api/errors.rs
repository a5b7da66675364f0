//! The one place where refusals become Kafka's error codes.
use crate::{
    controller::{Failure, Refused},
    coordinator::CoordinatorError,
    log::{AppendError, Closed, ProducerError, ReadError},
    machine::NotWritten,
    replica::{ProduceError, ReadFault, Unavailable},
    types::ErrorCode,
};

pub fn unavailable(fault: &Unavailable) -> ErrorCode {
    match fault {
        // Nobody is answered `Cold`; if it came to that, the client would ask again.
        Unavailable::NotLeader | Unavailable::Cold => ErrorCode::NotLeaderOrFollower,
        Unavailable::FencedEpoch => ErrorCode::FencedLeaderEpoch,
        Unavailable::UnknownEpoch => ErrorCode::UnknownLeaderEpoch,
        Unavailable::StorageFailed | Unavailable::Damaged(_) => ErrorCode::KafkaStorageError,
    }
}

pub fn closed(why: Closed) -> ErrorCode {
    match why {
        Closed::NotLeader | Closed::Stopping => ErrorCode::NotLeaderOrFollower,
        Closed::Deleted => ErrorCode::UnknownTopicOrPartition,
        Closed::StorageFailed => ErrorCode::KafkaStorageError,
    }
}

pub fn produce(fault: &ProduceError) -> ErrorCode {
    match fault {
        ProduceError::Unavailable(fault) => unavailable(fault),
        ProduceError::NotEnoughReplicas { .. } => ErrorCode::NotEnoughReplicas,
        ProduceError::Append(fault) => append(fault),
    }
}

pub fn append(fault: &AppendError) -> ErrorCode {
    match fault {
        AppendError::BatchTooLargeForSegment { .. } => ErrorCode::RecordListTooLarge,
        AppendError::Producer(fault) => producer(fault),
        AppendError::StaleEpoch { .. } => ErrorCode::NotLeaderOrFollower,
        AppendError::PastHighWatermark { .. } => ErrorCode::OffsetOutOfRange,
        AppendError::DiskFull { .. } | AppendError::Write { .. } | AppendError::StorageFailed(_) => {
            ErrorCode::KafkaStorageError
        }
        AppendError::Deleted => ErrorCode::UnknownTopicOrPartition,
        AppendError::Stopping => ErrorCode::NotLeaderOrFollower,
    }
}

fn producer(fault: &ProducerError) -> ErrorCode {
    match fault {
        ProducerError::InvalidEpoch { .. } => ErrorCode::InvalidProducerEpoch,
        ProducerError::OutOfOrder { .. } => ErrorCode::OutOfOrderSequenceNumber,
        ProducerError::InvalidTransactionState { .. } | ProducerError::NotVerified { .. } => ErrorCode::InvalidTxnState,
        ProducerError::CoordinatorFenced { .. } => ErrorCode::TransactionCoordinatorFenced,
    }
}

/// What a fetch of this version is answered: clients before version 6 do not know the storage error (OPS-2).
pub fn fetch(fault: &ReadFault, version: i16) -> ErrorCode {
    match (read(fault), version) {
        (ErrorCode::KafkaStorageError, ..=5) => ErrorCode::NotLeaderOrFollower,
        (code, _) => code,
    }
}

pub fn read(fault: &ReadFault) -> ErrorCode {
    match fault {
        ReadFault::Unavailable(fault) => unavailable(fault),
        ReadFault::Read(fault) => read_error(fault),
    }
}

pub fn read_error(fault: &ReadError) -> ErrorCode {
    match fault {
        ReadError::OutOfRange { .. } => ErrorCode::OffsetOutOfRange,
        ReadError::Damaged { .. } | ReadError::Io { .. } => ErrorCode::KafkaStorageError,
        ReadError::Deleted => ErrorCode::UnknownTopicOrPartition,
    }
}

/// Why the controller did nothing at all, as a refusal like those of single items.
pub fn failure(fault: Failure) -> Refused {
    match fault {
        Failure::Refused(refused) => refused,
        Failure::NotWritten(why) => Refused::new(not_written(&why), why.to_string()),
    }
}

/// TXN-3 for the metadata log: what was not written can be asked for again, here or elsewhere.
fn not_written(why: &NotWritten) -> ErrorCode {
    match why {
        NotWritten::NotLeader | NotWritten::Stopping => ErrorCode::NotController,
        NotWritten::Storage(_) => ErrorCode::KafkaStorageError,
        NotWritten::TooLarge { .. } => ErrorCode::UnknownServerError,
        NotWritten::TooFewReplicas | NotWritten::Voided => ErrorCode::RequestTimedOut,
    }
}

/// TXN-3 for coordinators: the client looks for the coordinator again, waits a little, or learns that it is its own
/// fault.
pub fn coordinator(fault: &CoordinatorError) -> ErrorCode {
    match fault {
        CoordinatorError::NotCoordinator => ErrorCode::NotCoordinator,
        CoordinatorError::Loading => ErrorCode::CoordinatorLoadInProgress,
        CoordinatorError::Unavailable => ErrorCode::CoordinatorNotAvailable,
        CoordinatorError::Producer(fault) => producer(fault),
        CoordinatorError::NotWritten(why) => match why {
            NotWritten::NotLeader | NotWritten::Stopping | NotWritten::Storage(_) => ErrorCode::NotCoordinator,
            NotWritten::TooFewReplicas | NotWritten::Voided => ErrorCode::CoordinatorNotAvailable,
            NotWritten::TooLarge { .. } => ErrorCode::UnknownServerError,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::ProducerId;

    #[test]
    fn ops_2_old_clients_are_not_told_of_a_storage_error_whatever_it_is() {
        let damaged = ReadFault::Read(ReadError::Damaged { log: "t-0".into(), what: "a batch".into() });
        let of = |version| [fetch(&damaged, version), fetch(&Unavailable::Damaged("a batch".into()).into(), version)];
        assert_eq!((of(4), of(5)), ([ErrorCode::NotLeaderOrFollower; 2], [ErrorCode::NotLeaderOrFollower; 2]));
        assert_eq!(of(6), [ErrorCode::KafkaStorageError; 2]);
    }

    #[test]
    fn txn_3_what_was_not_written_answers_what_clients_can_act_on() {
        use ErrorCode::*;
        let written = |why| coordinator(&CoordinatorError::NotWritten(why));
        assert_eq!(written(NotWritten::TooFewReplicas), CoordinatorNotAvailable);
        assert_eq!(written(NotWritten::Voided), CoordinatorNotAvailable);
        for elsewhere in [NotWritten::NotLeader, NotWritten::Stopping, NotWritten::Storage("full".into())] {
            assert_eq!(written(elsewhere), NotCoordinator);
        }
        assert_eq!(written(NotWritten::TooLarge { bytes: 2, bytes_max: 1 }), UnknownServerError);
        assert_eq!(coordinator(&CoordinatorError::Loading), CoordinatorLoadInProgress);
        assert_eq!(coordinator(&CoordinatorError::NotCoordinator), NotCoordinator);
        assert_eq!(coordinator(&CoordinatorError::Unavailable), CoordinatorNotAvailable);
        let id = ProducerId::from_wire(1).unwrap();
        let fenced = ProducerError::InvalidEpoch { id, given: 1, current: 2 };
        assert_eq!(coordinator(&CoordinatorError::Producer(fenced)), InvalidProducerEpoch);
    }

    #[test]
    fn txn_3_what_the_metadata_log_did_not_take_can_be_asked_for_again() {
        for (why, code) in [
            (NotWritten::NotLeader, ErrorCode::NotController),
            (NotWritten::Stopping, ErrorCode::NotController),
            (NotWritten::Storage("full".into()), ErrorCode::KafkaStorageError),
            (NotWritten::Voided, ErrorCode::RequestTimedOut),
            (NotWritten::TooFewReplicas, ErrorCode::RequestTimedOut),
        ] {
            assert_eq!(failure(Failure::NotWritten(why)).code, code);
        }
    }

    #[test]
    fn what_a_partition_refuses_has_a_code_of_its_own() {
        for (fault, code) in [
            (Unavailable::NotLeader, ErrorCode::NotLeaderOrFollower),
            (Unavailable::FencedEpoch, ErrorCode::FencedLeaderEpoch),
            (Unavailable::UnknownEpoch, ErrorCode::UnknownLeaderEpoch),
            (Unavailable::StorageFailed, ErrorCode::KafkaStorageError),
            (Unavailable::Damaged("a batch".into()), ErrorCode::KafkaStorageError),
        ] {
            assert_eq!(unavailable(&fault), code);
            assert_eq!(produce(&fault.clone().into()), code);
            assert_eq!(read(&fault.into()), code);
        }
        let too_few = ProduceError::NotEnoughReplicas { in_sync: 1, minimum: 2 };
        assert_eq!(produce(&too_few), ErrorCode::NotEnoughReplicas);
        assert_eq!(append(&AppendError::Stopping), ErrorCode::NotLeaderOrFollower);
        assert_eq!(append(&AppendError::Deleted), ErrorCode::UnknownTopicOrPartition);
        assert_eq!(read_error(&ReadError::Deleted), ErrorCode::UnknownTopicOrPartition);
    }
}
