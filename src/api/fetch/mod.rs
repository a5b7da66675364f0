//! Fetch 4-18: from one read, or after waiting for data, as bytes and ranges of segment files.
//!
//! Version 5 adds the log start offset, 7 fetch sessions (KIP-227), 9 leader epochs (KIP-320), 11 racks, 12 is flexible
//! and carries the last fetched epoch, 13 names topics by id (KIP-516), 15 moves the replica's id to a tagged field, 18
//! adds the follower's high watermark. What is stored is answered at every version, zstd too, as by Apache Kafka 4: it is
//! for the client to know the codec, and some read zstd with versions below 10 (KIP-110).
mod encode;
mod read;
mod session;
mod session_cache;
mod wait;

use super::{Context, Reply, Response};
use crate::types::{ErrorCode, Isolation};
use kafka_protocol::messages::FetchRequest;
use read::{Found, Limits};
use session::{Plan, is_follower};
pub use session_cache::{SessionCache, SessionSettings};
use std::time::Duration;

pub fn handle(cx: &Context, request: FetchRequest) -> Reply<Response> {
    let isolation = Isolation::from_wire(request.isolation_level);
    let limits = Limits {
        isolation: isolation.unwrap_or(Isolation::ReadUncommitted),
        bytes_max: usize::try_from(request.max_bytes).unwrap_or(0).min(cx.broker.config.fetch.bytes_max as usize),
        // Copies elsewhere are asked for by replica id; they get a refusal until there are any (FET-14).
        follower: is_follower(&request),
    };
    let wait = Duration::from_millis(request.max_wait_ms.max(0) as u64);
    // More than may be answered never comes (FET-3).
    let bytes_min = usize::try_from(request.min_bytes).unwrap_or(0).min(limits.bytes_max);
    let mut plan = match cx.broker.sessions.plan(cx.broker.clock.monotonic(), cx.version, &request) {
        Ok(plan) => plan,
        Err(code) => return Reply::Now(encode::failed(cx, code)),
    };
    plan.resolve(cx);
    // As Kafka's broker, which fails on a level that is none where there is something to read.
    if isolation.is_none() && plan.items.iter().any(|item| item.partition.is_ok()) {
        return Reply::Now(encode::refused(cx, &request, ErrorCode::UnknownServerError));
    }
    drop(request);
    let is_over =
        move |plan: &Plan, found: &[Found]| wait.is_zero() || plan.items.is_empty() || enough(found, bytes_min);
    let at_once = match read::at_once(cx, &plan.items, &limits) {
        Some(found) if is_over(&plan, &found) => return Reply::Now(finish(cx, plan, found)),
        at_once => at_once,
    };
    let cx = cx.clone();
    Reply::later(async move {
        let mut found = match at_once {
            Some(found) => found,
            None => read::patiently(&cx, &mut plan.items, &limits).await,
        };
        if !is_over(&plan, &found) {
            found = wait::for_data(&cx, &mut plan, &limits, found, wait, bytes_min).await;
        }
        finish(&cx, plan, found)
    })
}

/// FET-3: an error, a divergence, the end of a segment or enough bytes end the waiting.
fn enough(found: &[Found], bytes_min: usize) -> bool {
    found.iter().any(|found| found.code.is_error() || found.diverging.is_some() || found.is_final)
        || found.iter().map(|found| found.counted).sum::<usize>() >= bytes_min
}

fn finish(cx: &Context, plan: Plan, found: Vec<Found>) -> Response {
    let bytes: usize = found.iter().map(Found::bytes).sum();
    cx.broker.metrics.fetched_bytes.inc_by(bytes as u64);
    for code in found.iter().map(|found| found.code).filter(|code| code.is_error()) {
        cx.error(code);
    }
    let (now, chance) = (cx.broker.clock.monotonic(), &*cx.broker.chance);
    let (session_id, items) = cx.broker.sessions.settle(now, chance, plan, &found);
    encode::answer(cx, session_id, &items, &found)
}
