//! Coordinators: the rules of groups and transactions, and what runs them on their internal topics.
pub mod group;
mod run;
pub mod txn;

pub use group::GroupMachine;
pub use run::{
    Coordinated, CoordinatorError, CoordinatorPublisher, GroupCoordinator, MarkerWriter, Parts, Sharded,
    TransactionAsk, TransactionCoordinator, TransactionEnds, TransactionSweeps, Woken, end_offsets, partition_of,
};
pub use txn::TransactionMachine;
