//! What waits to be written to one connection: bytes and ranges of files, in order.
use crate::platform::DiskFile;
use bytes::{Buf, Bytes, BytesMut};
use rustix::io::{Errno, ReadWriteFlags};
use std::{
    collections::VecDeque,
    io::{self, IoSliceMut},
    sync::Arc,
};
use tokio::net::TcpStream;

/// A part of a file to be sent as it is; the file stays readable for as long as this lives (FET-16).
#[derive(Clone)]
pub struct FileRange {
    pub file: Arc<dyn DiskFile>,
    pub position: u64,
    pub len: usize,
}

/// One part of a response.
pub enum Piece {
    Memory(Bytes),
    File(FileRange),
}

impl Piece {
    pub fn bytes(&self) -> usize {
        match self {
            Piece::Memory(bytes) => bytes.len(),
            Piece::File(range) => range.len,
        }
    }
}

/// What [`Outgoing::write`] came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Written {
    /// Everything is in the socket.
    All,
    /// The socket is full: wait until it is writable.
    Full,
    /// The next range is not in the page cache: read it on a blocking thread first, so that no runtime thread waits
    /// for a disk.
    Cold,
}

/// The queue of one connection. Small things are joined so that they leave in one system call.
#[derive(Default)]
pub struct Outgoing {
    queue: VecDeque<Piece>,
    tail: BytesMut,
    bytes: usize,
    warmed: bool,
}

/// Below this a range is copied into the answer; above it `sendfile` is cheaper.
const SENDFILE_BYTES_MIN: usize = 32 * 1024;
/// The page cache is looked at once in so many bytes: what it loses or reads ahead at a time.
const PROBE_EVERY_BYTES: usize = 128 * 1024;
/// One `sendfile` call moves at most this much, so that one connection does not hold a thread.
const SENDFILE_BYTES_MAX: usize = 1 << 20;

impl Outgoing {
    /// Where responses that are bytes are encoded to.
    pub fn tail(&mut self) -> &mut BytesMut {
        &mut self.tail
    }

    pub fn push(&mut self, piece: Piece) {
        match piece {
            Piece::Memory(bytes) if bytes.len() < SENDFILE_BYTES_MIN => self.tail.extend_from_slice(&bytes),
            Piece::File(range) if range.len < SENDFILE_BYTES_MIN && append_resident(&mut self.tail, &range) => {}
            piece => {
                self.seal();
                self.bytes += piece.bytes();
                self.queue.push_back(piece);
            }
        }
    }

    /// Bytes that wait, those in files included.
    pub fn bytes(&self) -> usize {
        self.bytes + self.tail.len()
    }

