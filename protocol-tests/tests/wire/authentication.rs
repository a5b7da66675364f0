//! SaslHandshake 0-1 and SaslAuthenticate 0-2 on a listener where nobody authenticates.
use kafka_protocol::messages::{SaslAuthenticateRequest, SaslHandshakeRequest};
use protocol_tests::{Batch, Code, Connection, append, assert_error, metadata, new_topic, text};

fn hands(connection: &mut Connection, version: i16) -> (i16, usize) {
    let answer = connection.call(version, &SaslHandshakeRequest::default().with_mechanism(text("PLAIN")));
    (answer.error_code, answer.mechanisms.len())
}

/// On a listener without authentication; where there is one, the second round must be served like the first.
#[test]
fn pitfall_32_a_handshake_again_and_again_is_answered_and_the_connection_lives() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for version in [1, 0, 1] {
        for _ in 0..2 {
            assert_eq!(hands(&mut connection, version), (Code::IllegalSaslState.code(), 0), "version {version}");
        }
        // In version 0 bare tokens would follow; since nothing was agreed, what follows is a request like any other.
        append(&mut connection, &topic, &Batch::of(&["between"]));
    }
}

/// No token proves anything where nobody is asked for one: neither a good-looking one nor the last step of SCRAM.
#[test]
fn pitfall_33_no_token_begins_a_session() {
    let mut connection = Connection::open();
    let tokens: [&[u8]; 4] = [b"\0user\0secret", b"n,,n=user,r=abc", b"c=biws,r=abc,p=AAAA", b""];
    for version in 0..=2 {
        hands(&mut connection, 1);
        for token in tokens {
            let answer =
                connection.call(version, &SaslAuthenticateRequest::default().with_auth_bytes(token.to_vec().into()));
            assert_error(answer.error_code, Code::IllegalSaslState);
            assert!(answer.auth_bytes.is_empty() && answer.session_lifetime_ms == 0, "version {version}: {answer:?}");
            assert!(answer.error_message.is_some_and(|why| !why.is_empty()));
        }
    }
    assert_eq!(metadata(&mut connection, 12, Some(&[])).brokers.len(), 1, "the connection goes on");
}
