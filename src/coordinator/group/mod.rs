//! Groups and their offsets: the pure rules behind one partition of `__consumer_offsets`.
pub mod classic;
pub mod consumer;
pub mod listing;
mod machine;
pub mod offsets;
mod settings;
mod state;

pub use machine::{Asked, GroupMachine, Moment, Never, Op, Reply, Request};
pub use settings::GroupSettings;
pub use state::{Group, Groups, Members, Soft, Timer};

use std::sync::Arc;

/// A group's name as its members gave it; any string, also the empty one of simple consumers.
pub type GroupId = Arc<str>;

#[cfg(test)]
mod tests;
