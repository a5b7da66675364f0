//! AddPartitionsToTxn 0-5: partitions that a transaction will write to, before its first record (TXN-5). Version 2 knows
//! PRODUCER_FENCED, 3 is flexible; from 4 on brokers ask, for several transactions at once and also to verify (KIP-890).
use super::{Context, Reply, transactions};
use crate::{
    coordinator::{
        Coordinated, GroupMachine,
        txn::{self, Partition, Producer, TransactionalId},
    },
    image::Image,
    types::{ErrorCode, TopicName, TransactionVersion},
    wire::messages::{
        AddPartitionsToTxnRequest, AddPartitionsToTxnResponse,
        add_partitions_to_txn_request::{AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction},
        add_partitions_to_txn_response::{
            AddPartitionsToTxnPartitionResult, AddPartitionsToTxnResult, AddPartitionsToTxnTopicResult,
        },
    },
};
use futures_util::future::join_all;
use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
};

/// From this version on brokers ask, and several transactions come at once.
const BATCHED_SINCE: i16 = 4;

type Codes = BTreeMap<Partition, ErrorCode>;

pub fn handle(cx: &Context, request: AddPartitionsToTxnRequest) -> Reply<AddPartitionsToTxnResponse> {
    let image = cx.broker.image.load();
    if cx.version >= BATCHED_SINCE {
        let asked: Vec<_> = request.transactions.into_iter().map(|one| decide(cx, &image, one)).collect();
        let cx = cx.clone();
        return Reply::later(async move {
            let answers = join_all(asked).await;
            // No code of one partition: the brokers that ask are of another level.
            if answers.iter().any(|(_, codes)| matches!(codes, Err(ErrorCode::UnsupportedVersion))) {
                return AddPartitionsToTxnResponse::default().with_error_code(cx.error(ErrorCode::UnsupportedVersion));
            }
            let results = answers.into_iter().map(|(one, codes)| {
                AddPartitionsToTxnResult::default()
                    .with_transactional_id(one.transactional_id)
                    .with_topic_results(results(&cx, one.topics, &codes))
            });
            AddPartitionsToTxnResponse::default().with_results_by_transaction(results.collect())
        });
    }
    let one = AddPartitionsToTxnTransaction::default()
        .with_transactional_id(request.v3_and_below_transactional_id)
        .with_producer_id(request.v3_and_below_producer_id)
        .with_producer_epoch(request.v3_and_below_producer_epoch)
        .with_topics(request.v3_and_below_topics);
    let asked = decide(cx, &image, one);
    let cx = cx.clone();
    Reply::later(async move {
        let (one, codes) = asked.await;
        AddPartitionsToTxnResponse::default().with_results_by_topic_v3_and_below(results(&cx, one.topics, &codes))
    })
}

/// Decided before this returns; the codes of all partitions once that is committed.
fn decide(
    cx: &Context,
    image: &Image,
    one: AddPartitionsToTxnTransaction,
) -> impl Future<Output = (AddPartitionsToTxnTransaction, Result<Codes, ErrorCode>)> + Send + 'static + use<> {
    let asked = partitions(cx, image, &one.topics).map(|partitions| {
        let id = TransactionalId::from(&**one.transactional_id);
        let producer = Producer { id: one.producer_id.0, epoch: one.producer_epoch };
        let version = if cx.version >= BATCHED_SINCE { TransactionVersion::V2 } else { TransactionVersion::V0 };
        let request = match one.verify_only {
            true => txn::Request::Verify { id, producer, partitions: partitions.clone() },
            false => txn::Request::AddPartitions { id, producer, partitions: partitions.clone(), version },
        };
        (partitions, transactions::ask(&cx.broker, &one.transactional_id, request))
    });
    let version = cx.version;
    async move {
        let codes = match asked {
            Err(refused) => Ok(refused),
            Ok((partitions, asked)) => match asked.await {
                Ok(txn::Reply::Done) => Ok(partitions.into_iter().map(|at| (at, ErrorCode::None)).collect()),
                Ok(txn::Reply::Verified(codes)) => Ok(codes),
                Ok(other) => Err(transactions::unexpected("AddPartitionsToTxn", &other)),
                Err(code) => Err(transactions::fenced_since(version, 2, code)),
            },
        };
        (one, codes)
    }
}

/// All or nothing: where one partition cannot be added, the others are not attempted. Names that no topic can have are in
/// neither.
fn partitions(cx: &Context, image: &Image, topics: &[AddPartitionsToTxnTopic]) -> Result<BTreeSet<Partition>, Codes> {
    // Producers add offsets by their group; only brokers name the topic that holds them.
    let is_closed = |topic: &TopicName| {
        topic.is_internal() && (cx.version < BATCHED_SINCE || topic.as_str() != GroupMachine::TOPIC)
    };
    let code = |(topic, index): &Partition| match image.topics.named(topic.as_str()) {
        _ if is_closed(topic) => ErrorCode::TopicAuthorizationFailed,
        Some(topic) if topic.partitions.get(index).is_some() => ErrorCode::OperationNotAttempted,
        _ => ErrorCode::UnknownTopicOrPartition,
    };
    let names: Vec<_> = topics.iter().map(|topic| (TopicName::parse(&topic.name), &topic.partitions)).collect();
    let named = names.iter().filter_map(|(name, partitions)| Some((name.as_ref().ok()?, partitions)));
    let named: BTreeSet<Partition> =
        named.flat_map(|(name, partitions)| partitions.iter().map(|index| (name.clone(), *index))).collect();
    let codes: Codes = named.iter().map(|at| (at.clone(), code(at))).collect();
    let is_whole = names.iter().all(|(name, _)| name.is_ok())
        && codes.values().all(|code| *code == ErrorCode::OperationNotAttempted);
    if is_whole { Ok(named) } else { Err(codes) }
}

fn results(
    cx: &Context,
    topics: Vec<AddPartitionsToTxnTopic>,
    codes: &Result<Codes, ErrorCode>,
) -> Vec<AddPartitionsToTxnTopicResult> {
    let code = |topic: &str, index: i32| match codes {
        Err(code) => *code,
        Ok(codes) => {
            let found = codes.iter().find(|((name, at), _)| name.as_str() == topic && *at == index);
            found.map_or(ErrorCode::UnknownTopicOrPartition, |(_, code)| *code)
        }
    };
    let topics = topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|index| {
            AddPartitionsToTxnPartitionResult::default()
                .with_partition_index(*index)
                .with_partition_error_code(cx.error(code(&topic.name, *index)))
        });
        let partitions = partitions.collect();
        AddPartitionsToTxnTopicResult::default().with_name(topic.name).with_results_by_partition(partitions)
    });
    topics.collect()
}
