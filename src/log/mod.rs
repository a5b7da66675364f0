//! Partition logs: segment files, indexes, producer state, recovery, the write-ahead log.
mod watermark;

pub use watermark::{Closed, Watermark};
