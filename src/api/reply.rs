//! What a handler gives back: an answer now, an answer later, or none at all.
use crate::{
    net::Piece,
    types::ErrorCode,
    wire::{NotEncodable, Version, encode_response},
};
use bytes::Bytes;
use kafka_protocol::{messages::ApiKey, protocol::Encodable};
use std::{future::Future, pin::Pin};

/// One whole answer, ready to be written.
pub enum Response {
    Frame(Bytes),
    /// A Fetch answer: bytes and ranges of segment files.
    Pieces(Vec<Piece>),
    /// acks=0: not one byte (pitfall 18).
    Nothing,
    /// The connection ends: the request could not be understood, or an error cannot be told (VAL-13).
    Close(Closing),
}

/// Why the broker ends a connection; one log line says so.
#[derive(Debug, thiserror::Error)]
pub enum Closing {
    #[error("API key {key} is not served")]
    UnknownApi { key: i16 },
    #[error("{api} version {version} is not served")]
    UnsupportedVersion { api: &'static str, version: Version },
    #[error("the request header cannot be read")]
    Header,
    #[error("{api} version {version}: {reason}")]
    Malformed { api: &'static str, version: Version, reason: String },
    #[error("acks=0 and {0}: closing is the only way to tell the producer")]
    Unacknowledged(ErrorCode),
    #[error("bug: {0}")]
    NotEncodable(#[from] NotEncodable),
}

impl Response {
    pub fn frame<T: Encodable>(key: ApiKey, version: Version, correlation_id: i32, response: &T) -> Response {
        match encode_response(key, version, correlation_id, response) {
            Ok(frame) => Response::Frame(frame),
            Err(bug) => Response::Close(bug.into()),
        }
    }
}

pub type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A handler's answer. What the request does is done when the handler returns; `Later` only waits (NET-4, IDEM-14).
pub enum Reply<T> {
    Now(T),
    Later(Later<T>),
}

impl<T: Send + 'static> Reply<T> {
    pub fn later(future: impl Future<Output = T> + Send + 'static) -> Reply<T> {
        Reply::Later(Box::pin(future))
    }

    /// Changes the answer, whenever it comes.
    pub fn map<U: Send + 'static>(self, change: impl FnOnce(T) -> U + Send + 'static) -> Reply<U> {
        match self {
            Reply::Now(answer) => Reply::Now(change(answer)),
            Reply::Later(answer) => Reply::Later(Box::pin(async move { change(answer.await) })),
        }
    }
}
