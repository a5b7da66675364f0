//! Record batches as they lie in requests, in segments and in the write-ahead log (magic 2 only).
mod build;
mod check;
mod checked;
mod codecs;
mod control;
mod copied;
mod fields;
mod header;
mod keyed;
mod lz4;
mod records;
mod refusal;
mod scan;
mod walk;
mod xerial;

pub use build::{BatchBuilder, put_varint};
pub use check::{BatchRules, Origin, TopicCompression, check};
pub use checked::{CheckedBatch, PlacedBatch};
pub use codecs::{CompressionLevels, DecompressError, compress, decompress};
pub use control::{ControlError, ControlRecord, EndTransactionMarker, LeaderChange, TransactionResult, control};
pub use copied::{CopiedBatch, CopyError, copied_batches};
pub use fields::{Field, OffsetDeltas, RecordFault};
pub use header::{BatchHeader, Codec, HEADER_BYTES, HeaderError, LOG_OVERHEAD_BYTES, TimestampType, crc32c};
pub use keyed::{KeyedRecord, KeyedRecords, keyed_records};
pub use records::{Headers, RecordSet, RecordView, Records, RecordsError, records};
pub use refusal::{BatchError, RECORD_REFUSALS_MAX};
pub use walk::{Walk, WalkError, WalkedBatch, walk};

#[cfg(test)]
mod golden;
#[cfg(test)]
mod properties;
