//! Views of what coordinators know: the newest record of every key of their journals, kept in sled, never the only copy.
mod trust;
mod view;

pub use view::{Change, JournalId, Row, View, ViewError};
