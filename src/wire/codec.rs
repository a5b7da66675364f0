//! Bodies in and out: bounded decode, framed encode.
use super::{Version, header::put_response_header, readable::readable, shapes::shape_of};
use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::{
    messages::ApiKey,
    protocol::{Decodable, Encodable},
};

/// The bytes are no request of this API and version. The connection that sent them is closed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Malformed {
    #[error("the body does not have the shape of this request")]
    Shape,
    #[error("{0}")]
    Content(String),
}

/// A request's body; all but a few are the crate's own types.
pub trait Body: Sized {
    /// The body's shape was proven before.
    fn decode_body(key: ApiKey, version: Version, body: &mut Bytes) -> Result<Self, Malformed>;
}

impl<T: Decodable> Body for T {
    fn decode_body(key: ApiKey, version: Version, body: &mut Bytes) -> Result<T, Malformed> {
        T::decode(body, codec_version(key, version)).map_err(|error| Malformed::Content(error.to_string()))
    }
}

/// Decodes a request's body after its shape was proven; `Bytes` fields point into `body`, nothing is copied unless a
/// string is not UTF-8.
pub fn decode<T: Body>(key: ApiKey, version: Version, body: &mut Bytes) -> Result<T, Malformed> {
    let shape = shape_of(key as i16).ok_or(Malformed::Shape)?;
    if !shape.fits(body, version) {
        return Err(Malformed::Shape);
    }
    let whole = body.clone();
    T::decode_body(key, version, body).or_else(|malformed| {
        let mut readable = readable(shape, &whole, version).ok_or(malformed)?;
        *body = Bytes::new();
        drop(whole);
        T::decode_body(key, version, &mut readable)
    })
}

/// A handler set a field that the version lacks: a bug of the broker, met by closing that connection only. The tests
/// run every handler at every version so that nobody meets it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a {key:?} answer does not encode at version {version}: {reason}")]
pub struct NotEncodable {
    key: ApiKey,
    version: Version,
    reason: String,
}

impl NotEncodable {
    pub fn new(key: ApiKey, version: Version, reason: String) -> NotEncodable {
        NotEncodable { key, version, reason }
    }
}

/// Appends one whole response frame: length, header, body. `into` is unchanged on error.
pub fn encode_into<T: Encodable>(
    into: &mut BytesMut,
    key: ApiKey,
    version: Version,
    correlation_id: i32,
    response: &T,
) -> Result<(), NotEncodable> {
    let start = into.len();
    into.put_i32(0);
    put_response_header(into, correlation_id, key.response_header_version(version));
    if let Err(error) = response.encode(into, codec_version(key, version)) {
        into.truncate(start);
        return Err(NotEncodable { key, version, reason: error.to_string() });
    }
    let Ok(length) = i32::try_from(into.len() - start - 4) else {
        into.truncate(start);
        return Err(NotEncodable { key, version, reason: "it is larger than 2 GiB".into() });
    };
    into[start..start + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

/// One whole response frame of its own.
pub fn encode_response<T: Encodable>(
    key: ApiKey,
    version: Version,
    correlation_id: i32,
    response: &T,
) -> Result<Bytes, NotEncodable> {
    let mut frame = BytesMut::with_capacity(256);
    encode_into(&mut frame, key, version, correlation_id, response)?;
    Ok(frame.freeze())
}

/// Versions whose bytes equal those of an earlier one that the crate knows: ListOffsets 11 (KIP-1023) only gives a
/// meaning to one more negative timestamp. Requests of DescribeLogDirs 5 (KIP-1066) are those of 4; its answers are not,
/// see `encode_log_dirs`. Of WriteTxnMarkers 2 that is the answer; its request is read by ourselves.
pub fn codec_version(key: ApiKey, version: Version) -> Version {
    match (key, version) {
        // The answer's; the request is read by ourselves.
        (ApiKey::WriteTxnMarkers, 2) => 1,
        (ApiKey::ListOffsets, 11) => 10,
        (ApiKey::DescribeLogDirs, 5) => 4,
        _ => version,
    }
}
