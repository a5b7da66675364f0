//! Just enough of Kafka's wire format: requests of fixed versions and a bounded reader of answers.
use crate::fault::{During, Fault};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

const CLIENT_ID: &str = "bench";
/// Answers larger than this are a fault of the broker or of ours.
pub const ANSWER_BYTES_MAX: usize = 256 << 20;
const ANSWER_WAIT: Duration = Duration::from_secs(60);

/// The requests in use: API key and version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Api {
    Produce = 0,
    Fetch = 1,
    ListOffsets = 2,
    Metadata = 3,
    OffsetCommit = 8,
    OffsetFetch = 9,
    FindCoordinator = 10,
    JoinGroup = 11,
    Heartbeat = 12,
    SyncGroup = 14,
    CreateTopics = 19,
    DeleteTopics = 20,
    InitProducerId = 22,
    EndTxn = 26,
    IncrementalAlterConfigs = 44,
    ConsumerGroupHeartbeat = 68,
}

impl Api {
    pub fn version(self) -> i16 {
        match self {
            Api::Produce => 7,
            Api::Fetch => 11,
            Api::ListOffsets => 1,
            Api::Metadata => 1,
            Api::OffsetCommit => 7,
            Api::OffsetFetch => 5,
            Api::FindCoordinator => 1,
            Api::JoinGroup => 5,
            Api::Heartbeat => 3,
            Api::SyncGroup => 3,
            Api::CreateTopics => 4,
            Api::DeleteTopics => 3,
            Api::InitProducerId => 1,
            Api::EndTxn => 5,
            Api::IncrementalAlterConfigs => 0,
            Api::ConsumerGroupHeartbeat => 1,
        }
    }
}

/// A request under construction; `finish` gives the whole frame.
pub struct Request(Vec<u8>);

impl Request {
    pub fn new(api: Api) -> Request {
        Request::of_version(api, api.version())
    }

    fn of_version(api: Api, version: i16) -> Request {
        Request(vec![0; 4]).int16(api as i16).int16(version).int32(0).string(CLIENT_ID)
    }

    /// Of a flexible version: compact lengths, and tagged fields behind every structure.
    pub fn flexible(api: Api, version: i16) -> Request {
        Request::of_version(api, version).no_tags()
    }

    pub fn no_tags(self) -> Request {
        self.int8(0)
    }

    pub fn int8(mut self, value: i8) -> Request {
        self.0.push(value as u8);
        self
    }

    pub fn int16(mut self, value: i16) -> Request {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    pub fn int32(mut self, value: i32) -> Request {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    pub fn int64(mut self, value: i64) -> Request {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    pub fn string(mut self, value: &str) -> Request {
        self = self.int16(value.len() as i16);
        self.0.extend_from_slice(value.as_bytes());
        self
    }

    pub fn bytes(mut self, value: &[u8]) -> Request {
        self = self.int32(value.len() as i32);
        self.0.extend_from_slice(value);
        self
    }

    pub fn null_string(self) -> Request {
        self.int16(-1)
    }

    /// The length of a compact array.
    pub fn compact(mut self, count: usize) -> Request {
        let mut left = count + 1;
        while left >= 0x80 {
            self.0.push(left as u8 | 0x80);
            left >>= 7;
        }
        self.0.push(left as u8);
        self
    }

    /// A compact string or compact bytes.
    pub fn compact_bytes(mut self, value: &[u8]) -> Request {
        self = self.compact(value.len());
        self.raw(value)
    }

    /// Null in place of compact strings and arrays.
    pub fn compact_null(self) -> Request {
        self.int8(0)
    }

    pub fn raw(mut self, value: &[u8]) -> Request {
        self.0.extend_from_slice(value);
        self
    }

    /// Bytes of the frame so far, its length included: where the next field will be.
    pub fn position(&self) -> usize {
        self.0.len()
    }

    pub fn finish(mut self) -> Vec<u8> {
        let length = (self.0.len() - 4) as i32;
        self.0[..4].copy_from_slice(&length.to_be_bytes());
        self.0
    }
}

/// Reads an answer from its front; every step fails on a short answer instead of panicking.
pub struct Answer<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> Answer<'a> {
    /// `frame` without its length; the correlation id is skipped.
    pub fn new(frame: &'a [u8], what: &'static str) -> Result<Answer<'a>, Fault> {
        let mut answer = Answer { rest: frame, what };
        answer.take(4)?;
        Ok(answer)
    }

    /// As `new`, of a flexible version: the header has tagged fields.
    pub fn flexible(frame: &'a [u8], what: &'static str) -> Result<Answer<'a>, Fault> {
        let mut answer = Answer::new(frame, what)?;
        answer.tags()?;
        Ok(answer)
    }

    pub fn take(&mut self, bytes: usize) -> Result<&'a [u8], Fault> {
        let (head, rest) = self.rest.split_at_checked(bytes).ok_or(Fault::Short { what: self.what })?;
        self.rest = rest;
        Ok(head)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    pub fn int16(&mut self) -> Result<i16, Fault> {
        Ok(i16::from_be_bytes(self.fixed()?))
    }

    pub fn int32(&mut self) -> Result<i32, Fault> {
        Ok(i32::from_be_bytes(self.fixed()?))
    }

    pub fn int64(&mut self) -> Result<i64, Fault> {
        Ok(i64::from_be_bytes(self.fixed()?))
    }

