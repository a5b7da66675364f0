//! Record batches as they lie in requests, in segments and in the write-ahead log (magic 2 only).
mod build;
mod checked;
mod codecs;
mod fields;
mod header;
mod records;
mod walk;
mod xerial;

pub use build::{BatchBuilder, put_varint};
pub use checked::{CheckedBatch, PlacedBatch};
pub use codecs::{CompressionLevels, DecompressError, compress, decompress};
pub use fields::{Field, OffsetDeltas, RecordFault};
pub use header::{BatchHeader, Codec, HEADER_BYTES, HeaderError, LOG_OVERHEAD_BYTES, TimestampType, crc32c};
pub use records::{Headers, RecordSet, RecordView, Records, RecordsError, records};
pub use walk::{Walk, WalkError, WalkedBatch, walk};