    pub fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.tail.is_empty()
    }

    /// Gives the memory back when nothing waits.
    pub fn rest(&mut self) {
        if self.is_empty() {
            self.tail = BytesMut::new();
        }
    }

    /// Writes as much as the socket takes.
    pub fn write(&mut self, socket: &TcpStream) -> io::Result<Written> {
        self.seal();
        loop {
            let more = self.queue.len() > 1;
            let Some(piece) = self.queue.front_mut() else { return Ok(Written::All) };
            let step = match piece {
                Piece::Memory(bytes) => match send(socket, bytes, more) {
                    Ok(sent) => Step::Sent(sent),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => Step::Full,
                    Err(error) => return Err(error),
                },
                Piece::File(range) if range.len < SENDFILE_BYTES_MIN || range.file.fd().is_none() => {
                    match copied(range, self.warmed)? {
                        Some(bytes) => {
                            self.warmed = false;
                            *piece = Piece::Memory(bytes);
                            continue;
                        }
                        None => Step::Cold,
                    }
                }
                Piece::File(range) => {
                    if !self.warmed && !resident(range) {
                        Step::Cold
                    } else {
                        send_file(socket, range)?
                    }
                }
            };
            match step {
                Step::Full => return Ok(Written::Full),
                Step::Cold => return Ok(Written::Cold),
                Step::Sent(sent) => self.advance(sent),
            }
        }
    }

    /// The range that must be read first, after [`Written::Cold`]. Call [`warm`] with it on a blocking thread, then
    /// [`Outgoing::warmed`].
    pub fn cold_range(&self) -> Option<FileRange> {
        match self.queue.front() {
            Some(Piece::File(range)) => Some(FileRange {
                file: range.file.clone(),
                position: range.position,
                len: range.len.min(SENDFILE_BYTES_MAX),
            }),
            _ => None,
        }
    }

    /// The cold range was read: send it whatever the page cache says now.
    pub fn warmed(&mut self) {
        self.warmed = true;
    }

    fn seal(&mut self) {
        if !self.tail.is_empty() {
            let bytes = self.tail.split().freeze();
            self.bytes += bytes.len();
            self.queue.push_back(Piece::Memory(bytes));
        }
    }

    fn advance(&mut self, sent: usize) {
        self.bytes -= sent;
        let done = match self.queue.front_mut() {
            Some(Piece::Memory(bytes)) => {
                bytes.advance(sent);
                bytes.is_empty()
            }
            Some(Piece::File(range)) => {
                self.warmed = false;
                range.position += sent as u64;
                range.len -= sent;
                range.len == 0
            }
            None => false,
        };
        if done {
            self.queue.pop_front();
        }
    }
}

enum Step {
    Sent(usize),
    Full,
    Cold,
}

/// Reads a range once and throws it away: afterwards it is in the page cache. For blocking threads.
pub fn warm(range: &FileRange) -> io::Result<()> {
    let mut scrap = vec![0; range.len.min(256 * 1024)];
    let (mut at, end) = (range.position, range.position + range.len as u64);
    while at < end {
        let want = scrap.len().min((end - at) as usize);
        match range.file.read_at(&mut scrap[..want], at)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => at += read as u64,
        }
    }
    Ok(())
}

fn send(socket: &TcpStream, bytes: &Bytes, more: bool) -> io::Result<usize> {
    use rustix::net::{SendFlags, send};
    let flags = if more { SendFlags::MORE | SendFlags::NOSIGNAL } else { SendFlags::NOSIGNAL };
    socket.try_io(tokio::io::Interest::WRITABLE, || send(socket, bytes, flags).map_err(io::Error::from))
}

fn send_file(socket: &TcpStream, range: &FileRange) -> io::Result<Step> {
    let Some(fd) = range.file.fd() else { return Ok(Step::Cold) };
    let mut position = range.position;
    let want = range.len.min(SENDFILE_BYTES_MAX);
    let sent = socket.try_io(tokio::io::Interest::WRITABLE, || {
        rustix::fs::sendfile(socket, fd, Some(&mut position), want).map_err(io::Error::from)
    });
    match sent {
        // The file is shorter than the log said: the frame cannot be completed, the connection must end.
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(sent) => Ok(Step::Sent(sent)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Step::Full),
        Err(error) => Err(error),
    }
}

/// Copies a small range behind the bytes that wait, so that both leave in one call; false, and nothing changed, when it
/// would have to come from the disk.
fn append_resident(tail: &mut BytesMut, range: &FileRange) -> bool {
    let Some(fd) = range.file.fd() else { return false };
    let before = tail.len();
    tail.resize(before + range.len, 0);
    let mut slices = [IoSliceMut::new(&mut tail[before..])];
    let read = rustix::io::preadv2(fd, &mut slices, range.position, ReadWriteFlags::NOWAIT);
    if read == Ok(range.len) {
        return true;
    }
    tail.truncate(before);
    false
}

