//! Partitions and their copies: leadership, in-sync replicas, the high watermark.
mod partition;
mod partitions;
mod publish;
mod settings;
#[cfg(test)]
mod tests;

pub use partition::{DeleteRecordsError, Leadership, Partition, ProduceError, ReadFault, Unavailable};
pub use partitions::{Partitions, Topic};
pub use publish::{Resolve, TopicPublisher};
pub use settings::TopicSettings;
