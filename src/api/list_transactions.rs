//! ListTransactions 0-2 (KIP-664): the transactional ids that this broker coordinates. Version 1 filters by how long they run,
//! 2 by a pattern of their ids (KIP-1152).
use super::{Context, Reply, expressions::with_turn, transactions};
use crate::{
    coordinator::{
        CoordinatorError,
        group::consumer::Matcher,
        txn::{self, Filter},
    },
    machine::NotWritten,
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
use std::{collections::BTreeSet, future::Future};

const STATES: [txn::State; 6] = [
    txn::State::Empty,
    txn::State::Ongoing,
    txn::State::Prepare(Commit),
    txn::State::Prepare(Abort),
    txn::State::Complete(Commit),
    txn::State::Complete(Abort),
];

/// What transactional ids stand for.
type Rows<T = txn::Transaction> = Vec<(txn::TransactionalId, T)>;

pub fn handle(cx: &Context, mut request: ListTransactionsRequest) -> Reply<ListTransactionsResponse> {
    let cx = cx.clone();
    let Some(text) = request.transactional_id_pattern.take().filter(|text| !text.is_empty()) else {
        return match Asked::of(request) {
            Asked::Nothing(answer) => Reply::Now(answer),
            Asked::Rows(filter, answer) => {
                let rows = rows(&cx, &filter);
                Reply::later(async move { answered(&cx, answer, rows.await) })
            }
        };
    };
    // What is behind it on its connection waits too: the list is of the moment in which it is this request's turn.
    Reply::Held(Box::pin(async move {
        Reply::Now(match aside(&cx, move |_| Matcher::compile(&text)).await {
            Ok(Ok(pattern)) => match Asked::of(request) {
                Asked::Nothing(answer) => answer,
                Asked::Rows(filter, answer) => {
                    let rows = matching(&cx, filter, pattern).await;
                    answered(&cx, answer, rows)
                }
            },
            Ok(Err(error)) => {
                tracing::debug!(%error, "a pattern of transactional ids was refused");
                refused(&cx, ErrorCode::InvalidRegularExpression)
            }
            Err(code) => refused(&cx, code),
        })
    }))
}

/// A costly pattern holds up nobody but those who ask with others.
async fn aside<T: Send + 'static>(
    cx: &Context,
    work: impl FnOnce(&dyn Fn() -> bool) -> T + Send + 'static,
) -> Result<T, ErrorCode> {
    let clock = cx.broker.clock.clone();
    with_turn(move |turn| turn.work(clock, work)).await.ok_or(ErrorCode::CoordinatorNotAvailable)
}

/// What a request asks for, and the answer without its rows.
enum Asked {
    Rows(Filter, ListTransactionsResponse),
    /// Only for states that there are none of.
    Nothing(ListTransactionsResponse),
}

impl Asked {
    fn of(request: ListTransactionsRequest) -> Asked {
        let filters: BTreeSet<_> = request.state_filters.into_iter().collect();
        let (known, unknown): (Vec<_>, Vec<_>) = filters.into_iter().partition(|name| is_state(name.as_str()));
        let filter = Filter {
            producer_ids: request.producer_id_filters.iter().map(|id| id.0).collect(),
            states: known.iter().map(|name| name.to_string()).collect(),
            running_ms_min: (request.duration_filter >= 0).then_some(request.duration_filter),
        };
        let answer = ListTransactionsResponse::default().with_unknown_state_filters(unknown);
        match known.is_empty() && !answer.unknown_state_filters.is_empty() {
            true => Asked::Nothing(answer),
            false => Asked::Rows(filter, answer),
        }
    }
}

fn answered(cx: &Context, answer: ListTransactionsResponse, rows: Result<Rows, ErrorCode>) -> ListTransactionsResponse {
    match rows {
        Ok(rows) => answer.with_transaction_states(rows.into_iter().map(state).collect()),
        Err(code) => refused(cx, code),
    }
}

/// Of the moment in which this is called.
fn rows(cx: &Context, filter: &Filter) -> impl Future<Output = Result<Rows, ErrorCode>> + Send + 'static {
    let asked = cx.broker.transactions.submit_all(|| txn::Request::List(filter.clone()).into());
    async move { listed(asked.await) }
}

