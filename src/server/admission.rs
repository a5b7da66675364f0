//! Memory for requests that are still arriving: one budget for all connections (NET-5).
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes that large requests may hold while they arrive and are handled. Small ones live in the connection's own
/// buffer and need no ticket.
#[derive(Clone)]
pub struct Admission {
    kilobytes: Arc<Semaphore>,
    kilobytes_max: u32,
}

impl Admission {
    /// Frames below this need no ticket.
    pub const SMALL_BYTES: usize = 64 * 1024;

    pub fn new(bytes_max: usize) -> Admission {
        let kilobytes_max =
            u32::try_from(bytes_max / 1024).unwrap_or(u32::MAX).clamp(1, (Semaphore::MAX_PERMITS >> 1) as u32);
        Admission { kilobytes: Arc::new(Semaphore::new(kilobytes_max as usize)), kilobytes_max }
    }

    /// Waits until `bytes` fit beside everything else in flight. A request larger than the whole budget gets all of
    /// it: it is served alone rather than never.
    pub async fn admit(self, bytes: usize) -> OwnedSemaphorePermit {
        let kilobytes = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX).min(self.kilobytes_max);
        self.kilobytes.acquire_many_owned(kilobytes).await.expect("the budget is never closed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn net_5_a_request_waits_until_it_fits() {
        let admission = Admission::new(10 * 1024);
        let first = admission.clone().admit(8 * 1024).await;
        let second = tokio::spawn(admission.clone().admit(4 * 1024));
        tokio::task::yield_now().await;
        assert!(!second.is_finished());
        drop(first);
        drop(second.await.unwrap());
    }

    #[tokio::test]
    async fn net_5_a_request_larger_than_the_budget_is_served_alone() {
        let admission = Admission::new(10 * 1024);
        let _all = admission.clone().admit(1 << 30).await;
        assert_eq!(admission.kilobytes.available_permits(), 0);
    }
}
