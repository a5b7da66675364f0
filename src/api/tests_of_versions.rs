//! Tests of handlers: the `kafka-protocol` crate refuses an answer with a field that its version lacks.
use crate::wire::{Encodable, Version, encode_response};
use kafka_protocol::messages::ApiKey;

#[track_caller]
pub fn encodes<T: Encodable>(key: ApiKey, version: Version, answer: &T) {
    let encoded = encode_response(key, version, 7, answer);
    assert!(encoded.is_ok(), "{key:?} {version}: {:?}", encoded.err());
}
