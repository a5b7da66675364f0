//! Kafka's messages behind our own door: versions, headers, bounded decoding, error answers.
mod answers;
mod codec;
pub mod coordinator;
pub mod embedded;
mod header;
mod log_dirs;
pub mod metadata;
mod readable;
mod rebalances;
mod shape;
mod shapes;
pub mod structure;
mod topic_ids;
pub mod transaction;
mod varint;

pub use answers::{check_answer, skip_header_tags};
pub use codec::{Body, Malformed, NotEncodable, codec_version, decode, encode_into, encode_response};
pub use header::{RequestHeader, put_response_header};
pub use log_dirs::encode_log_dirs;
pub use rebalances::{PastRebalance, PastRebalances, REBALANCES_TAG};
pub use shape::{Field, Shape, Versioned};
pub use shapes::{SHAPES, shape_of};
pub use topic_ids::{OFFSETS_BY_TOPIC_ID, OffsetCommit, OffsetFetch};
pub use varint::put_unsigned_varint;

/// The version of one API, as it stands in a request header.
pub type Version = i16;

pub use kafka_protocol::{
    messages,
    protocol::{Decodable, Encodable, HeaderVersion, Message, Request, StrBytes},
};
