//! What can go wrong while measuring.
use std::io;
use thiserror::Error;

#[derive(Debug, Error)]
pub enum Fault {
    #[error("{what}: {source}")]
    Io { what: String, source: io::Error },
    #[error("the answer to {what} ends too early")]
    Short { what: &'static str },
    #[error("{what} was answered with error code {code}")]
    Refused { what: String, code: i16 },
    #[error("{what} took longer than {seconds} s")]
    TooLate { what: String, seconds: u64 },
    #[error("{broker} did not start: {why}")]
    NotStarted { broker: &'static str, why: String },
    #[error("{0}")]
    Usage(String),
}

/// Names the step in which an input or output error happened.
pub trait During<T> {
    fn during(self, what: impl Into<String>) -> Result<T, Fault>;
}

impl<T> During<T> for io::Result<T> {
    fn during(self, what: impl Into<String>) -> Result<T, Fault> {
        self.map_err(|source| Fault::Io { what: what.into(), source })
    }
}
