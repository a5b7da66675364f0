//! Puts the rules to work: replays the metadata log, registers this node, serves operations and publishes metadata
//! as it is committed.
mod block_on;
mod handle;
mod journal;
mod producer_ids;
mod publish;
mod start;

pub use handle::{ControllerHandle, Failure, QuorumState};
pub use producer_ids::ProducerIdSource;
pub use start::{Controller, Start, StartError};

use crate::{
    controller::core::{Metadata, Operation, Reply},
    image::{Image, Publisher},
    log::Watermark,
    machine::{NotWritten, Pending, Runtime},
    quorum::MetadataLog,
};
use arc_swap::ArcSwap;
use journal::LogJournal;
use parking_lot::Mutex;
use std::sync::Arc;

/// What the handles and the publishing thread share.
struct Shared {
    log: Arc<dyn MetadataLog>,
    /// Held while one operation is decided and appended; never across an await.
    runtime: Mutex<Runtime<Metadata, LogJournal>>,
    /// The committed metadata.
    images: Arc<ArcSwap<Image>>,
    /// Metadata below this was handed to every publisher: answers wait for it, so that who created a topic finds it.
    published: Arc<Watermark>,
    publishers: Vec<Box<dyn Publisher>>,
}

impl Shared {
    async fn submit(&self, operation: Operation) -> Result<Reply, NotWritten> {
        self.run(operation).reply().await
    }

    fn run(&self, operation: Operation) -> Pending<Reply> {
        self.runtime.lock().run(operation)
    }
}

#[cfg(test)]
mod tests;
