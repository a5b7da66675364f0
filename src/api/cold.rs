//! Requests that may need a disk: answered from memory at once, or on a thread that may wait. A thread that serves connections
//! never waits for a disk: it would hold up all of them.
use super::{Context, Reply, errors};
use crate::{
    log::ReadError,
    platform::hurried,
    replica::{Partition, Unavailable},
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

/// What is in memory is answered now. Otherwise the same is done once more where waiting is allowed, and nothing behind it on
/// its connection is handled meanwhile.
pub fn answer<Q, A>(
    cx: &Context,
    request: Q,
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
    // Nobody is hurried there, so nothing is left for want of patience.
    Reply::Held(Box::pin(async move { Reply::Now(patiently(move || answer(&of, &request).unwrap_or_default()).await) }))
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

/// Begins a request that appends to logs or cuts them, on a thread that may wait when it `opens` one. What comes behind on its
/// connection waits too, so that the order stays (IDEM-14). When the process ends before it began, `never` is the answer.
pub fn begin<Q, A>(
    cx: &Context,
    request: Q,
    opens: bool,
    begin: impl FnOnce(&Context, Q) -> Reply<A> + Send + 'static,
    never: A,
) -> Reply<A>
where
    Q: Send + 'static,
    A: Send + 'static,
{
    if !opens {
        return begin(cx, request);
    }
    cx.broker.metrics.cold_requests.inc();
    let cx = cx.clone();
    Reply::Held(Box::pin(async move {
        let begun = patiently(move || Some(begin(&cx, request))).await;
        begun.unwrap_or(Reply::Now(never))
    }))
}

/// Whether any of these partitions, by topic and index, is cold.
pub fn is_any_cold<'a>(cx: &Context, mut asked: impl Iterator<Item = (&'a str, i32)>) -> bool {
    asked.any(|(topic, index)| cx.broker.partitions.partition(topic, index).as_ref().is_some_and(is_cold))
}

/// Of this broker, and its log was not used yet.
pub fn is_cold(partition: &Arc<Partition>) -> bool {
    partition.opened().is_none() && partition.check_leader(None).is_ok()
}
