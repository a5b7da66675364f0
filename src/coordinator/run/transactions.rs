//! The transaction coordinator: transactional ids on the partitions of `__transaction_state`.
use super::{Coordinated, Given, Sharded};
use crate::{
    coordinator::txn::{Op, Reply, Request, Soft, TransactionMachine, TransactionSettings, Transactions},
    image::Features,
    types::{ProducerId, TopicId, TransactionVersion},
    wire::coordinator::TransactionRecord,
};

/// The handle of the transaction coordinator.
pub type TransactionCoordinator = Sharded<TransactionMachine>;

/// A request, with a producer id that nobody has where one may be needed.
#[derive(Clone, Debug)]
pub struct TransactionAsk {
    pub request: Request,
    pub fresh_producer_id: Option<ProducerId>,
}

impl From<Request> for TransactionAsk {
    fn from(request: Request) -> TransactionAsk {
        TransactionAsk { request, fresh_producer_id: None }
    }
}

/// Records with fields of KIP-890, which readers of `transaction.version` 1 and later know.
const FLEXIBLE: i16 = 1;

impl Coordinated for TransactionMachine {
    const TOPIC: &'static str = "__transaction_state";
    /// No coordinator writes here inside a transaction; whoever did meant what the records say.
    const WAITS_FOR_ENDS: bool = false;
    type Request = TransactionAsk;
    type Settings = TransactionSettings;

    fn op(given: Given<TransactionSettings>, ask: TransactionAsk) -> Op {
        let level = given.image.features.level(Features::TRANSACTION_VERSION);
        let version = TransactionVersion::from_wire(i8::try_from(level).unwrap_or(i8::MAX));
        Op {
            now_ms: given.wall_ms,
            fresh_producer_id: ask.fresh_producer_id.map(ProducerId::get),
            settings: TransactionSettings { version, ..*given.settings },
            batch_bytes_max: given.batch_bytes_max,
            request: ask.request,
        }
    }

    fn loaded() -> TransactionAsk {
        Request::Nothing.into()
    }

    // Nothing is timed to the millisecond here: sweeps look for what is late.
    fn due() -> TransactionAsk {
        Request::Nothing.into()
    }

    // Markers of partitions that are gone are dropped by who sends them (TXN-12).
    fn topics_deleted(_: Vec<(String, TopicId)>) -> Option<TransactionAsk> {
        None
    }

    fn is_more(_: &Reply) -> bool {
        false
    }

    fn entries(transactions: &Transactions) -> usize {
        transactions.len()
    }

    fn next_due(_: &Soft) -> Option<u64> {
        None
    }

    fn encode(record: &TransactionRecord) -> (Vec<u8>, Option<Vec<u8>>) {
        record.encode(FLEXIBLE)
    }

    fn decode(key: Option<&[u8]>, value: Option<&[u8]>) -> Result<Option<TransactionRecord>, String> {
        TransactionRecord::decode(key, value).map(Some).map_err(|damaged| damaged.to_string())
    }
}
