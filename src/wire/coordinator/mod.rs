//! The records of the coordinators' internal topics: what stands in `__consumer_offsets`, after Kafka's schemas
//! (`group-coordinator/src/main/resources/common/message/*.json`).
mod consumer_group;
mod group;
mod offset;
mod record;

pub use consumer_group::*;
pub use group::*;
pub use offset::*;
pub use record::{GroupRecord, GroupRecordError};
