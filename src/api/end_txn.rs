//! EndTxn 0-5: commits or aborts. Version 2 knows PRODUCER_FENCED, 3 is flexible, 5 ends the epoch with the transaction and
//! answers the next one (KIP-890). Answered once the decision is committed; markers follow (TXN-4).
use super::{Context, Reply, transactions};
use crate::{
    coordinator::txn::{self, Producer},
    record::TransactionResult,
    types::TransactionVersion,
    wire::messages::{EndTxnRequest, EndTxnResponse, ProducerId},
};

/// Every end raises the epoch from this version on.
const RAISES_SINCE: i16 = 5;

pub fn handle(cx: &Context, request: EndTxnRequest) -> Reply<EndTxnResponse> {
    let version = if cx.version >= RAISES_SINCE { TransactionVersion::V2 } else { TransactionVersion::V0 };
    let asked = txn::Request::End {
        id: (&**request.transactional_id).into(),
        producer: Producer { id: request.producer_id.0, epoch: request.producer_epoch },
        result: if request.committed { TransactionResult::Commit } else { TransactionResult::Abort },
        version,
    };
    let asked = transactions::ask(&cx.broker, &request.transactional_id, asked);
    let cx = cx.clone();
    Reply::later(async move {
        let none = EndTxnResponse::default().with_producer_id(ProducerId(-1)).with_producer_epoch(-1);
        let code = match asked.await {
            Ok(txn::Reply::Producer(producer)) if version.raises_epoch() => {
                return none.with_producer_id(ProducerId(producer.id)).with_producer_epoch(producer.epoch);
            }
            Ok(txn::Reply::Producer(_)) => return none,
            Ok(other) => transactions::unexpected("EndTxn", &other),
            Err(code) => transactions::fenced_since(cx.version, 2, code),
        };
        none.with_error_code(cx.error(code))
    })
}
