//! Decisions of the controller that a client has no time for are not taken (Kafka's deadlines of `QuorumController`).
use super::failure;
use crate::{
    controller::{Failure, Refused},
    types::ErrorCode,
};
use std::future::Future;

/// The decision, or a refusal if `timeout_ms` is over before it begins: then nothing is done. What has begun is answered,
/// however long it takes: it is a single commit here.
pub async fn within<T>(timeout_ms: i32, deciding: impl Future<Output = Result<T, Failure>>) -> Result<T, Refused> {
    if timeout_ms <= 0 {
        return Err(Refused::new(ErrorCode::RequestTimedOut, "The request left no time for it: nothing was done."));
    }
    deciding.await.map_err(failure)
}
