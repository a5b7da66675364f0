//! ListTransactions 0-2 (KIP-664): the transactional ids that this broker coordinates. Version 1 filters by how long they run,
//! 2 by a pattern of their ids (KIP-1152).
use super::{Context, Reply, errors};
use crate::{
    coordinator::{
        CoordinatorError,
        group::consumer::{InvalidPattern, Matcher},
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
use std::collections::BTreeSet;

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
    let (known, unknown): (Vec<_>, Vec<_>) = filters.into_iter().partition(|name| is_state(name.as_str()));
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

/// Kafka knows two more, in which no transaction is here.
fn is_state(name: &str) -> bool {
    matches!(name, "PrepareEpochFence" | "Dead") || STATES.iter().any(|state| state.name() == name)
}

/// Matches the whole id in Kafka's dialect; an empty pattern is none.
fn pattern(text: Option<&str>) -> Result<Option<Matcher>, InvalidPattern> {
    text.filter(|text| !text.is_empty()).map(Matcher::compile).transpose()
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

    #[test]
    fn patterns_are_of_kafkas_dialect() {
        let matches = |text: &str, id: &str| pattern(Some(text)).unwrap().unwrap().is_match(id);
        assert!(matches(r"\Qa.b\E", "a.b") && !matches(r"\Qa.b\E", "axb"));
        assert!(matches(r"q\d", "q7") && !matches(r"q\d", "q\u{663}"));
        assert!(pattern(Some("a)|(?:.*")).is_err(), "no way out of the whole id");
    }

    #[test]
    fn all_of_kafkas_states_are_known() {
        for state in ["Empty", "Ongoing", "CompleteAbort", "PrepareEpochFence", "Dead"] {
            assert!(is_state(state), "{state}");
        }
        assert!(!is_state("dead") && !is_state(""));
    }
}
