//! Groups and their offsets: the pure rules behind one partition of `__consumer_offsets`.
mod machine;
mod settings;
mod state;

pub use machine::{GroupMachine, Moment, Op, Reply, Request};
pub use settings::GroupSettings;
pub use state::{Group, Groups, Soft, Timer};

use std::sync::Arc;

/// A group's name as its members gave it; any string, also the empty one of simple consumers.
pub type GroupId = Arc<str>;
