//! What the handlers of transactions share: asking the coordinator, its words on the wire, partitions that join.
use super::{Broker, errors};
use crate::{
    coordinator::{
        TransactionAsk,
        txn::{Join, Partition, Producer, Reply, Request, TransactionalId},
    },
    platform::seeded::{self, Bug},
    types::{ErrorCode, TransactionVersion},
    wire::Version,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    sync::Arc,
    time::Duration,
};

/// Decided before this returns; the future waits for the answer. Where a producer id is needed, it asks once more with one.
pub fn ask(
    broker: &Arc<Broker>,
    id: &str,
    request: Request,
) -> impl Future<Output = Result<Reply, ErrorCode>> + Send + 'static + use<> {
    let (broker, id) = (broker.clone(), TransactionalId::from(id));
    let first = start(&broker, &id, request.clone().into());
    async move {
        let reply = match first.await {
            Ok(Reply::NeedsProducerId) => {
                let fresh = broker.producer_ids.next().await.map_err(|error| {
                    tracing::warn!(%error, "no producer id can be given out");
                    ErrorCode::CoordinatorNotAvailable
                })?;
                start(&broker, &id, TransactionAsk { request, fresh_producer_id: Some(fresh) }).await
            }
            other => other,
        };
        match reply.map_err(|fault| errors::coordinator(&fault))? {
            Reply::Refused(ErrorCode::ConcurrentTransactions) if seeded::strikes(Bug::TellsWrongCode) => {
                Err(ErrorCode::InvalidTxnState)
            }
            Reply::Refused(code) => Err(code),
            reply => Ok(reply),
        }
    }
}

fn start(
    broker: &Broker,
    id: &TransactionalId,
    ask: TransactionAsk,
) -> impl Future<Output = Result<Reply, crate::coordinator::CoordinatorError>> + Send + 'static + use<> {
    let may_end = matches!(ask.request, Request::Init { .. } | Request::End { .. });
    let request = may_end.then(|| ask.request.clone());
    // Asked once more at once: what is behind it on its connection does not wait for it, and is decided behind it.
    let asked = broker.transactions.submit_again(id, ask, |decided| match decided {
        Reply::NeedsProducerId => {
            let request = request?;
            Some(TransactionAsk { request, fresh_producer_id: Some(broker.producer_ids.at_hand()?) })
        }
        _ => None,
    });
    if may_end {
        broker.transaction_ends.wake(id.clone());
    }
    asked
}

/// The machine answers what it is asked; anything else is our own fault, and not the client's.
pub fn unexpected(api: &'static str, reply: &Reply) -> ErrorCode {
    tracing::error!(api, ?reply, "bug: the answer to another question");
    ErrorCode::UnknownServerError
}

/// Older clients know a fenced producer by another name.
pub fn fenced_since(version: Version, known_since: Version, code: ErrorCode) -> ErrorCode {
    match code {
        ErrorCode::ProducerFenced if version < known_since => ErrorCode::InvalidProducerEpoch,
        other => other,
    }
}

/// How the first batch of a transaction in a partition is made known to the coordinator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Joining {
    /// The producer added the partition itself; is it there? (TXN-6)
    Verify { abortable_known: bool },
    /// The partition's leader adds it (TXN-8).
    Add,
}

