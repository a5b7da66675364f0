//! Partition logs: segment files, indexes, producer state, recovery, the write-ahead log.
pub mod wal;
mod watermark;

pub use watermark::{Closed, Watermark};
