//! Before the first batch of a transaction in a partition is appended, the coordinator is asked (TXN-6, TXN-7); from version
//! 12 on the partition joins the transaction by that (TXN-8).
use crate::{
    api::{
        Context,
        transactions::{self, Joining},
    },
    coordinator::txn::Producer,
    log::{Question, VerificationGuard},
    record::BatchHeader,
    types::{ErrorCode, ProducerEpoch, ProducerId, TopicId, TopicName, TransactionVersion},
};
use kafka_protocol::messages::ProduceRequest;
use std::{collections::BTreeMap, future::Future};

/// Producers of this version and later leave it to the leader to add partitions.
const JOINS_SINCE: i16 = 12;
/// TRANSACTION_ABORTABLE is known.
const ABORTABLE_SINCE: i16 = 11;

/// By partition: what the append may go by, or why it may not be.
pub type Joined = BTreeMap<(TopicName, i32), Result<VerificationGuard, ErrorCode>>;

/// A batch that begins a transaction in its partition.
struct First {
    topic: TopicName,
    index: i32,
    producer: Producer,
    guard: VerificationGuard,
}

/// `None`: nothing is to be asked. What cannot be read or found is told by the append.
pub fn begin(cx: &Context, request: &ProduceRequest) -> Option<impl Future<Output = Joined> + Send + 'static + use<>> {
    let id = request.transactional_id.as_ref()?.to_string();
    let firsts = firsts(cx, request);
    if firsts.is_empty() {
        return None;
    }
    let joining = match cx.version {
        JOINS_SINCE.. => Joining::Add,
        version => Joining::Verify { abortable_known: version >= ABORTABLE_SINCE },
    };
    let broker = cx.broker.clone();
    Some(async move {
        let mut joined = Joined::new();
        let mut by_producer: BTreeMap<(i64, i16), Vec<First>> = BTreeMap::new();
        for first in firsts {
            by_producer.entry((first.producer.id, first.producer.epoch)).or_default().push(first);
        }
        // One in any request of a client that works.
        for firsts in by_producer.into_values() {
            let Some(producer) = firsts.first().map(|first| first.producer) else { continue };
            let partitions = firsts.iter().map(|first| (first.topic.clone(), first.index)).collect();
            let codes = transactions::join(broker.clone(), id.clone(), producer, partitions, joining).await;
            for first in firsts {
                let at = (first.topic, first.index);
                let allowed = match codes.get(&at) {
                    Some(ErrorCode::None) => Ok(first.guard),
                    Some(code) => Err(*code),
                    None => Err(ErrorCode::UnknownServerError),
                };
                joined.insert(at, allowed);
            }
        }
        joined
    })
}

fn firsts(cx: &Context, request: &ProduceRequest) -> Vec<First> {
    let partitions = &cx.broker.partitions;
    let version = if cx.version >= JOINS_SINCE { TransactionVersion::V2 } else { TransactionVersion::V0 };
    let mut firsts = Vec::new();
    for data in &request.topic_data {
        let topic = if cx.version >= 13 {
            partitions.topic_by_id(TopicId(data.topic_id))
        } else {
            partitions.topic(&data.name)
        };
        let Some(topic) = topic.filter(|topic| !topic.name.is_internal()) else { continue };
        // To join is no question of verification: that can be switched off.
        if version == TransactionVersion::V0 && !topic.settings.log.verify_transactions {
            continue;
        }
        for of in &data.partition_data {
            let Some(partition) = topic.partition(of.index) else { continue };
            let Some(Ok(header)) = of.records.as_ref().map(|bytes| BatchHeader::parse(bytes)) else { continue };
            let ids = (ProducerId::from_wire(header.producer_id), ProducerEpoch::from_wire(header.producer_epoch));
            let (Some(producer), Some(epoch)) = ids else { continue };
            if !header.is_transactional() || header.is_control() {
                continue;
            }
            let question = Question { producer, epoch, sequence: header.base_sequence, version };
            if let Ok(Some(guard)) = partition.start_verification(question) {
                let producer = Producer { id: producer.get(), epoch: epoch.get() };
                firsts.push(First { topic: topic.name.clone(), index: of.index, producer, guard });
            }
        }
    }
    firsts
}
