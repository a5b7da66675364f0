//! Where records come from: lines of stdin or a generator, handed over in small heaps.
use bytes::Bytes;
use std::{
    io::{self, BufRead},
    time::Duration,
};
use tokio::sync::mpsc;

/// One record to be written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    pub key: Option<Bytes>,
    pub value: Option<Bytes>,
}

/// How a line becomes key and value.
#[derive(Clone, Debug)]
pub struct Split {
    /// Key of every record that does not bring its own.
    pub key: Option<Bytes>,
    pub delimiter: Option<String>,
    /// An empty value is null: a tombstone.
    pub empty_is_null: bool,
}

impl Split {
    fn line(&self, line: Bytes) -> Line {
        let delimiter = self.delimiter.as_deref().unwrap_or_default().as_bytes();
        let cut = match delimiter.is_empty() {
            true => None,
            false => line.windows(delimiter.len()).position(|window| window == delimiter),
        };
        let (key, value) = match cut {
            Some(at) => (Some(line.slice(..at)), line.slice(at + delimiter.len()..)),
            None => (self.key.clone(), line),
        };
        Line { key, value: Some(value).filter(|value| !(self.empty_is_null && value.is_empty())) }
    }
}

/// Bytes of lines that are read in one go; also how much is gathered before the sender sees it.
const READ_BYTES: usize = 256 * 1024;
/// No broker takes a record this large; a file without line ends must not fill the memory.
const LINE_BYTES_MAX: usize = 1 << 30;

/// Records that were there at once, or why there are no more.
pub type Heap = io::Result<Vec<Line>>;

/// Lines of stdin. They are read on a thread of their own, as a terminal or pipe may be silent for hours; each heap
/// is what was there at once, so that a line typed by hand leaves at once too.
pub fn lines(split: Split) -> mpsc::Receiver<Heap> {
    let (sender, receiver) = mpsc::channel(4);
    tokio::task::spawn_blocking(move || {
        let mut reader = io::BufReader::with_capacity(READ_BYTES, io::stdin());
        let result = read_lines(&mut reader, &split, |heap| sender.blocking_send(Ok(heap)).is_ok());
        if let Err(error) = result {
            let _ = sender.blocking_send(Err(error));
        }
    });
    receiver
}

/// Feeds `take` until the end or until it returns false.
fn read_lines(reader: &mut impl BufRead, split: &Split, mut take: impl FnMut(Vec<Line>) -> bool) -> io::Result<()> {
    let mut partial: Vec<u8> = Vec::new();
    loop {
        let there = match reader.fill_buf() {
            Ok(there) => there,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if there.is_empty() {
            // The last line need not end.
            if !partial.is_empty() {
                take(vec![split.line(Bytes::from(partial))]);
            }
            return Ok(());
        }
        let read = there.len();
        let Some(end) = there.iter().rposition(|byte| *byte == b'\n') else {
            if partial.len() + read > LINE_BYTES_MAX {
                return Err(io::Error::other("a line of stdin is longer than 1 GiB"));
            }
            partial.extend_from_slice(there);
            reader.consume(read);
            continue;
        };
        partial.extend_from_slice(&there[..end]);
        let whole = Bytes::from(std::mem::take(&mut partial));
        partial.extend_from_slice(&there[end + 1..]);
        reader.consume(read);
        let heap = whole.split(|byte| *byte == b'\n').map(|line| split.line(whole.slice_ref(line)));
        if !take(heap.collect()) {
            return Ok(());
        }
    }
}

/// Records made up for trying things out.
#[derive(Clone, Copy, Debug)]
pub struct Generator {
    pub count: u64,
    /// Of each value.
    pub bytes: usize,
    /// Records a second; `None`: as fast as they go.
    pub rate: Option<u64>,
}

impl Generator {
    pub fn start(self, key: Option<Bytes>) -> mpsc::Receiver<Heap> {
        const TICK: Duration = Duration::from_millis(10);
        const HEAP: u64 = 1000;
        let (sender, receiver) = mpsc::channel(4);
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(TICK);
            let mut made = 0;
            // Records owed by the rate, in hundredths: a tick is a hundredth of a second.
            let mut owed = 0;
            while made < self.count {
                let now = match self.rate {
                    None => HEAP,
                    Some(rate) => {
                        ticks.tick().await;
                        owed += rate;
                        let now = owed / 100;
                        owed %= 100;
                        now
                    }
                };
                let value = |number| Some(Bytes::from(generated_value(number, self.bytes)));
                let numbers = made..self.count.min(made + now);
                let heap: Vec<Line> = numbers.map(|number| Line { key: key.clone(), value: value(number) }).collect();
                made += heap.len() as u64;
                if !heap.is_empty() && sender.send(Ok(heap)).await.is_err() {
                    return;
                }
            }
        });
        receiver
    }
}

/// The record's number, then letters that do not compress to nothing.
fn generated_value(number: u64, bytes: usize) -> Vec<u8> {
    let mut value = number.to_string().into_bytes();
    value.push(b' ');
    let mut state = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    while value.len() < bytes {
        // xorshift: quick, and different for every record.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        value.push(b'a' + ((state >> 32) % 26) as u8);
    }
    value.truncate(bytes);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8], split: &Split, buffer_bytes: usize) -> Vec<(Option<String>, Option<String>)> {
        let mut found = Vec::new();
        let mut reader = io::BufReader::with_capacity(buffer_bytes, text);
        read_lines(&mut reader, split, |heap| {
            found.extend(heap);
            true
        })
        .unwrap();
        let text = |bytes: Option<Bytes>| bytes.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap());
        found.into_iter().map(|line| (text(line.key), text(line.value))).collect()
    }

    #[test]
    fn lines_are_cut_wherever_reads_end() {
        let split = Split { key: None, delimiter: None, empty_is_null: false };
        let expected: Vec<_> =
            ["one", "", "three\r", "four"].into_iter().map(|line| (None, Some(line.to_owned()))).collect();
        for buffer_bytes in [1, 2, 3, 5, 100] {
            assert_eq!(read(b"one\n\nthree\r\nfour", &split, buffer_bytes), expected, "{buffer_bytes}");
        }
        assert_eq!(read(b"", &split, 10), []);
    }

    #[test]
    fn keys_are_split_off_and_empty_values_may_be_null() {
        let split = Split { key: Some("fixed".into()), delimiter: Some("::".into()), empty_is_null: true };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            read(b"k::v::w\nplain\nk::\n::v\n", &split, 100),
            [(some("k"), some("v::w")), (some("fixed"), some("plain")), (some("k"), None), (some(""), some("v"))]
        );
    }

    #[test]
    fn generated_values_have_their_size_and_differ() {
        assert_eq!(generated_value(7, 100).len(), 100);
        assert_eq!(generated_value(12, 3), b"12 ");
        assert_ne!(generated_value(1, 50)[2..], generated_value(2, 50)[2..]);
    }
}
