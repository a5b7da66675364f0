//! The records of the coordinators' internal topics: what stands in `__consumer_offsets` and `__transaction_state`, after
//! Kafka's schemas (`group-coordinator` and `transaction-coordinator`, `src/main/resources/common/message/*.json`).
mod committed;
mod consumer_group;
mod group;
mod offset;
mod record;
mod transaction;

pub use committed::CommittedInPlace;
pub use consumer_group::*;
pub use group::*;
pub use offset::*;
pub use record::{GroupRecord, GroupRecordError, Marker, Producer};
pub use transaction::*;
