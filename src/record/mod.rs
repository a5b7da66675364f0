//! Record batches as they lie in requests, in segments and in the write-ahead log (magic 2 only).
mod build;
mod checked;
mod header;

pub use build::{BatchBuilder, put_varint};
pub use checked::{CheckedBatch, PlacedBatch};
pub use header::{BatchHeader, Codec, HEADER_BYTES, HeaderError, LOG_OVERHEAD_BYTES, TimestampType, crc32c};
