//! InitProducerId 0-5: a producer id for idempotent producers, and the next epoch of a transactional id. Version 2 is
//! flexible, 3 lets a producer bump its epoch (KIP-360), 4 knows PRODUCER_FENCED.
use super::{Context, Reply, transactions};
use crate::{
    coordinator::txn::{self, Producer},
    types::ErrorCode,
};
use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse, ProducerId};

/// No producer is named.
const NOBODY: i64 = -1;

pub fn handle(cx: &Context, request: InitProducerIdRequest) -> Reply<InitProducerIdResponse> {
    if let Err(code) = check(&request) {
        return Reply::Now(failed(cx, code));
    }
    let Some(id) = request.transactional_id.clone() else { return idempotent(cx) };
    // Also where nobody coordinates the id yet: to ask again would not help.
    if !cx.broker.transactions.settings().allows_timeout(request.transaction_timeout_ms) {
        return Reply::Now(failed(cx, ErrorCode::InvalidTransactionTimeout));
    }
    if !cx.broker.producer_ids.is_empty() {
        return transactional(cx, &id, &request);
    }
    let cx = cx.clone();
    // Those behind it wait for the next ids too, rather than each for one of its own in its turn.
    Reply::Held(Box::pin(async move {
        if let Err(error) = cx.broker.producer_ids.refill().await {
            tracing::debug!(%error, "no producer ids are at hand");
        }
        transactional(&cx, &id, &request)
    }))
}

fn transactional(cx: &Context, id: &str, request: &InitProducerIdRequest) -> Reply<InitProducerIdResponse> {
    let named = Producer { id: request.producer_id.0, epoch: request.producer_epoch };
    let asked = txn::Request::Init {
        id: id.into(),
        timeout_ms: request.transaction_timeout_ms,
        expected: (named.id != NOBODY).then_some(named),
    };
    let asked = transactions::ask(&cx.broker, id, asked);
    let cx = cx.clone();
    Reply::later(async move {
        match asked.await {
            Ok(txn::Reply::Producer(producer)) => given(producer.id, producer.epoch),
            Ok(other) => failed(&cx, transactions::unexpected("InitProducerId", &other)),
            Err(code) => failed(&cx, transactions::fenced_since(cx.version, 4, code)),
        }
    })
}

fn idempotent(cx: &Context) -> Reply<InitProducerIdResponse> {
    let producer_ids = cx.broker.producer_ids.clone();
    let cx = cx.clone();
    Reply::later(async move {
        match producer_ids.next().await {
            Ok(id) => given(id.get(), 0),
            Err(error) => {
                tracing::warn!(%error, "no producer id can be given out");
                failed(&cx, ErrorCode::CoordinatorNotAvailable)
            }
        }
    })
}

/// INIT-1: id and epoch come together or not at all; an empty transactional id is a mistake.
fn check(request: &InitProducerIdRequest) -> Result<(), ErrorCode> {
    if (request.producer_id.0 == NOBODY) != (request.producer_epoch == -1) {
        return Err(ErrorCode::InvalidRequest);
    }
    match &request.transactional_id {
        Some(id) if id.is_empty() => Err(ErrorCode::InvalidRequest),
        _ => Ok(()),
    }
}

fn given(id: i64, epoch: i16) -> InitProducerIdResponse {
    InitProducerIdResponse::default().with_producer_id(ProducerId(id)).with_producer_epoch(epoch)
}

fn failed(cx: &Context, code: ErrorCode) -> InitProducerIdResponse {
    given(-1, -1).with_error_code(cx.error(code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::StrBytes;
    use kafka_protocol::messages::TransactionalId;

    #[test]
    fn init_1_id_and_epoch_come_together_and_an_empty_transactional_id_is_refused() {
        let request = InitProducerIdRequest::default().with_transactional_id(None);
        assert_eq!(check(&request), Ok(()));
        assert_eq!(check(&request.clone().with_producer_id(ProducerId(5))), Err(ErrorCode::InvalidRequest));
        assert_eq!(check(&request.clone().with_producer_epoch(0)), Err(ErrorCode::InvalidRequest));
        let empty = request.with_transactional_id(Some(TransactionalId(StrBytes::from_static_str(""))));
        assert_eq!(check(&empty), Err(ErrorCode::InvalidRequest));
    }
}
