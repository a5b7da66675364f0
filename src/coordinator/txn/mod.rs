//! Transactions across partitions: the pure rules behind one partition of `__transaction_state` (KIP-98, KIP-890).
mod end;
mod expiry;
mod init;
mod machine;
mod markers;
mod partitions;
mod room;
mod settings;
mod state;
mod views;

pub use machine::{Join, Late, Op, Producer, Reply, Request, TransactionMachine};
pub use markers::{MarkerVerdict, PendingMarkers, verdict};
pub use settings::TransactionSettings;
pub use state::{Partition, Soft, State, Transaction, Transactions, Unusable};
pub use views::Filter;

use std::sync::Arc;

/// A transactional id as its producers gave it; never empty.
pub type TransactionalId = Arc<str>;

#[cfg(test)]
mod tests;
