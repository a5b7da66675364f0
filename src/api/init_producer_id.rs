//! InitProducerId 0-5: a producer id for idempotent producers. Version 2 is flexible, 3 lets a producer bump its epoch
//! (KIP-360). Transactional ids need the transaction coordinator, which is not there yet.
use super::{Context, Reply};
use crate::types::ErrorCode;
use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse, ProducerId};

pub fn handle(cx: &Context, request: InitProducerIdRequest) -> Reply<InitProducerIdResponse> {
    if let Err(code) = check(&request) {
        return Reply::Now(failed(cx, code));
    }
    let producer_ids = cx.broker.producer_ids.clone();
    let cx = cx.clone();
    Reply::later(async move {
        match producer_ids.next().await {
            Ok(id) => InitProducerIdResponse::default().with_producer_id(ProducerId(id.get())).with_producer_epoch(0),
            Err(error) => {
                tracing::warn!(%error, "no producer id can be given out");
                failed(&cx, ErrorCode::CoordinatorNotAvailable)
            }
        }
    })
}

/// INIT-1: id and epoch come together or not at all; an empty transactional id is a mistake.
fn check(request: &InitProducerIdRequest) -> Result<(), ErrorCode> {
    if (request.producer_id.0 == -1) != (request.producer_epoch == -1) {
        return Err(ErrorCode::InvalidRequest);
    }
    match &request.transactional_id {
        None => Ok(()),
        Some(id) if id.is_empty() => Err(ErrorCode::InvalidRequest),
        Some(_) => Err(ErrorCode::CoordinatorNotAvailable),
    }
}

fn failed(cx: &Context, code: ErrorCode) -> InitProducerIdResponse {
    InitProducerIdResponse::default()
        .with_error_code(cx.error(code))
        .with_producer_id(ProducerId(-1))
        .with_producer_epoch(-1)
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