fn listed(told: Vec<Result<txn::Reply, CoordinatorError>>) -> Result<Rows, ErrorCode> {
    let mut listed = Vec::new();
    for told in told {
        match told {
            Ok(txn::Reply::Listed(rows)) => listed.extend(rows),
            Ok(other) => return Err(transactions::unexpected("ListTransactions", &other)),
            // Whoever coordinates it lists it.
            Err(CoordinatorError::NotCoordinator | CoordinatorError::NotWritten(NotWritten::NotLeader)) => {}
            // Half a list would look like a whole one.
            Err(CoordinatorError::Loading) => return Err(ErrorCode::CoordinatorLoadInProgress),
            Err(fault) => {
                tracing::debug!(%fault, "transactional ids cannot be listed");
                return Err(ErrorCode::CoordinatorNotAvailable);
            }
        }
    }
    Ok(listed)
}

/// The rows are asked for when there is a turn: all those of many who wait would not fit into memory.
async fn matching(cx: &Context, filter: Filter, pattern: Matcher) -> Result<Rows, ErrorCode> {
    let in_turn = cx.clone();
    let found = with_turn(move |turn| async move {
        let rows = match rows(&in_turn, &filter).await {
            Ok(rows) => rows,
            Err(code) => return Some(Err(code)),
        };
        let find = move |is_late: &dyn Fn() -> bool| only_matching(rows, &pattern, is_late);
        turn.work(in_turn.broker.clock.clone(), find).await.map(|found| {
            found.ok_or_else(|| {
                tracing::debug!("matching all transactional ids with a pattern takes too long");
                ErrorCode::InvalidRegularExpression
            })
        })
    });
    found.await.unwrap_or(Err(ErrorCode::CoordinatorNotAvailable))
}

/// `None`: it takes too long.
fn only_matching<T>(rows: Rows<T>, pattern: &Matcher, is_late: &dyn Fn() -> bool) -> Option<Rows<T>> {
    let mut found = Vec::new();
    for row in rows {
        if is_late() {
            return None;
        }
        if pattern.is_match(&row.0) {
            found.push(row);
        }
    }
    Some(found)
}

fn state((id, one): (txn::TransactionalId, txn::Transaction)) -> TransactionState {
    TransactionState::default()
        .with_transactional_id(TransactionalId(StrBytes::from_string(id.to_string())))
        .with_producer_id(ProducerId(one.producer_id))
        .with_transaction_state(StrBytes::from_static_str(one.state.name()))
}

fn refused(cx: &Context, code: ErrorCode) -> ListTransactionsResponse {
    ListTransactionsResponse::default().with_error_code(cx.error(code))
}

/// Kafka knows two more, in which no transaction is here.
fn is_state(name: &str) -> bool {
    matches!(name, "PrepareEpochFence" | "Dead") || STATES.iter().any(|state| state.name() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matching_that_takes_too_long_is_given_up() {
        let pattern = Matcher::compile("pay-.*").unwrap();
        let rows = || ["pay-1", "repay-1"].map(|id| (id.into(), ())).to_vec();
        let found = only_matching(rows(), &pattern, &|| false).unwrap();
        assert_eq!(found.iter().map(|(id, _)| &**id).collect::<Vec<_>>(), ["pay-1"]);
        assert!(only_matching(rows(), &pattern, &|| true).is_none());
    }

    #[test]
    fn txn_15_half_a_list_is_none_but_what_others_coordinate_is_not_missed() {
        let told = |fault: CoordinatorError| {
            let rows = listed(vec![Ok(txn::Reply::Listed(vec![])), Err(fault), Ok(txn::Reply::Listed(vec![]))]);
            rows.map(|rows| rows.len())
        };
        assert_eq!(told(CoordinatorError::Unavailable), Err(ErrorCode::CoordinatorNotAvailable));
        let full = NotWritten::Storage("full".into());
        assert_eq!(told(CoordinatorError::NotWritten(full)), Err(ErrorCode::CoordinatorNotAvailable));
        assert_eq!(told(CoordinatorError::Loading), Err(ErrorCode::CoordinatorLoadInProgress));
        assert_eq!(told(CoordinatorError::NotCoordinator), Ok(0));
        assert_eq!(told(CoordinatorError::NotWritten(NotWritten::NotLeader)), Ok(0));
    }

    #[test]
    fn all_of_kafkas_states_are_known() {
        for state in ["Empty", "Ongoing", "CompleteAbort", "PrepareEpochFence", "Dead"] {
            assert!(is_state(state), "{state}");
        }
        assert!(!is_state("dead") && !is_state(""));
    }
}
