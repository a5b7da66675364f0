//! Names and numbers of the domain; each is a type of its own so that none is taken for another.
mod acks;
mod bounds;
mod epoch;
mod error_code;
mod isolation;
mod offset;
mod placement;
mod producer;
mod topic;
mod transaction;

pub use acks::Acks;
pub use bounds::LogBounds;
pub use epoch::{LeaderEpoch, OffsetAndEpoch};
pub use error_code::ErrorCode;
pub use isolation::Isolation;
pub use offset::Offset;
pub use placement::coordinator_partition;
pub use producer::{ProducerEpoch, ProducerId, Sequence};
pub use topic::{InvalidTopicName, TopicId, TopicName, TopicPartition};
pub use transaction::TransactionVersion;

/// A broker's or controller's number, `node.id` in the settings.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NodeId(pub i32);

impl std::fmt::Display for NodeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
