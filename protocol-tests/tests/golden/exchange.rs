//! One request on a connection of its own, and what becomes of it.
use protocol_tests::schema::decode::{Line, decode};
use protocol_tests::schema::{request, response};
use protocol_tests::wire::request_start;
use protocol_tests::{Connection, Failure};
use std::net::SocketAddr;

/// The client id of all requests.
pub const CLIENT: &str = "golden";
const CORRELATION: i32 = 0x0102_0304;
const API_VERSIONS: i16 = 18;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Answer(Vec<Line>),
    /// The broker ended the connection without a byte.
    Closed,
    /// Nothing came for as long as was waited.
    Silent,
    /// Bytes that are no answer.
    Malformed(String),
}

/// Header and body without their length; `header_tags`: the header too has a tag nobody knows.
pub fn frame(api: &str, version: i16, body: &[u8], header_tags: bool) -> Vec<u8> {
    let message = request(api);
    let flexible = message.is_flexible(version);
    let mut frame = request_start(message.key, version, CORRELATION, CLIENT, flexible);
    if flexible && header_tags {
        frame.pop();
        frame.extend([1, 0xe8, 7, 3, b'a', b'b', b'c']);
    }
    frame.extend_from_slice(body);
    frame
}

/// Sends a frame and reads its answer.
pub fn exchange(address: SocketAddr, api: &str, version: i16, frame: &[u8], wait_ms: u64) -> Outcome {
    let mut connection = Connection::try_open_at(address).expect("the broker accepts a connection");
    connection.send_frame(frame);
    read(&mut connection, api, version, wait_ms)
}

pub fn read(connection: &mut Connection, api: &str, version: i16, wait_ms: u64) -> Outcome {
    let bytes = match connection.read_frame_within(wait_ms) {
        Ok(bytes) => bytes,
        Err(Failure::Closed) => return Outcome::Closed,
        Err(Failure::Silent) => return Outcome::Silent,
        Err(Failure::Malformed(why)) => return Outcome::Malformed(why),
    };
    let message = response(api);
    // Header version 0 or 1; ApiVersions has 0 always, since the client cannot know yet.
    let has_tags = message.is_flexible(version) && message.key != API_VERSIONS;
    let header = if has_tags { 5 } else { 4 };
    if bytes.len() < header || bytes[..4] != CORRELATION.to_be_bytes() || (has_tags && bytes[4] != 0) {
        return Outcome::Malformed(format!("a wrong header: {:02x?}", &bytes[..bytes.len().min(header)]));
    }
    match decode(message, version, &bytes[header..]) {
        Ok(lines) => Outcome::Answer(lines),
        Err(why) => Outcome::Malformed(why),
    }
}
