//! ListTransactions 0-2 (KIP-664): the transactional ids that this broker coordinates. Version 1 filters by how long they run,
//! 2 by a pattern of their ids (KIP-1152).
use super::{Context, Reply, errors};
use crate::{
    coordinator::{
        CoordinatorError,
        txn::{self, Filter},
    },
    record::TransactionResult::{Abort, Commit},
    types::ErrorCode,
    wire::{
        StrBytes,
        messages::{
            ListTransactionsRequest, ListTransactionsResponse, ProducerId, TransactionalId,
            list_transactions_response::TransactionState,
        },
    },
};
use regex::{Regex, RegexBuilder};
use std::collections::BTreeSet;

/// Memory for one compiled pattern: it comes from a client.
const PATTERN_BYTES_MAX: usize = 1 << 20;

const STATES: [txn::State; 6] = [
    txn::State::Empty,
    txn::State::Ongoing,
    txn::State::Prepare(Commit),
    txn::State::Prepare(Abort),
    txn::State::Complete(Commit),
    txn::State::Complete(Abort),
];

pub fn handle(cx: &Context, request: ListTransactionsRequest) -> Reply<ListTransactionsResponse> {
    let pattern = match pattern(request.transactional_id_pattern.as_deref()) {
        Ok(pattern) => pattern,
        Err(error) => {
            tracing::debug!(%error, "a pattern of transactional ids was refused");
            let code = cx.error(ErrorCode::InvalidRegularExpression);
            return Reply::Now(ListTransactionsResponse::default().with_error_code(code));
        }
    };
    let filters: BTreeSet<_> = request.state_filters.into_iter().collect();
    let (known, unknown): (Vec<_>, Vec<_>) =
        filters.into_iter().partition(|name| STATES.iter().any(|state| state.name() == name.as_str()));
    let filter = Filter {
        producer_ids: request.producer_id_filters.iter().map(|id| id.0).collect(),
        states: known.iter().map(|name| name.to_string()).collect(),
        running_ms_min: (request.duration_filter >= 0).then_some(request.duration_filter),
    };
    let answer = ListTransactionsResponse::default().with_unknown_state_filters(unknown);
    if known.is_empty() && !answer.unknown_state_filters.is_empty() {
        return Reply::Now(answer);
    }
    let asked = cx.broker.transactions.submit_all(|| txn::Request::List(filter.clone()).into());
    let cx = cx.clone();
    Reply::later(async move {
        let mut listed = Vec::new();
        for told in asked.await {
            match told {
                Ok(txn::Reply::Listed(rows)) => listed.extend(rows),
                // Half a list would look like a whole one.
                Err(fault @ CoordinatorError::Loading) => {
                    return ListTransactionsResponse::default().with_error_code(cx.error(errors::coordinator(&fault)));
                }
                _ => {}
            }
        }
        let rows = listed.into_iter().filter(|(id, _)| pattern.as_ref().is_none_or(|pattern| pattern.is_match(id)));
        let rows = rows.map(|(id, one)| {
            TransactionState::default()
                .with_transactional_id(TransactionalId(StrBytes::from_string(id.to_string())))
                .with_producer_id(ProducerId(one.producer_id))
                .with_transaction_state(StrBytes::from_static_str(one.state.name()))
        });
        answer.with_transaction_states(rows.collect())
    })
}

/// Matches the whole id, as Kafka's does; an empty pattern is none.
fn pattern(text: Option<&str>) -> Result<Option<Regex>, regex::Error> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    RegexBuilder::new(&format!("^(?:{text})$")).size_limit(PATTERN_BYTES_MAX).build().map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_ids() {
        assert!(pattern(None).unwrap().is_none() && pattern(Some("")).unwrap().is_none());
        let some = pattern(Some("pay-.*")).unwrap().unwrap();
        assert!(some.is_match("pay-1") && !some.is_match("repay-1"));
        assert!(pattern(Some("(")).is_err() && pattern(Some("(?:a{1000}){1000}")).is_err());
    }
}
