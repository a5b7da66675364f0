//! Partitions and their copies: leadership, in-sync replicas, the high watermark.
mod partition;
mod partitions;
mod settings;

pub use partition::{Leadership, Partition, ProduceError, ReadFault, Unavailable};
pub use partitions::{Partitions, Topic};
pub use settings::TopicSettings;
