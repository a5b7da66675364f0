//! DescribeTransactions 0 (KIP-664): where transactional ids stand, and which partitions their transactions write to.
use super::{Context, Reply, transactions};
use crate::{
    coordinator::txn::{self, Transaction},
    types::ErrorCode,
    wire::{
        StrBytes,
        messages::{
            DescribeTransactionsRequest, DescribeTransactionsResponse, ProducerId, TopicName, TransactionalId,
            describe_transactions_response::{TopicData, TransactionState},
        },
    },
};
use futures_util::future::join_all;

pub fn handle(cx: &Context, request: DescribeTransactionsRequest) -> Reply<DescribeTransactionsResponse> {
    let asked: Vec<_> = request.transactional_ids.into_iter().map(|id| (asked(cx, &id), id)).collect();
    let cx = cx.clone();
    Reply::later(async move {
        let states = join_all(asked.into_iter().map(|(asked, id)| async { (asked.await, id) })).await;
        let states = states.into_iter().map(|(told, id)| match told {
            Ok(one) => described(id, &one),
            Err(code) => TransactionState::default().with_transactional_id(id).with_error_code(cx.error(code)),
        });
        DescribeTransactionsResponse::default().with_transaction_states(states.collect())
    })
}

fn asked(cx: &Context, id: &str) -> impl Future<Output = Result<Transaction, ErrorCode>> + Send + 'static + use<> {
    let asked = (!id.is_empty()).then(|| transactions::ask(&cx.broker, id, txn::Request::Describe(id.into())));
    async move {
        match asked.ok_or(ErrorCode::InvalidRequest)?.await? {
            txn::Reply::Listed(mut one) => one.pop().map(|(_, one)| one).ok_or(ErrorCode::TransactionalIdNotFound),
            other => Err(transactions::unexpected("DescribeTransactions", &other)),
        }
    }
}

fn described(id: TransactionalId, one: &Transaction) -> TransactionState {
    let mut topics: Vec<TopicData> = Vec::new();
    for (topic, partition) in &one.partitions {
        match topics.last_mut() {
            Some(last) if last.topic.as_str() == topic.as_str() => last.partitions.push(*partition),
            _ => {
                let name = TopicName(StrBytes::from_string(topic.to_string()));
                topics.push(TopicData::default().with_topic(name).with_partitions(vec![*partition]));
            }
        }
    }
    TransactionState::default()
        .with_transactional_id(id)
        .with_transaction_state(StrBytes::from_static_str(one.state.name()))
        .with_transaction_timeout_ms(one.timeout_ms)
        .with_transaction_start_time_ms(one.started_ms)
        .with_producer_id(ProducerId(one.producer_id))
        .with_producer_epoch(one.epoch)
        .with_topics(topics)
}
