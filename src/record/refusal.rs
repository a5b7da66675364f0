//! Why a batch is not taken into a log, with the Kafka error that says so on the wire.
use super::{Codec, DecompressError, HEADER_BYTES, RecordFault};
use crate::types::ErrorCode;

/// Records told apart in one refusal; the total is always exact. It keeps the answer smaller than the request.
pub const RECORD_REFUSALS_MAX: usize = 100;

/// One batch was refused as a whole; nothing of it may be written.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BatchError {
    #[error("there is no batch: at least one is needed for each partition")]
    Missing,
    #[error("the batch is torn: {have} of {needed} bytes are there")]
    Torn { have: usize, needed: usize },
    #[error("the batch's length field is {length}: a batch has at least {HEADER_BYTES} bytes")]
    Length { length: i32 },
    /// LOG-4: Kafka's producers put one batch into each partition of a request.
    #[error("{extra} bytes follow the first batch: exactly one batch is allowed for each partition")]
    Extra { extra: usize },
    #[error("message format {magic} is not supported: record batches of format 2 are needed")]
    Magic { magic: i8 },
    #[error("the batch has {bytes} bytes, more than max.message.bytes = {bytes_max} allows")]
    TooLarge { bytes: usize, bytes_max: usize },
    #[error("the batch compressed with {} has {bytes} bytes, more than max.message.bytes = {bytes_max} allows", codec.name())]
    RecompressedTooLarge { codec: Codec, bytes: usize, bytes_max: usize },
    #[error("the batch is corrupt: it carries CRC-32C {stored:08x}, its bytes give {computed:08x}")]
    Crc { stored: u32, computed: u32 },
    #[error("the batch's base offset is {base_offset}: producers send 0")]
    BaseOffset { base_offset: i64 },
    #[error("the batch claims {record_count} records and a last offset delta of {last_offset_delta}")]
    Count { record_count: i32, last_offset_delta: i32 },
    #[error("only the broker writes control batches")]
    Control,
    #[error("only the broker sets a delete horizon")]
    DeleteHorizon,
    #[error("only the broker sets the timestamp type LogAppendTime")]
    LogAppendTime,
    #[error("producer id {id} comes with epoch {epoch} and base sequence {base_sequence}: neither may be negative")]
    Producer { id: i64, epoch: i16, base_sequence: i32 },
    #[error("a transactional batch needs a producer id, this one has {id}")]
    TransactionalWithoutProducer { id: i64 },
    #[error("compression {id} is not known")]
    UnknownCodec { id: i16 },
    #[error("zstd is allowed from produce version 7 on")]
    ZstdNotAllowed,
    #[error("the records cannot be decompressed: {0}")]
    Damaged(DecompressError),
    #[error("the batch is too large: {0}")]
    DecompressedTooLarge(DecompressError),
    #[error("record {index} of {count} is malformed: {fault}")]
    Record { index: i32, count: i32, fault: RecordFault },
    #[error("bytes are left over after the last of {count} records")]
    LeftOver { count: i32 },
    /// Whole records that the topic's rules refuse; see [`BatchError::records`].
    #[error("{total} records are refused; {}", first(refusals))]
    Records { total: usize, refusals: Vec<(i32, String)>, timestamp: bool },
    #[error("{} with the topic's compression level failed: {reason}", codec.name())]
    Recompress { codec: Codec, reason: String },
}

fn first(refusals: &[(i32, String)]) -> String {
    refusals.first().map(|(index, text)| format!("record {index}: {text}")).unwrap_or_default()
}

impl BatchError {
    /// The Kafka error of this refusal, as Apache Kafka 4.3 answers it where it refuses the same.
    /// CORRUPT_MESSAGE lets a producer send again, MESSAGE_TOO_LARGE lets it split the batch; the others are final.
    pub fn code(&self) -> ErrorCode {
        use BatchError::*;
        match self {
            Crc { .. } | Length { .. } => ErrorCode::CorruptMessage,
            Magic { magic: 0 | 1 } => ErrorCode::InvalidRecord,
            Magic { .. } => ErrorCode::CorruptMessage,
            TooLarge { .. } | RecompressedTooLarge { .. } | DecompressedTooLarge(_) => ErrorCode::MessageTooLarge,
            UnknownCodec { .. } | ZstdNotAllowed => ErrorCode::UnsupportedCompressionType,
            LogAppendTime | Records { timestamp: true, .. } => ErrorCode::InvalidTimestamp,
            Missing
            | Torn { .. }
            | Extra { .. }
            | BaseOffset { .. }
            | Count { .. }
            | Control
            | DeleteHorizon
            | Producer { .. }
            | TransactionalWithoutProducer { .. }
            | Damaged(_)
            | Record { .. }
            | LeftOver { .. }
            | Records { timestamp: false, .. } => ErrorCode::InvalidRecord,
            Recompress { .. } => ErrorCode::UnknownServerError,
        }
    }

    /// For `record_errors` of the answer: index in the batch and text, at most [`RECORD_REFUSALS_MAX`].
    pub fn records(&self) -> &[(i32, String)] {
        match self {
            BatchError::Records { refusals, .. } => refusals,
            _ => &[],
        }
    }
}

impl From<DecompressError> for BatchError {
    fn from(error: DecompressError) -> BatchError {
        match error {
            DecompressError::TooLarge { .. } => BatchError::DecompressedTooLarge(error),
            DecompressError::Damaged { .. } => BatchError::Damaged(error),
        }
    }
}
