//! Requests that may need a disk: answered from memory at once, or on a thread that may wait. A thread that serves connections
//! never waits for a disk: it would hold up all of them.
use super::{Context, Reply, errors};
use crate::{
    log::ReadError,
    platform::hurried,
    replica::{Partition, Unavailable, open_all},
    types::ErrorCode,
};
use std::sync::Arc;

/// A part of the answer is not in memory, and this thread must not wait for a disk.
#[derive(Debug)]
pub struct Cold;

/// Why a partition has no answer.
pub enum Unanswered {
    Cold,
    Code(ErrorCode),
}

impl From<ErrorCode> for Unanswered {
    fn from(code: ErrorCode) -> Unanswered {
        Unanswered::Code(code)
    }
}

impl From<Unavailable> for Unanswered {
    fn from(fault: Unavailable) -> Unanswered {
        match fault {
            Unavailable::Cold => Unanswered::Cold,
            fault => Unanswered::Code(errors::unavailable(&fault)),
        }
    }
}

impl From<ReadError> for Unanswered {
    fn from(fault: ReadError) -> Unanswered {
        if fault.is_cold() { Unanswered::Cold } else { Unanswered::Code(errors::read_error(&fault)) }
    }
}

/// One partition's outcome as most answers have it: the code stands where the answer would.
pub fn coded<T>(outcome: Result<T, Unanswered>) -> Result<Result<T, ErrorCode>, Cold> {
    match outcome {
        Ok(answer) => Ok(Ok(answer)),
        Err(Unanswered::Code(code)) => Ok(Err(code)),
        Err(Unanswered::Cold) => Err(Cold),
    }
}

/// What is in memory is answered now. Otherwise the same is done once more where waiting is allowed, once the partitions `asked`
/// for are open, and nothing behind it on its connection is handled meanwhile.
pub fn answer<Q, A>(
    cx: &Context,
    request: Q,
    asked: impl Fn(&Q) -> Vec<(&str, i32)> + Send + 'static,
    answer: impl Fn(&Context, &Q) -> Result<A, Cold> + Send + 'static,
) -> Reply<A>
where
    Q: Send + 'static,
    A: Default + Send + 'static,
{
    if let Ok(answered) = hurried(|| answer(cx, &request)) {
        return Reply::Now(answered);
    }
    cx.broker.metrics.cold_requests.inc();
    let of = cx.clone();
    Reply::Held(Box::pin(async move {
        let answering = patiently(move || {
            open_all(&cold_of(&of, asked(&request).into_iter()));
            // Nobody is hurried there, so nothing is left for want of patience.
            answer(&of, &request).unwrap_or_default()
        });
        Reply::Now(answering.await)
    }))
}

/// Runs `work` on a thread that may wait for disks. When the process ends before it began, nobody is told its outcome.
pub async fn patiently<T: Default + Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => T::default(),
        },
    }
}

/// Begins a request that appends to logs or cuts them: where some of its partitions are `cold`, on a thread that may wait. What
/// comes behind on its connection waits too, so that the order stays (IDEM-14). When the process ends before it began, `never` is
/// the answer.
pub fn begin<Q, A>(
    cx: &Context,
    request: Q,
    cold: Vec<Arc<Partition>>,
    begin: impl FnOnce(&Context, Q) -> Reply<A> + Send + 'static,
    never: A,
) -> Reply<A>
where
    Q: Send + 'static,
    A: Send + 'static,
{
    if cold.is_empty() {
        return begin(cx, request);
    }
    cx.broker.metrics.cold_requests.inc();
    let cx = cx.clone();
    Reply::Held(Box::pin(async move {
        let begun = patiently(move || {
            open_all(&cold);
            Some(begin(&cx, request))
        });
        let begun = begun.await;
        begun.unwrap_or(Reply::Now(never))
    }))
}

/// Those of these partitions, by topic and index, that are cold.
pub fn cold_of<'a>(cx: &Context, asked: impl Iterator<Item = (&'a str, i32)>) -> Vec<Arc<Partition>> {
    let found = asked.filter_map(|(topic, index)| cx.broker.partitions.partition(topic, index));
    found.filter(is_cold).collect()
}

/// Those of these partitions that are cold.
pub fn cold_among<'a>(partitions: impl Iterator<Item = &'a Arc<Partition>>) -> Vec<Arc<Partition>> {
    partitions.filter(|partition| is_cold(partition)).cloned().collect()
}

/// Of this broker, and its log was not used yet.
fn is_cold(partition: &Arc<Partition>) -> bool {
    partition.opened().is_none() && partition.check_leader(None).is_ok()
}
