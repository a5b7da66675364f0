//! TxnOffsetCommit 0-5: offsets that count once the transaction commits (TXN-21). Version 2 adds leader epochs, 3 members
//! and generations (KIP-447) and is flexible, 5 joins the group's partition to the transaction itself (KIP-890).
use super::{
    Context, Reply, errors,
    transactions::{self, Joining},
};
use crate::{
    coordinator::{
        Coordinated, CoordinatorError, GroupMachine,
        group::{
            self,
            offsets::{self, Commit, CommitPartition, CommitTopic, Committer, Durability, Named, existing},
        },
        txn,
    },
    image::Image,
    log::{Question, VerificationGuard},
    types::{ErrorCode, ProducerEpoch, ProducerId, TopicName, TransactionVersion},
    wire::{
        coordinator::Producer,
        messages::{
            TxnOffsetCommitRequest, TxnOffsetCommitResponse,
            txn_offset_commit_request::TxnOffsetCommitRequestTopic,
            txn_offset_commit_response::{TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic},
        },
    },
};

/// The coordinator of the group joins its partition to the transaction from this version on.
const JOINS_SINCE: i16 = 5;
/// TRANSACTION_ABORTABLE is known.
const ABORTABLE_SINCE: i16 = 4;
/// COORDINATOR_LOAD_IN_PROGRESS is known.
const LOADING_SINCE: i16 = 2;

pub fn handle(cx: &Context, request: TxnOffsetCommitRequest) -> Reply<TxnOffsetCommitResponse> {
    let cx = cx.clone();
    Reply::later(async move {
        let mut asked = request.topics.clone();
        let exist = existing_of(&cx.broker.image.load(), &mut asked);
        // Where none is, the producer is not looked at.
        if exist.iter().all(|code| code.is_error()) {
            return answer(&cx, asked, exist);
        }
        let codes = match commit(&cx, request).await {
            Ok(codes) => codes,
            Err(why) => exist.into_iter().map(|code| code.or(why)).collect(),
        };
        answer(&cx, asked, codes)
    })
}

/// Of each partition that is told of. As in Kafka's answer a topic that is there, of which nothing is committed, is not.
fn existing_of(image: &Image, asked: &mut Vec<TxnOffsetCommitRequestTopic>) -> Vec<ErrorCode> {
    let mut exist = Vec::new();
    asked.retain(|topic| {
        let named = Named::Name(topic.name.0.clone());
        exist.extend(existing(image, &named, topic.partitions.iter().map(|partition| partition.partition_index)));
        !topic.partitions.is_empty() || named.find(image).is_err()
    });
    exist
}

async fn commit(cx: &Context, request: TxnOffsetCommitRequest) -> Result<Vec<ErrorCode>, ErrorCode> {
    if request.group_id.is_empty() {
        return Err(ErrorCode::InvalidGroupId);
    }
    let id = ProducerId::from_wire(request.producer_id.0).ok_or(ErrorCode::InvalidProducerIdMapping)?;
    let epoch = ProducerEpoch::from_wire(request.producer_epoch).ok_or(ErrorCode::InvalidProducerEpoch)?;
    let groups = cx.broker.groups.clone();
    let guard = verify(cx, &request, id, epoch).await?;
    let group = request.group_id.0;
    let commit = Commit {
        group: group.clone(),
        committer: Committer {
            member_id: request.member_id,
            instance_id: request.group_instance_id,
            generation: request.generation_id,
        },
        durability: Durability::InTransaction(Producer { id, epoch }),
        topics: request.topics.into_iter().map(wanted).collect(),
        version: cx.version,
    };
    let request = group::Request::Offsets(offsets::Request::Commit(commit));
    let asked = groups.submit_if(&group, request, |log| {
        log.check_transactional(id, epoch, guard).map_err(CoordinatorError::Producer)
    });
    match asked.await {
        Ok(group::Reply::Offsets(offsets::Reply::Committed(codes))) => Ok(codes),
        Ok(_) => Err(ErrorCode::UnknownServerError),
        Err(fault) => Err(errors::coordinator(&fault)),
    }
}

