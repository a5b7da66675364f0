//! Long polling: the first of the partitions' watermarks, or the deadline, then one more read of what rose.
use super::{
    enough,
    read::{self, Found, Limits},
    session::Plan,
};
use crate::{api::Context, log::Reached};
use std::{
    future::Future,
    pin::Pin,
    task::{Context as Task, Poll},
    time::Duration,
};

/// Waits until there is enough for the fetch or its time is over; gives what was read last (FET-3, FET-4).
pub async fn for_data(
    cx: &Context,
    plan: &mut Plan,
    limits: &Limits,
    mut found: Vec<Found>,
    wait: Duration,
    bytes_min: usize,
) -> Vec<Found> {
    let deadline = tokio::time::sleep(wait);
    tokio::pin!(deadline);
    let mut stopping = cx.broker.stopping.clone();
    loop {
        let rises = FirstOf(rises(plan, limits, &found));
        let late = tokio::select! {
            biased;
            // A closed mark rises no more: what the next read says is the answer, whatever it is.
            is_closed = rises => is_closed,
            () = &mut deadline => true,
            _ = stopping.wait_for(|stop| *stop) => true,
        };
        if late {
            // Topics come and go while a fetch waits (FET-10); one that went has closed its mark.
            plan.resolve(cx);
            return read::read(cx, &mut plan.items, limits).await;
        }
        found = match read::risen(cx, &plan.items, limits, found) {
            Some(found) => found,
            None => read::patiently(cx, &mut plan.items, limits).await,
        };
        if enough(&found, bytes_min) {
            return found;
        }
    }
}

/// One waiter per partition: its mark rising above what the last read saw.
fn rises(plan: &Plan, limits: &Limits, found: &[Found]) -> Vec<Reached> {
    let mut waiters = Vec::with_capacity(plan.items.len());
    for (item, found) in plan.items.iter().zip(found) {
        let (Ok(partition), Some(seen)) = (&item.partition, found.visible(limits.isolation)) else { continue };
        let Ok(mark) = partition.visible(limits.isolation) else { continue };
        waiters.push(mark.reached(seen.next()));
    }
    waiters
}

/// Completes when the first does; true when that one is closed: the next read tells why.
struct FirstOf(Vec<Reached>);

impl Future for FirstOf {
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<bool> {
        for reached in &mut self.0 {
            if let Poll::Ready(reached) = Pin::new(reached).poll(task) {
                return Poll::Ready(reached.is_err());
            }
        }
        Poll::Pending
    }
}
