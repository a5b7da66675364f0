//! Groups and their offsets: the pure rules behind one partition of `__consumer_offsets`.
pub mod classic;
pub mod consumer;
mod history;
pub mod listing;
mod machine;
pub mod offsets;
mod room;
mod settings;
mod state;

pub use history::{Cause, History, Rebalance};
pub use machine::{Asked, GroupMachine, Moment, Never, Op, Reply, Request};
pub use room::Room;
pub use settings::GroupSettings;
pub use state::{Group, Groups, Members, Soft, Timer};

use std::sync::Arc;

/// Where all groups are kept.
pub const TOPIC: &str = "__consumer_offsets";

/// A group's name as its members gave it; any string, also the empty one of simple consumers.
pub type GroupId = Arc<str>;

#[cfg(test)]
mod tests;