/// The bytes of a small range; `None` when they would have to come from the disk.
fn copied(range: &FileRange, warmed: bool) -> io::Result<Option<Bytes>> {
    let mut bytes = BytesMut::zeroed(range.len);
    let filled = match range.file.fd() {
        Some(fd) if !warmed => {
            let mut slices = [IoSliceMut::new(&mut bytes)];
            match rustix::io::preadv2(fd, &mut slices, range.position, ReadWriteFlags::NOWAIT) {
                Ok(filled) if filled == range.len => filled,
                Ok(_) | Err(Errno::AGAIN) => return Ok(None),
                // Filesystems without RWF_NOWAIT: read as always.
                Err(_) => range.file.read_at(&mut bytes, range.position)?,
            }
        }
        _ => range.file.read_at(&mut bytes, range.position)?,
    };
    if filled < range.len {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(bytes.freeze()))
}

/// A guess by single bytes of what the next `sendfile` would send: one of each window, and the end, where read-ahead comes
/// last. The two ends alone would not do: who looked for the batches has just read those.
fn resident(range: &FileRange) -> bool {
    let Some(fd) = range.file.fd() else { return true };
    let last = range.len.min(SENDFILE_BYTES_MAX).saturating_sub(1);
    let within = (PROBE_EVERY_BYTES / 2..last).step_by(PROBE_EVERY_BYTES);
    std::iter::once(last).chain(within).all(|at| {
        let mut byte = [0];
        let mut slices = [IoSliceMut::new(&mut byte)];
        let read = rustix::io::preadv2(fd, &mut slices, range.position + at as u64, ReadWriteFlags::NOWAIT);
        !matches!(read, Err(Errno::AGAIN))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::{Disk, OpenMode, RealDisk};
    use tokio::{io::AsyncReadExt, net::TcpListener};

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (client, server) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        (client.unwrap(), server.unwrap().0)
    }

    #[tokio::test]
    async fn bytes_and_files_leave_in_order() {
        let directory = tempfile::tempdir().unwrap();
        let file = RealDisk.open(&directory.path().join("f"), OpenMode::Create).unwrap();
        let content: Vec<u8> = (0..300_000u32).map(|n| n as u8).collect();
        file.write_all_at(&content, 0).unwrap();
        let (mut client, server) = pair().await;
        let mut outgoing = Outgoing::default();
        outgoing.tail().extend_from_slice(b"head");
        outgoing.push(Piece::File(FileRange { file: file.clone(), position: 10, len: 200_000 }));
        outgoing.push(Piece::Memory(Bytes::from_static(b"middle")));
        outgoing.push(Piece::File(FileRange { file: file.clone(), position: 5, len: 100 }));
        outgoing.push(Piece::Memory(Bytes::from(vec![7; 50_000])));
        let expected = [b"head", &content[10..200_010], b"middle", &content[5..105], &[7; 50_000]].concat();
        assert_eq!(outgoing.bytes(), expected.len());
        let reading = tokio::spawn(async move {
            let mut got = vec![0; 4 + 200_000 + 6 + 100 + 50_000];
            client.read_exact(&mut got).await.unwrap();
            got
        });
        loop {
            match outgoing.write(&server).unwrap() {
                Written::All => break,
                Written::Full => server.writable().await.unwrap(),
                Written::Cold => {
                    warm(&outgoing.cold_range().unwrap()).unwrap();
                    outgoing.warmed();
                }
            }
        }
        assert!(outgoing.is_empty());
        assert_eq!(reading.await.unwrap(), expected);
    }

    #[tokio::test]
    async fn a_file_that_became_shorter_ends_the_connection() {
        let directory = tempfile::tempdir().unwrap();
        let file = RealDisk.open(&directory.path().join("f"), OpenMode::Create).unwrap();
        file.write_all_at(&[1; 10], 0).unwrap();
        let (_client, server) = pair().await;
        for len in [100, 100_000] {
            let mut outgoing = Outgoing::default();
            outgoing.push(Piece::File(FileRange { file: file.clone(), position: 0, len }));
            let outcome = loop {
                match outgoing.write(&server) {
                    Ok(Written::Cold) => outgoing.warmed(),
                    Ok(Written::Full) => server.writable().await.unwrap(),
                    other => break other,
                }
            };
            assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::UnexpectedEof, "{len}");
        }
    }
}
