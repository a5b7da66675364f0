//! Producer ids one by one, out of this broker's durable blocks.
use super::{ControllerHandle, Failure};
use crate::{controller::core::PRODUCER_IDS_PER_BLOCK, types::ProducerId};
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use parking_lot::Mutex;
use std::{ops::Range, sync::Arc};

/// Gives out producer ids, none twice (IDEM-13). What is left of a block when the broker stops is never used.
pub struct ProducerIdSource {
    controller: ControllerHandle,
    block: Arc<Mutex<Block>>,
}

/// Never locked across an await: a connection asks its oldest answer alone, and whoever is behind that must neither hold up
/// others nor be handed what only it could pass on.
#[derive(Default)]
struct Block {
    left: Range<i64>,
    /// One request is on its way however many wait; whoever is asked brings it on.
    fetching: Option<Shared<BoxFuture<'static, Result<(), Failure>>>>,
}

impl ProducerIdSource {
    pub fn new(controller: ControllerHandle) -> ProducerIdSource {
        ProducerIdSource { controller, block: Arc::default() }
    }

    /// A failure takes nothing away: the next call asks for a block again.
    pub async fn next(&self) -> Result<ProducerId, Failure> {
        loop {
            if let Some(id) = self.at_hand() {
                return Ok(id);
            }
            self.refill().await?;
        }
    }

    /// One that needs no waiting.
    pub fn at_hand(&self) -> Option<ProducerId> {
        let id = self.block.lock().left.next()?;
        Some(ProducerId::from_wire(id).expect("the controller gives out ids that are not negative"))
    }

    pub fn is_empty(&self) -> bool {
        self.block.lock().left.is_empty()
    }

    /// Waits until there are some at hand, or were.
    pub async fn refill(&self) -> Result<(), Failure> {
        let fetching = {
            let mut block = self.block.lock();
            if !block.left.is_empty() {
                return Ok(());
            }
            block.fetching.get_or_insert_with(|| self.fetch()).clone()
        };
        fetching.await
    }

    /// Puts a block where all find it.
    fn fetch(&self) -> Shared<BoxFuture<'static, Result<(), Failure>>> {
        let (controller, block) = (self.controller.clone(), self.block.clone());
        let fetched = async move {
            let first = controller.allocate_producer_ids().await;
            let mut block = block.lock();
            block.fetching = None;
            block.left = first.map(|first| first..first + PRODUCER_IDS_PER_BLOCK)?;
            Ok(())
        };
        fetched.boxed().shared()
    }
}
