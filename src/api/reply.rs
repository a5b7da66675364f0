//! What a handler gives back: an answer now, an answer later, or none at all.
use crate::{
    net::Piece,
    types::ErrorCode,
    wire::{NotEncodable, StrBytes, Version, encode_response},
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

impl Response {
    /// What it takes on the wire.
    pub fn bytes(&self) -> usize {
        match self {
            Response::Frame(frame) => frame.len(),
            Response::Pieces(pieces) => pieces.iter().map(Piece::bytes).sum(),
            Response::Nothing | Response::Close(_) => 0,
        }
    }
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

/// Bytes of a message in an answer: names that clients send are quoted in it, and versions before the flexible ones
/// carry no string of more than 32 KiB.
const MESSAGE_BYTES_MAX: usize = 2_000;

/// A message for an answer, cut where nobody reads on.
pub(super) fn message(mut text: String) -> StrBytes {
    if text.len() > MESSAGE_BYTES_MAX {
        let end = (0..=MESSAGE_BYTES_MAX).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
        text.push_str("...");
    }
    StrBytes::from_string(text)
}

pub type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A handler's answer. What the request does is done when the handler returns; `Later` only waits (NET-4, IDEM-14).
pub enum Reply<T> {
    Now(T),
    Later(Later<T>),
    /// What the request does is not done yet: nothing behind it on its connection is handled before this completes. What comes
    /// of it is as if the handler had returned it only then.
    Held(Later<Reply<T>>),
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
            Reply::Held(doing) => Reply::Held(Box::pin(async move { doing.await.map(change) })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_cut_between_characters() {
        assert_eq!(&*message("short".into()), "short");
        let cut = message("\u{e4}".repeat(20_000));
        assert!(cut.len() <= MESSAGE_BYTES_MAX + 3 && cut.ends_with("\u{e4}..."));
    }
}
