//! Memory for requests that are still arriving: one budget for all connections (NET-5).
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes that large requests may hold while they arrive and are handled. Small ones live in the connection's own
/// buffer and need no ticket. A request is charged for what arrives of it, not for what it claims: a length that
/// nobody sends takes nothing away from others.
#[derive(Clone)]
pub struct Admission {
    kilobytes: Arc<Semaphore>,
    kilobytes_max: u32,
    /// When everything is held by requests of which each waits for more, one may go on beyond the budget.
    lane: Arc<Semaphore>,
}

/// What one request may hold; dropping it gives the memory back.
#[derive(Default)]
pub struct Ticket {
    kilobytes: Option<OwnedSemaphorePermit>,
    lane: Option<OwnedSemaphorePermit>,
    bytes: usize,
}

impl Ticket {
    /// Whether the request may hold this much.
    pub fn covers(&self, bytes: usize) -> bool {
        self.lane.is_some() || bytes <= self.bytes
    }

    /// It goes on beyond the budget, so others wait for it: it must not take long.
    pub fn is_beyond(&self) -> bool {
        self.lane.is_some()
    }
}

impl Admission {
    /// What every connection may hold without a ticket.
    pub const SMALL_BYTES: usize = 64 * 1024;

    pub fn new(bytes_max: usize) -> Admission {
        let kilobytes_max =
            u32::try_from(bytes_max / 1024).unwrap_or(u32::MAX).clamp(1, (Semaphore::MAX_PERMITS >> 1) as u32);
        let kilobytes = Arc::new(Semaphore::new(kilobytes_max as usize));
        Admission { kilobytes, kilobytes_max, lane: Arc::new(Semaphore::new(1)) }
    }

    /// Waits until the request may hold `bytes` in all, beside everything else that arrives.
    pub async fn admit(self, mut ticket: Ticket, bytes: usize) -> Ticket {
        let more = bytes.saturating_sub(ticket.bytes).div_ceil(1024);
        let kilobytes = u32::try_from(more).unwrap_or(u32::MAX);
        let fits = kilobytes <= self.kilobytes_max;
        tokio::select! {
            biased;
            permit = self.kilobytes.acquire_many_owned(kilobytes), if fits => {
                let permit = permit.expect("the budget is never closed");
                match &mut ticket.kilobytes {
                    Some(held) => held.merge(permit),
                    None => ticket.kilobytes = Some(permit),
                }
                ticket.bytes = bytes;
            }
            permit = self.lane.acquire_owned() => ticket.lane = Some(permit.expect("the lane is never closed")),
        }
        ticket
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn net_5_a_request_waits_until_it_fits() {
        let admission = Admission::new(10 * 1024);
        let first = admission.clone().admit(Ticket::default(), 8 * 1024).await;
        let second = admission.clone().admit(Ticket::default(), 4 * 1024).await;
        assert!(second.is_beyond() && second.covers(1 << 30));
        let third = tokio::spawn(admission.clone().admit(Ticket::default(), 4 * 1024));
        tokio::task::yield_now().await;
        assert!(!third.is_finished(), "one may go beyond the budget, not two");
        drop(first);
        assert!(!third.await.unwrap().is_beyond());
    }

    #[tokio::test]
    async fn net_5_a_ticket_grows_with_what_arrives() {
        let admission = Admission::new(100 * 1024);
        let ticket = admission.clone().admit(Ticket::default(), 20 * 1024).await;
        assert!(ticket.covers(20 * 1024) && !ticket.covers(20 * 1024 + 1));
        let ticket = admission.clone().admit(ticket, 80 * 1024).await;
        assert_eq!(admission.kilobytes.available_permits(), 20);
        drop(ticket);
        assert_eq!(admission.kilobytes.available_permits(), 100);
    }

    #[tokio::test]
    async fn net_5_requests_that_all_wait_for_more_are_finished_one_by_one() {
        let admission = Admission::new(10 * 1024);
        let one = admission.clone().admit(Ticket::default(), 5 * 1024).await;
        let two = admission.clone().admit(Ticket::default(), 5 * 1024).await;
        let one = admission.clone().admit(one, 9 * 1024).await;
        let two = tokio::spawn(admission.clone().admit(two, 9 * 1024));
        drop(one);
        assert!(two.await.unwrap().covers(9 * 1024));
    }

    #[tokio::test]
    async fn net_5_a_request_larger_than_the_budget_is_served_alone() {
        let admission = Admission::new(10 * 1024);
        assert!(admission.clone().admit(Ticket::default(), 1 << 30).await.is_beyond());
    }
}
