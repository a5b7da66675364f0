//! Cuts request frames out of a byte stream; memory grows with what arrives, never with what is claimed (NET-1).
use bytes::{Buf, Bytes, BytesMut};

/// Why a connection's bytes are no Kafka frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FrameError {
    #[error("frame length {length} is negative")]
    Negative { length: i32 },
    #[error("frame of {length} bytes is larger than socket.request.max.bytes ({limit})")]
    TooLarge { length: usize, limit: usize },
    #[error("the first bytes are HTTP, this is a Kafka listener")]
    Http,
    #[error("the first bytes are a TLS handshake, this listener is plaintext")]
    Tls,
}

/// How requests of HTTP begin: its methods, and the greeting of HTTP/2.
const HTTP_WORDS: &[&[u8; 4]] =
    &[b"GET ", b"HEAD", b"POST", b"PUT ", b"PATC", b"DELE", b"OPTI", b"CONN", b"TRAC", b"PRI "];

/// Bytes read from one connection, not yet taken as frames.
pub struct FrameReader {
    buffer: BytesMut,
    frame_bytes_max: usize,
    /// Room for one read: doubles while reads fill it, so that a busy connection takes several frames in one call.
    read_bytes: usize,
    /// Length of the newest frame: the next is believed to be no shorter, up to a mebibyte.
    last_bytes: usize,
    first: bool,
}

impl FrameReader {
    /// Room made for the first reads of a connection.
    const READ_BYTES: usize = 16 * 1024;
    const READ_BYTES_MAX: usize = 48 * 1024;
    /// From here on a frame is believed to come whole.
    const BELIEVED_BYTES: usize = 64 * 1024;
    const REPEATED_BYTES_MAX: usize = 1 << 20;

    pub fn new(frame_bytes_max: usize) -> FrameReader {
        FrameReader {
            buffer: BytesMut::new(),
            frame_bytes_max,
            read_bytes: Self::READ_BYTES,
            last_bytes: 0,
            first: true,
        }
    }

    /// Where the next read goes. Room grows with what has arrived of a frame: at first a little, then to four times of
    /// what is there, from 64 KiB on to sixteen times (each growth copies what is there, and producers send a megabyte),
    /// never past the frame's end. What the frame before took is given to the next at once.
    pub fn room(&mut self) -> &mut BytesMut {
        self.buffer.reserve(self.room_bytes());
        &mut self.buffer
    }

    fn room_bytes(&self) -> usize {
        let have = self.buffer.len();
        let missing = match self.claimed() {
            Some(length) if length > 0 => (4 + length as usize).saturating_sub(have),
            _ => self.read_bytes,
        };
        let times = if have < Self::BELIEVED_BYTES { 3 } else { 15 };
        missing.min((have * times).max(self.last_bytes).max(Self::READ_BYTES)).max(self.read_bytes)
    }

    /// Bytes that will be held after the next read, at most.
    pub fn bytes_after_read(&self) -> usize {
        self.buffer.len() + self.room_bytes()
    }

    /// Whether the next frame is there to its last byte.
    pub fn has_frame(&self) -> bool {
        self.frame_bytes().is_some_and(|length| self.buffer.len() >= 4 + length)
    }

    /// Says how much the last read brought.
    pub fn filled(&mut self, bytes: usize) {
        if bytes >= self.read_bytes {
            self.read_bytes = (self.read_bytes * 2).min(Self::READ_BYTES_MAX);
        }
    }

    /// The next whole frame, without its length prefix.
    pub fn take(&mut self) -> Result<Option<Bytes>, FrameError> {
        let Some(length) = self.claimed() else { return Ok(None) };
        if std::mem::take(&mut self.first) {
            self.recognise()?;
        }
        let Ok(length) = usize::try_from(length) else { return Err(FrameError::Negative { length }) };
        if length > self.frame_bytes_max {
            return Err(FrameError::TooLarge { length, limit: self.frame_bytes_max });
        }
        if self.buffer.len() < 4 + length {
            return Ok(None);
        }
        self.last_bytes = length.min(Self::REPEATED_BYTES_MAX);
        self.buffer.advance(4);
        Ok(Some(self.buffer.split_to(length).freeze()))
    }

    /// Claimed length of the frame that has begun to arrive; `None` before its length is there or when it is no
    /// legal one.
    pub fn frame_bytes(&self) -> Option<usize> {
        usize::try_from(self.claimed()?).ok().filter(|length| *length <= self.frame_bytes_max)
    }

    /// API key of the next frame, when that much of it has arrived.
    pub fn next_key(&self) -> Option<i16> {
        self.buffer.get(4..6).map(|key| i16::from_be_bytes([key[0], key[1]]))
    }

