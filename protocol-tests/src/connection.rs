//! One TCP connection: typed requests at any version, raw frames, and what a closed or silent peer looks like.
use crate::code_name;
use crate::time::Stopwatch;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// An answer must come within this time.
const ANSWER_MS_MAX: u64 = 20_000;
/// No answer of these scenarios is larger.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Why no answer came.
#[derive(Debug, PartialEq, Eq)]
pub enum Failure {
    /// The broker ended the connection.
    Closed,
    /// Nothing came in time.
    Silent,
    /// What came is no answer to the request.
    Malformed(String),
}

/// A client's connection to the broker. Every misfortune panics, except in the `try_` calls.
pub struct Connection {
    stream: TcpStream,
    correlation: i32,
    client: String,
}

impl Connection {
    /// Opens a connection to the broker under test.
    ///
    /// # Panics
    /// When it does not accept within ten seconds.
    #[track_caller]
    pub fn open() -> Connection {
        Connection::try_open_at(crate::address()).expect("the broker accepts a connection")
    }

    /// Opens a connection whose requests carry this client id.
    #[track_caller]
    pub fn open_as(client: &str) -> Connection {
        Connection { client: client.to_string(), ..Connection::open() }
    }

    pub fn try_open_at(address: SocketAddr) -> std::io::Result<Connection> {
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(10))?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(Duration::from_millis(ANSWER_MS_MAX)))?;
        Ok(Connection { stream, correlation: 0, client: "protocol-tests".to_string() })
    }

    /// Sends a request and returns its answer.
    #[track_caller]
    pub fn call<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        match self.try_call(version, request) {
            Ok(answer) => answer,
            Err(failure) => panic!("{:?} version {version}: {failure:?}", ApiKey::try_from(R::KEY)),
        }
    }

    /// As `call`, with what went wrong instead of a panic.
    ///
    /// # Errors
    /// `Failure`: closed, silent, or bytes that are not exactly one well-formed answer.
    pub fn try_call<R: Request>(&mut self, version: i16, request: &R) -> Result<R::Response, Failure> {
        // A broker that dies may do so before it has read the request.
        let correlation = self.try_send(version, request).map_err(|_| Failure::Closed)?;
        self.try_receive::<R>(version, correlation)
    }

    /// Sends a request with the form of one version under the number of another, for versions that changed no field
    /// and that the typed layer does not know yet.
    #[track_caller]
    pub fn call_numbered<R: Request>(&mut self, number: i16, form: i16, request: &R) -> R::Response {
        self.correlation += 1;
        let mut frame = encode_request(form, request, self.correlation, &self.client).to_vec();
        frame[2..4].copy_from_slice(&number.to_be_bytes());
        self.send_frame(&frame);
        self.receive::<R>(form, self.correlation)
    }

    /// Sends a request without waiting; returns its correlation id.
    #[track_caller]
    pub fn send<R: Request>(&mut self, version: i16, request: &R) -> i32 {
        self.correlation += 1;
        let frame = encode_request(version, request, self.correlation, &self.client);
        self.send_frame(&frame);
        self.correlation
    }

    /// As `send`, to a broker that may be dying.
    ///
    /// # Errors
    /// When the bytes cannot be written.
    pub fn try_send<R: Request>(&mut self, version: i16, request: &R) -> std::io::Result<i32> {
        self.correlation += 1;
        let frame = encode_request(version, request, self.correlation, &self.client);
        let mut bytes = (frame.len() as i32).to_be_bytes().to_vec();
        bytes.extend_from_slice(&frame);
        self.send_bytes(&bytes)?;
        Ok(self.correlation)
    }

    /// Waits for the answer to a request sent before.
    #[track_caller]
    pub fn receive<R: Request>(&mut self, version: i16, correlation: i32) -> R::Response {
        match self.try_receive::<R>(version, correlation) {
            Ok(answer) => answer,
            Err(failure) => panic!("{:?} version {version}: {failure:?}", ApiKey::try_from(R::KEY)),
        }
    }

    /// As `receive`, with what went wrong instead of a panic.
    ///
    /// # Errors
    /// `Failure`: closed, silent, or bytes that are not exactly one well-formed answer.
    pub fn try_receive<R: Request>(&mut self, version: i16, correlation: i32) -> Result<R::Response, Failure> {
        let frame = self.read_frame()?;
        decode_answer::<R>(version, correlation, frame).map_err(Failure::Malformed)
    }

    /// Sends bytes with their length before them.
    #[track_caller]
    pub fn send_frame(&mut self, frame: &[u8]) {
        let mut out = Vec::with_capacity(frame.len() + 4);
        out.put_i32(frame.len() as i32);
        out.put_slice(frame);
        self.send_bytes(&out).expect("the broker takes the request");
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// When the broker has closed the connection or does not read.
    pub fn send_bytes(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Says that nothing more will be sent.
    pub fn finish_sending(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Reads one frame.
    ///
    /// # Errors
    /// `Closed` or `Silent`; `Malformed` when the length is impossible.
    pub fn read_frame(&mut self) -> Result<Bytes, Failure> {
        self.read_frame_within(ANSWER_MS_MAX)
    }

    /// As `read_frame`, waiting at most `limit_ms`.
    ///
    /// # Errors
    /// As `read_frame`.
    pub fn read_frame_within(&mut self, limit_ms: u64) -> Result<Bytes, Failure> {
        let watch = Stopwatch::start();
        let mut length = [0; 4];
        self.fill(&mut length, watch, limit_ms)?;
        let length = i32::from_be_bytes(length);
        if !(0..=ANSWER_BYTES_MAX as i32).contains(&length) {
            return Err(Failure::Malformed(format!("an answer of {length} bytes")));
        }
        let mut frame = vec![0; length as usize];
        self.fill(&mut frame, watch, limit_ms.max(5_000))?;
        Ok(frame.into())
    }

    fn fill(&mut self, into: &mut [u8], watch: Stopwatch, limit_ms: u64) -> Result<(), Failure> {
        let mut filled = 0;
        while filled < into.len() {
            let left_ms = limit_ms.saturating_sub(watch.elapsed_ms());
            if left_ms == 0 {
                return Err(Failure::Silent);
            }
            let timeout = self.stream.set_read_timeout(Some(Duration::from_millis(left_ms)));
            timeout.map_err(|_| Failure::Closed)?;
            match self.stream.read(&mut into[filled..]) {
                Ok(0) => return Err(Failure::Closed),
                Ok(count) => filled += count,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Err(Failure::Silent);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Failure::Closed),
            }
        }
        Ok(())
    }

    /// Reads whatever comes until the broker closes the connection; `None` when it has not within `limit_ms`.
    pub fn read_to_end_within(&mut self, limit_ms: u64) -> Option<Vec<u8>> {
        let watch = Stopwatch::start();
        let mut all = Vec::new();
        let mut piece = [0];
        loop {
            match self.fill(&mut piece, watch, limit_ms) {
                Ok(()) => all.push(piece[0]),
                Err(Failure::Closed) => return Some(all),
                Err(_) => return None,
            }
        }
    }

    /// # Panics
    /// Unless the broker closes the connection without a further byte.
    #[track_caller]
    pub fn assert_closed(&mut self) {
        match self.read_frame() {
            Err(Failure::Closed) => {}
            other => panic!("expected the connection to be closed, got {other:?}"),
        }
    }

    /// # Panics
    /// When anything comes within `for_ms`, or the connection is closed.
    #[track_caller]
    pub fn assert_silent(&mut self, for_ms: u64) {
        match self.read_frame_within(for_ms) {
            Err(Failure::Silent) => {}
            other => panic!("expected silence for {for_ms} ms, got {other:?}"),
        }
    }
}

/// The bytes of a request: header and body, without the length.
#[track_caller]
pub fn encode_request<R: Request>(version: i16, request: &R, correlation: i32, client: &str) -> Bytes {
    let mut out = BytesMut::new();
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_correlation_id(correlation)
        .with_client_id(Some(StrBytes::from_string(client.to_string())));
    header.encode(&mut out, R::header_version(version)).expect("the header can be encoded");
    if let Err(error) = request.encode(&mut out, version) {
        panic!("{:?} version {version} cannot be encoded: {error}", ApiKey::try_from(R::KEY));
    }
    out.freeze()
}

/// Decodes an answer and proves its form: our correlation id, no byte too many, and the same bytes when encoded again,
/// so that no field outside the version, no second spelling of a length and no unknown tag goes unseen.
fn decode_answer<R: Request>(version: i16, correlation: i32, frame: Bytes) -> Result<R::Response, String> {
    let mut rest = frame;
    let header = ResponseHeader::decode(&mut rest, R::Response::header_version(version))
        .map_err(|error| format!("response header: {error}"))?;
    if header.correlation_id != correlation {
        return Err(format!("the answer to request {}, not {correlation}", header.correlation_id));
    }
    if !header.unknown_tagged_fields.is_empty() {
        return Err("tags in the response header".to_string());
    }
    let body = rest.clone();
    let answer = R::Response::decode(&mut rest, version).map_err(|error| format!("{error}; bytes {body:02x?}"))?;
    if rest.has_remaining() {
        return Err(format!("{} bytes after the answer", rest.remaining()));
    }
    let mut again = BytesMut::new();
    answer.encode(&mut again, version).map_err(|error| format!("cannot be encoded again: {error}"))?;
    if again != body {
        return Err(format!("not the canonical form; came {body:02x?}, should be {:02x?}", again.freeze()));
    }
    crate::codes::note_answer(R::KEY, version, &body);
    Ok(answer)
}

/// Panics unless `code` is 0; used where a step of the preparation fails.
#[track_caller]
pub(crate) fn prepared(code: i16, step: &str) {
    assert!(code == 0, "{step}: {}", code_name(code));
}
