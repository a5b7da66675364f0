//! The rules of the cluster: what is written to the metadata log when someone asks for a change. Pure.
mod brokers;
mod change;
mod configs;
mod elections;
mod features;
mod machine;
mod names;
mod operation;
mod partitions;
mod placement;
mod reassignments;
mod topics;

pub use features::{METADATA_VERSION, METADATA_VERSION_MIN};
pub use machine::{Change, Hard, Metadata};
pub use operation::*;

#[cfg(test)]
mod tests;