/// TXN-7 for offsets: the group's partition is in the transaction, and no marker came since that was asked.
async fn verify(
    cx: &Context,
    request: &TxnOffsetCommitRequest,
    producer: ProducerId,
    epoch: ProducerEpoch,
) -> Result<Option<VerificationGuard>, ErrorCode> {
    let index = cx.broker.groups.partition_of(&request.group_id).ok_or(ErrorCode::CoordinatorNotAvailable)?;
    let partition = cx.broker.groups.journal_at(index).ok_or(ErrorCode::NotCoordinator)?;
    let joins = cx.version >= JOINS_SINCE;
    if !joins && !partition.settings().log.verify_transactions {
        return Ok(None);
    }
    let version = if joins { TransactionVersion::V2 } else { TransactionVersion::V0 };
    let question = Question { producer, epoch, sequence: -1, version };
    let guard = partition.start_verification(question).map_err(|fault| errors::produce(&fault))?;
    if guard.is_none() {
        return Ok(None);
    }
    let topic = TopicName::parse(GroupMachine::TOPIC).map_err(|_| ErrorCode::UnknownServerError)?;
    let joining = match joins {
        true => Joining::Add,
        false => Joining::Verify { abortable_known: cx.version >= ABORTABLE_SINCE },
    };
    let named = txn::Producer { id: producer.get(), epoch: epoch.get() };
    let id = request.transactional_id.to_string();
    let codes = transactions::join(cx.broker.clone(), id, named, [(topic, index)].into(), joining).await;
    match codes.into_values().find(|code| code.is_error()) {
        None => Ok(guard),
        Some(code) => Err(of_join(code)),
    }
}

/// What keeps the group's partition out of the transaction, as coordinators say that something passes.
fn of_join(code: ErrorCode) -> ErrorCode {
    match code {
        ErrorCode::NotEnoughReplicas => ErrorCode::CoordinatorNotAvailable,
        ErrorCode::ConcurrentTransactions => ErrorCode::CoordinatorLoadInProgress,
        code => code,
    }
}

fn wanted(topic: TxnOffsetCommitRequestTopic) -> CommitTopic {
    let partitions = topic.partitions.into_iter().map(|partition| CommitPartition {
        partition: partition.partition_index,
        offset: partition.committed_offset,
        leader_epoch: partition.committed_leader_epoch,
        metadata: partition.committed_metadata,
    });
    CommitTopic { topic: Named::Name(topic.name.0), partitions: partitions.collect() }
}

fn answer(cx: &Context, asked: Vec<TxnOffsetCommitRequestTopic>, codes: Vec<ErrorCode>) -> TxnOffsetCommitResponse {
    let mut codes = codes.into_iter();
    let topics = asked.into_iter().map(|topic| {
        let partitions = topic.partitions.into_iter().map(|partition| {
            let code = match codes.next().unwrap_or(ErrorCode::UnknownServerError) {
                // Old producers take the other word for a fault of their own.
                ErrorCode::CoordinatorLoadInProgress if cx.version < LOADING_SINCE => {
                    ErrorCode::CoordinatorNotAvailable
                }
                code => code,
            };
            TxnOffsetCommitResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(cx.error(code))
        });
        TxnOffsetCommitResponseTopic::default().with_name(topic.name).with_partitions(partitions.collect())
    });
    TxnOffsetCommitResponse::default().with_topics(topics.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn txn_21_what_passes_is_told_as_coordinators_tell_it() {
        use ErrorCode::*;
        assert_eq!(of_join(ConcurrentTransactions), CoordinatorLoadInProgress);
        assert_eq!(of_join(NotEnoughReplicas), CoordinatorNotAvailable);
        for code in [InvalidProducerEpoch, InvalidTxnState, TransactionAbortable, InvalidProducerIdMapping] {
            assert_eq!(of_join(code), code);
        }
    }
}
