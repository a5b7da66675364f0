//! Producer ids one by one, out of this broker's durable blocks.
use super::{ControllerHandle, Failure};
use crate::{controller::core::PRODUCER_IDS_PER_BLOCK, types::ProducerId};
use std::ops::Range;
use tokio::sync::Mutex;

/// Gives out producer ids, none twice (IDEM-13). What is left of a block when the broker stops is never used.
pub struct ProducerIdSource {
    controller: ControllerHandle,
    /// Held while a block is fetched, so that one request is on its way however many wait.
    left: Mutex<Range<i64>>,
}

impl ProducerIdSource {
    pub fn new(controller: ControllerHandle) -> ProducerIdSource {
        ProducerIdSource { controller, left: Mutex::new(0..0) }
    }

    /// A failure takes nothing away: the next call asks for a block again.
    pub async fn next(&self) -> Result<ProducerId, Failure> {
        let mut left = self.left.lock().await;
        if left.is_empty() {
            let first = self.controller.allocate_producer_ids().await?;
            *left = first..first + PRODUCER_IDS_PER_BLOCK;
        }
        let id = left.next().expect("a fresh block has ids");
        Ok(ProducerId::from_wire(id).expect("the controller gives out ids that are not negative"))
    }
}
