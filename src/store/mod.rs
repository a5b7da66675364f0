//! Views of what coordinators know: the newest record of every key of their journals, kept in sled, never the only copy.
mod block;
mod trust;
mod view;

pub use block::{Row, Rows};
pub use view::{Change, JournalId, View, ViewError};