    /// Gives the memory back when nothing is half-read: thousands of connections wait without one byte of buffer.
    pub fn rest(&mut self) {
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
    }

    fn claimed(&self) -> Option<i32> {
        Some(i32::from_be_bytes(*self.buffer.first_chunk::<4>()?))
    }

    /// Browsers and TLS clients come to the wrong door often enough to deserve a clear word.
    fn recognise(&self) -> Result<(), FrameError> {
        match self.buffer.first_chunk::<4>() {
            Some(word) if HTTP_WORDS.contains(&word) => Err(FrameError::Http),
            Some([0x16, 0x03, ..]) => Err(FrameError::Tls),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(bytes: &[u8]) -> FrameReader {
        let mut reader = FrameReader::new(1_000_000);
        reader.room().extend_from_slice(bytes);
        reader
    }

    #[test]
    fn frames_are_cut_in_order_and_parts_wait() {
        let mut reader = reader(&[0, 0, 0, 2, 1, 2, 0, 0, 0, 0, 0, 0, 0, 3, 9]);
        assert_eq!(reader.take().unwrap().unwrap(), [1u8, 2][..]);
        assert_eq!(reader.take().unwrap().unwrap(), [0u8; 0][..]);
        assert_eq!(reader.take().unwrap(), None);
        reader.room().extend_from_slice(&[8, 7]);
        assert_eq!(reader.take().unwrap().unwrap(), [9u8, 8, 7][..]);
    }

    #[test]
    fn net_1_negative_and_oversized_lengths_are_refused() {
        assert_eq!(reader(&[0xFF, 0xFF, 0xFF, 0xFE]).take(), Err(FrameError::Negative { length: -2 }));
        let too_large = FrameError::TooLarge { length: 1_000_001, limit: 1_000_000 };
        assert_eq!(reader(&1_000_001i32.to_be_bytes()).take(), Err(too_large));
    }

    #[test]
    fn net_1_memory_follows_what_arrives_not_what_is_claimed() {
        let mut reader = FrameReader::new(100 << 20);
        reader.room().extend_from_slice(&(90i32 << 20).to_be_bytes());
        assert_eq!(reader.take().unwrap(), None);
        reader.room();
        assert!(reader.buffer.capacity() <= 64 * 1024, "{}", reader.buffer.capacity());
    }

    #[test]
    fn a_megabyte_is_copied_less_than_a_fifth_while_it_arrives() {
        let mut reader = FrameReader::new(100 << 20);
        reader.room().extend_from_slice(&1_000_000i32.to_be_bytes());
        let mut copied = 0;
        while !reader.has_frame() {
            let (held, at) = (reader.buffer.len(), reader.buffer.as_ptr());
            let room = reader.room();
            copied += if room.as_ptr() == at { 0 } else { held };
            let free = room.capacity() - room.len();
            room.extend_from_slice(&vec![1; free.min(1_000_004 - held)]);
        }
        assert!(copied < 200_000, "{copied}");
    }

    #[test]
    fn a_frame_gets_the_room_that_the_one_before_it_took_up_to_a_mebibyte() {
        let mut reader = FrameReader::new(100 << 20);
        for _ in 0..2 {
            reader.room().extend_from_slice(&(2i32 << 20).to_be_bytes());
            reader.buffer.extend_from_slice(&vec![1; 2 << 20]);
            assert!(reader.take().unwrap().is_some());
            reader.rest();
        }
        reader.room().extend_from_slice(&(90i32 << 20).to_be_bytes());
        let free = reader.room().capacity();
        assert!((1 << 20..=(1 << 20) + 16 * 1024).contains(&free), "{free}");
    }

    #[test]
    fn net_5_a_reader_at_rest_holds_nothing() {
        let mut reader = reader(&[0, 0, 0, 1, 9, 0]);
        assert!(reader.has_frame());
        drop(reader.take().unwrap());
        assert!(!reader.has_frame());
        reader.rest();
        assert!(reader.buffer.capacity() > 0, "half a frame stays");
        reader.room().extend_from_slice(&[0, 0, 0]);
        assert!(reader.has_frame(), "an empty frame is a whole one");
        drop(reader.take().unwrap());
        reader.rest();
        assert_eq!(reader.buffer.capacity(), 0);
    }

    #[test]
    fn http_and_tls_are_recognised() {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "PRI"] {
            let line = format!("{method} / HTTP/1.1");
            assert_eq!(reader(line.as_bytes()).take(), Err(FrameError::Http), "{method}");
        }
        assert_eq!(reader(&[0x16, 0x03, 0x01, 0x02, 0x00]).take(), Err(FrameError::Tls));
    }
}
