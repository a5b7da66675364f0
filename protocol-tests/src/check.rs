//! Assertions on Kafka's error codes that name the code in their message.
use kafka_protocol::ResponseError;

/// `INVALID_RECORD (87)`-like name of a code as it stands on the wire.
pub fn code_name(code: i16) -> String {
    match ResponseError::try_from_code(code) {
        None => "none (0)".to_string(),
        Some(error) => format!("{error:?} ({code})"),
    }
}

/// # Panics
/// When the code is not that of `expected`.
#[track_caller]
pub fn assert_error(code: i16, expected: ResponseError) {
    assert!(code == expected.code(), "expected {expected:?} ({}), got {}", expected.code(), code_name(code));
}

/// # Panics
/// When the code is an error.
#[track_caller]
pub fn assert_ok(code: i16) {
    assert!(code == 0, "expected no error, got {}", code_name(code));
}
