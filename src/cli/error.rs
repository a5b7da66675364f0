//! Why a command did not do its work, and the exit code that says so to scripts.
use crate::{net::ClientError, types::ErrorCode};
use std::{io, process::ExitCode};

/// Text for stderr plus the kind that becomes the exit code.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// 1
    #[error("{0}")]
    Failed(String),
    /// 2: the command line cannot be obeyed.
    #[error("{0}")]
    Usage(String),
    /// 3: a topic, partition or file that is not there.
    #[error("{0}")]
    NotFound(String),
    /// 4: the broker is not able to serve.
    #[error("{0}")]
    Unhealthy(String),
    /// 1: the broker could not be reached or went away, as it may for a moment only.
    #[error("{0}")]
    Unreachable(String),
    /// 124, as `timeout(1)` has it.
    #[error("{0}")]
    Timeout(String),
    /// The reader of our output went away (`ottla consume t | head`): silence, exit code 0.
    #[error("the output was closed")]
    OutputClosed,
    /// 1, when every part of the failure was already reported, one line each.
    #[error("{failed} of {all} failed")]
    Some { failed: usize, all: usize },
}

impl CliError {
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            CliError::OutputClosed => 0,
            CliError::Failed(_) | CliError::Unreachable(_) | CliError::Some { .. } => 1,
            CliError::Usage(_) => 2,
            CliError::NotFound(_) => 3,
            CliError::Unhealthy(_) => 4,
            CliError::Timeout(_) => 124,
        })
    }

    /// The error a broker answered with, about `what`.
    pub fn broker(what: &str, code: i16, message: Option<&str>) -> CliError {
        let name = code_name(code);
        let message = message.or_else(|| advice(code));
        let text = match message.filter(|message| !message.is_empty()) {
            Some(message) => format!("{what}: {message} ({name})"),
            None => format!("{what}: {name}"),
        };
        match ErrorCode::from_wire(code) {
            Some(ErrorCode::UnknownTopicOrPartition | ErrorCode::UnknownTopicId | ErrorCode::ResourceNotFound) => {
                CliError::NotFound(text)
            }
            Some(ErrorCode::RequestTimedOut) => CliError::Timeout(text),
            _ => CliError::Failed(text),
        }
    }

    /// Whether the broker was away or silent, and a later try may do better.
    pub fn is_of_absence(&self) -> bool {
        matches!(self, CliError::Unreachable(_) | CliError::Timeout(_))
    }

    pub fn no_such_topic(topic: &str) -> CliError {
        CliError::NotFound(format!(
            "topic {topic} does not exist: `ottla topic list` shows those that do, `ottla topic create {topic}` makes it"
        ))
    }
}

/// What usually helps, for refusals that brokers leave without a word.
fn advice(code: i16) -> Option<&'static str> {
    Some(match ErrorCode::from_wire(code)? {
        ErrorCode::MessageTooLarge => "a record is larger than the topic's max.message.bytes",
        ErrorCode::InvalidTopicException => {
            "a topic's name has 1 to 249 of the letters a-z, A-Z, 0-9, `.`, `_` and `-`, and is neither `.` nor `..`"
        }
        ErrorCode::NotEnoughReplicas | ErrorCode::NotEnoughReplicasAfterAppend => {
            "fewer replicas are in sync than min.insync.replicas asks for"
        }
        ErrorCode::TopicAuthorizationFailed => "this client may not do that with the topic",
        ErrorCode::InvalidProducerEpoch | ErrorCode::ProducerFenced => "another producer took over this producer id",
        _ => return None,
    })
}

/// Kafka's name of an error code, or its number when it has none.
pub fn code_name(code: i16) -> String {
    ErrorCode::from_wire(code).map_or_else(|| format!("error code {code}"), |code| code.to_string())
}

impl From<ClientError> for CliError {
    fn from(error: ClientError) -> CliError {
        match (error.is_timeout(), error.is_connection()) {
            (true, _) => CliError::Timeout(format!("{error}: is it overloaded? `--timeout` waits longer")),
            (false, true) => CliError::Unreachable(error.to_string()),
            (false, false) => CliError::Failed(error.to_string()),
        }
    }
}

impl From<io::Error> for CliError {
    fn from(error: io::Error) -> CliError {
        match error.kind() {
            io::ErrorKind::BrokenPipe => CliError::OutputClosed,
            io::ErrorKind::NotFound => CliError::NotFound(error.to_string()),
            _ => CliError::Failed(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brokers_errors_become_exit_codes() {
        let code = |code: ErrorCode| format!("{:?}", CliError::broker("x", code.code(), None).exit_code());
        assert_eq!(code(ErrorCode::UnknownTopicOrPartition), format!("{:?}", ExitCode::from(3)));
        assert_eq!(code(ErrorCode::RequestTimedOut), format!("{:?}", ExitCode::from(124)));
        assert_eq!(code(ErrorCode::InvalidConfig), format!("{:?}", ExitCode::from(1)));
        assert_eq!(CliError::broker("t", 36, Some("it is there")).to_string(), "t: it is there (TOPIC_ALREADY_EXISTS)");
        assert_eq!(CliError::broker("t", 999, None).to_string(), "t: error code 999");
    }
}
