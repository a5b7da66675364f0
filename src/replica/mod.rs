//! Partitions and their copies: leadership, in-sync replicas, the high watermark.
mod moves;
mod opening;
mod partition;
mod partitions;
mod publish;
mod settings;
mod standing;
#[cfg(test)]
mod tests;

pub use moves::{Future, Moves};
pub use opening::open_all;
pub use partition::{DeleteRecordsError, Leadership, Partition, ProduceError, ReadFault, Unavailable};
pub use partitions::{Found, Partitions, Topic};
pub use publish::{Resolve, TopicPublisher};
pub use settings::TopicSettings;
pub use standing::{Held, Named, Seen, StandingOffsets};
