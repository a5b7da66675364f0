//! What a reader may see of transactions.

/// `isolation_level` of Fetch and ListOffsets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Isolation {
    /// Everything below the high watermark.
    ReadUncommitted,
    /// Only what is below the last stable offset.
    ReadCommitted,
}

impl Isolation {
    /// Kafka treats 0 as uncommitted and 1 as committed; other values do not exist.
    pub fn from_wire(level: i8) -> Option<Isolation> {
        match level {
            0 => Some(Isolation::ReadUncommitted),
            1 => Some(Isolation::ReadCommitted),
            _ => None,
        }
    }
}
