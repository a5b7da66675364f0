//! Producer ids: handed out from blocks that the controller allocates durably (IDEM-13).
use crate::{
    controller::{PRODUCER_IDS_PER_BLOCK, Refused},
    quorum::ControllerHandle,
    types::ProducerId,
};
use std::ops::Range;
use tokio::sync::Mutex;

/// This broker's current block. A block that is lost with the process is never used again.
pub struct ProducerIds {
    controller: ControllerHandle,
    /// Held while a new block is fetched, so that one request is on its way at a time.
    block: Mutex<Range<i64>>,
}

impl ProducerIds {
    pub fn new(controller: ControllerHandle) -> ProducerIds {
        ProducerIds { controller, block: Mutex::new(0..0) }
    }

    /// An id that nobody was given before.
    pub async fn next(&self) -> Result<ProducerId, Refused> {
        let mut block = self.block.lock().await;
        if block.is_empty() {
            let first = self.controller.allocate_producer_ids().await?;
            *block = first..first + PRODUCER_IDS_PER_BLOCK;
        }
        let id = block.start;
        block.start += 1;
        Ok(ProducerId::from_wire(id).expect("the controller gives no negative ids"))
    }
}