    /// A string or null, as bytes.
    pub fn string(&mut self) -> Result<&'a [u8], Fault> {
        let length = self.int16()?;
        self.take(usize::try_from(length).unwrap_or(0))
    }

    /// Bytes or null.
    pub fn bytes(&mut self) -> Result<&'a [u8], Fault> {
        let length = self.int32()?;
        self.take(usize::try_from(length).unwrap_or(0))
    }

    pub fn int8(&mut self) -> Result<i8, Fault> {
        Ok(i8::from_be_bytes(self.fixed()?))
    }

    fn varint(&mut self) -> Result<usize, Fault> {
        let mut value = 0;
        for shift in (0..35).step_by(7) {
            let byte = self.int8()? as u8;
            value |= usize::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Fault::Short { what: self.what })
    }

    /// The length of a compact array; null is empty.
    pub fn compact(&mut self) -> Result<usize, Fault> {
        Ok(self.varint()?.saturating_sub(1))
    }

    /// A compact string, compact bytes or null.
    pub fn compact_bytes(&mut self) -> Result<&'a [u8], Fault> {
        let length = self.compact()?;
        self.take(length)
    }

    /// Passes over tagged fields.
    pub fn tags(&mut self) -> Result<(), Fault> {
        for _ in 0..self.varint()? {
            self.varint()?;
            let bytes = self.varint()?;
            self.take(bytes)?;
        }
        Ok(())
    }

    /// The length of an array; null is empty.
    pub fn count(&mut self) -> Result<usize, Fault> {
        Ok(usize::try_from(self.int32()?).unwrap_or(0))
    }

    /// The first error code of the partitions of all topics; `behind` bytes follow each code.
    pub fn first_error_code(&mut self, behind: usize) -> Result<i16, Fault> {
        let mut first = 0;
        for _ in 0..self.count()? {
            self.string()?;
            for _ in 0..self.count()? {
                self.int32()?;
                let code = self.int16()?;
                self.take(behind)?;
                first = if first == 0 { code } else { first };
            }
        }
        Ok(first)
    }
}

/// One blocking connection with a reused buffer for answers.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub fn open(address: SocketAddr) -> Result<Connection, Fault> {
        let stream = TcpStream::connect(address).during(format!("connecting to {address}"))?;
        stream.set_nodelay(true).during("TCP_NODELAY")?;
        stream.set_read_timeout(Some(ANSWER_WAIT)).during("setting a read timeout")?;
        Ok(Connection { stream, buffer: Vec::new() })
    }

    /// A second handle on the same connection, so that one thread writes and another reads.
    pub fn split(&self) -> Result<Connection, Fault> {
        let stream = self.stream.try_clone().during("sharing a connection")?;
        Ok(Connection { stream, buffer: Vec::new() })
    }

    pub fn send(&mut self, frame: &[u8]) -> Result<(), Fault> {
        self.stream.write_all(frame).during("sending a request")
    }

    /// The next answer without its length.
    pub fn receive(&mut self) -> Result<&[u8], Fault> {
        let mut prefix = [0; 4];
        self.stream.read_exact(&mut prefix).during("waiting for an answer")?;
        let length = usize::try_from(i32::from_be_bytes(prefix)).unwrap_or(usize::MAX);
        if length > ANSWER_BYTES_MAX {
            return Err(Fault::Usage(format!("an answer claims {length} bytes")));
        }
        if self.buffer.len() < length {
            self.buffer.resize(length, 0);
        }
        self.stream.read_exact(&mut self.buffer[..length]).during("reading an answer")?;
        Ok(&self.buffer[..length])
    }

    pub fn call(&mut self, frame: &[u8]) -> Result<&[u8], Fault> {
        self.send(frame)?;
        self.receive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_carries_its_length_key_version_and_client() {
        let frame = Request::new(Api::Metadata).int32(-1).finish();
        assert_eq!(frame, b"\0\0\0\x13\0\x03\0\x01\0\0\0\0\0\x05bench\xff\xff\xff\xff");
    }

    #[test]
    fn compact_fields_come_back() {
        let frame =
            Request::flexible(Api::EndTxn, 5).compact_bytes(&[7; 200]).compact_null().compact(0).no_tags().finish();
        assert_eq!(frame[19..22], [0, 0xC9, 1], "tags of the header, then 201");
        let mut answer = vec![0, 0, 0, 1, 1, 9, 2, 8, 8];
        answer.extend_from_slice(&frame[20..]);
        let mut answer = Answer::flexible(&answer, "test").unwrap();
        assert_eq!(answer.compact_bytes().unwrap(), [7; 200]);
        assert_eq!((answer.compact_bytes().unwrap(), answer.compact().unwrap()), (&[][..], 0));
        answer.tags().unwrap();
        assert!(answer.int8().is_err());
        assert!(Answer::flexible(&[0, 0, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], "test").is_err());
    }

    #[test]
    fn a_short_answer_is_an_error() {
        let mut answer = Answer::new(&[0, 0, 0, 1, 0, 7, 0, 9, b'a'], "test").unwrap();
        assert_eq!(answer.int16().unwrap(), 7);
        assert!(matches!(answer.string(), Err(Fault::Short { what: "test" })));
        assert!(Answer::new(&[0, 0], "test").is_err());
    }
}
