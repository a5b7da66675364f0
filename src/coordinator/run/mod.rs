//! Runs a machine on every partition of its internal topic that this broker leads: loads it, writes for it, wakes it.
mod due;
mod ended;
mod ending;
mod forget;
mod groups;
mod hash;
mod journal;
mod load;
mod loading;
mod marking;
mod publish;
mod scan;
mod shard;
mod sharded;
mod transactions;
mod viewing;

pub use ending::{TransactionEnds, TransactionSweeps, Woken};
pub use groups::GroupCoordinator;
pub use hash::partition_of;
pub use marking::{MarkerWriter, end_offsets};
pub use publish::CoordinatorPublisher;
pub use sharded::{Parts, Sharded};
pub use transactions::{TransactionAsk, TransactionCoordinator};

use crate::{
    image::Image,
    log::ProducerError,
    machine::{Machine, NotWritten},
    record::{EndTransactionMarker, TransactionResult},
    types::{Offset, ProducerEpoch, ProducerId, TopicId},
};
use std::{iter::Peekable, sync::Arc};
use uuid::Uuid;

/// Why a request reached no machine, or its answer cannot be told.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CoordinatorError {
    #[error("this broker does not lead the partition that coordinates it")]
    NotCoordinator,
    #[error("the partition that coordinates it is being loaded")]
    Loading,
    /// It could not be loaded and is not served in part (TXN-15).
    #[error("the partition that coordinates it is damaged")]
    Unavailable,
    /// The journal would not take what the request is about to write for this producer.
    #[error(transparent)]
    Producer(#[from] ProducerError),
    #[error(transparent)]
    NotWritten(#[from] NotWritten),
}

/// What every operation is given by who runs the machine.
pub struct Given<S> {
    pub wall_ms: i64,
    pub monotonic_ms: u64,
    pub id: Uuid,
    pub image: Arc<Image>,
    pub settings: Arc<S>,
    /// What the journal takes at once.
    pub batch_bytes_max: usize,
}

/// A record's place in a transaction; the records of one decision agree on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transactional {
    /// In a batch of the producer's open transaction.
    Open(ProducerId, ProducerEpoch),
    /// The marker that ends it: a control batch of its own.
    End(ProducerId, ProducerEpoch, EndTransactionMarker),
}

/// A plain record where it lies, in a journal or in the view.
#[derive(Clone, Copy, Debug)]
pub struct RecordInPlace<'a> {
    pub offset: Offset,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
}

/// What must be known of a machine to run it on the partitions of an internal topic.
pub trait Coordinated:
    Machine<Hard: Default + Send, Soft: Send, Record: Send, Fault: Send> + Clone + Send + Sync + 'static
{
    const TOPIC: &'static str;
    /// A journal of so many records is read sooner than a view is opened.
    const QUICK_RECORDS: u64 = 40_000;
    /// Records inside a transaction count once it ended well; else where they stand, as all others.
    const WAITS_FOR_ENDS: bool = true;
    type Request: Send;
    type Settings: Send + Sync;

    fn op(given: Given<Self::Settings>, request: Self::Request) -> Self::Op;
    /// Asked once a partition is loaded.
    fn loaded() -> Self::Request;
    /// Asked when [`Coordinated::next_due`] has come.
    fn due() -> Self::Request;
    /// Asked when topics, by name and id, are gone; again while the reply [`Coordinated::is_more`]. `None`: it keeps
    /// nothing of topics that must go with them.
    fn topics_deleted(topics: Vec<(String, TopicId)>) -> Option<Self::Request>;
    fn is_more(reply: &Self::Reply) -> bool;
    /// How many things it coordinates: for the metrics.
    fn entries(hard: &Self::Hard) -> usize;
    /// When the first timer is due, in monotonic milliseconds.
    fn next_due(soft: &Self::Soft) -> Option<u64>;

    fn encode(record: &Self::Record) -> (Vec<u8>, Option<Vec<u8>>);
    /// `None`: of a type that later versions may know, to be passed over. The error tells what is damaged.
    fn decode(key: Option<&[u8]>, value: Option<&[u8]>) -> Result<Option<Self::Record>, String>;

    /// Replays records from the front as they lie in the journal, where that is quicker than to make values of them first,
    /// and says how many; the next one is to be taken the other way. Both ways come to the same state.
    fn replay_in_place<'a>(
        &self,
        _: &mut Self::Hard,
        _records: &mut Peekable<impl Iterator<Item = RecordInPlace<'a>>>,
    ) -> u64 {
        0
    }

    /// Where a record does not stand in a plain batch.
    fn transactional(_: &Self::Record) -> Option<Transactional> {
        None
    }

    /// Records inside a transaction of `producer`, the first of them at `base`, where they wait for its end.
    fn replay_open(
        &self,
        hard: &mut Self::Hard,
        base: Offset,
        _producer: ProducerId,
        records: Vec<Self::Record>,
    ) -> Result<(), Self::Fault> {
        self.replay(hard, base, records)
    }
    /// The transaction of `producer` ended, as a marker at `at` tells.
    fn replay_end(
        &self,
        _: &mut Self::Hard,
        _at: Offset,
        _producer: ProducerId,
        _: TransactionResult,
    ) -> Result<(), Self::Fault> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