/// Joins partitions to the open transaction, or makes sure that they are in it. A transaction that is being ended is waited
/// for, for a bounded time (KAFKA-18654): whoever sends on right after the end would else lose a pause at each of them.
pub async fn join(
    broker: Arc<Broker>,
    id: String,
    producer: Producer,
    partitions: BTreeSet<Partition>,
    joining: Joining,
) -> BTreeMap<Partition, ErrorCode> {
    let rules = &broker.config.producers.transactions;
    let deadline = broker.clock.monotonic() + Duration::from_millis(rules.join_retry_ms_max);
    let every = Duration::from_millis(rules.join_retry_every_ms);
    let mut waits_for_end = false;
    loop {
        // Begun before the question: an end in between is not missed.
        let join = || Join { producer, partitions: partitions.clone() };
        let ended = waits_for_end.then(|| broker.transaction_ends.ended(&TransactionalId::from(id.as_str()), join()));
        let code = match once(&broker, &id, producer, &partitions, joining).await {
            Ok(codes) => return codes,
            Err(code) => code,
        };
        let again = code == ErrorCode::ConcurrentTransactions && joining == Joining::Add;
        if !again || broker.clock.monotonic() >= deadline {
            return partitions.into_iter().map(|at| (at, of_join(code, joining))).collect();
        }
        waits_for_end = true;
        if let Some(ended) = ended {
            let _ = tokio::time::timeout(every, ended).await;
        }
    }
}

async fn once(
    broker: &Arc<Broker>,
    id: &str,
    producer: Producer,
    partitions: &BTreeSet<Partition>,
    joining: Joining,
) -> Result<BTreeMap<Partition, ErrorCode>, ErrorCode> {
    let (id_shared, partitions_asked) = (TransactionalId::from(id), partitions.clone());
    let request = match joining {
        Joining::Verify { .. } => Request::Verify { id: id_shared, producer, partitions: partitions_asked },
        Joining::Add => Request::AddPartitions {
            id: id_shared,
            producer,
            partitions: partitions_asked,
            version: TransactionVersion::V2,
        },
    };
    match ask(broker, id, request).await? {
        Reply::Done => Ok(partitions.iter().map(|at| (at.clone(), ErrorCode::None)).collect()),
        Reply::Verified(codes) => Ok(codes.into_iter().map(|(at, code)| (at, of_join(code, joining))).collect()),
        other => Err(unexpected("join", &other)),
    }
}

/// As who writes records or offsets is told: what the coordinator will answer differently soon is retriable for every
/// client (TXN-8, KAFKA-18662).
fn of_join(code: ErrorCode, joining: Joining) -> ErrorCode {
    match (code, joining) {
        (ErrorCode::ConcurrentTransactions, Joining::Add) => ErrorCode::ConcurrentTransactions,
        (
            ErrorCode::ConcurrentTransactions
            | ErrorCode::CoordinatorLoadInProgress
            | ErrorCode::CoordinatorNotAvailable
            | ErrorCode::NotCoordinator,
            _,
        ) => ErrorCode::NotEnoughReplicas,
        (ErrorCode::ProducerFenced, _) if seeded::strikes(Bug::AdmitsZombies) => ErrorCode::None,
        (ErrorCode::ProducerFenced, _) => ErrorCode::InvalidProducerEpoch,
        (ErrorCode::TransactionAbortable, Joining::Verify { abortable_known: false }) => ErrorCode::InvalidTxnState,
        (code, _) => code,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn txn_8_what_passes_is_retriable_for_every_client() {
        use ErrorCode::*;
        let old = Joining::Verify { abortable_known: false };
        let verify = Joining::Verify { abortable_known: true };
        for code in [CoordinatorLoadInProgress, CoordinatorNotAvailable, NotCoordinator] {
            assert_eq!([old, verify, Joining::Add].map(|how| of_join(code, how)), [NotEnoughReplicas; 3]);
        }
        assert_eq!(of_join(ConcurrentTransactions, verify), NotEnoughReplicas);
        assert_eq!(of_join(ConcurrentTransactions, Joining::Add), ConcurrentTransactions);
        assert_eq!(of_join(ProducerFenced, Joining::Add), InvalidProducerEpoch);
    }

    #[test]
    fn txn_6_old_clients_are_told_an_invalid_state_and_new_ones_to_abort() {
        use ErrorCode::*;
        assert_eq!(of_join(TransactionAbortable, Joining::Verify { abortable_known: false }), InvalidTxnState);
        assert_eq!(of_join(TransactionAbortable, Joining::Verify { abortable_known: true }), TransactionAbortable);
    }
}
