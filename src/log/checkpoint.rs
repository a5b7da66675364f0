//! Kafka's checkpoint files: a version, a count, one line per entry. Replaced atomically (LOG-11); a damaged one is
//! reported and counts as absent, which makes recovery look at more, never at less (LOG-18).
use crate::{
    log::{epoch_cache::EpochStart, seal},
    types::{LeaderEpoch, Offset, TopicName, TopicPartition},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

/// Offsets of many partitions: `topic partition offset` per line.
pub type Offsets = BTreeMap<TopicPartition, Offset>;
/// Partitions whose entries say more than their offset.
pub type Marks = BTreeSet<TopicPartition>;

/// One checkpoint file: what it is to say, and whether that differs from what it says.
#[derive(Default, Debug)]
pub(in crate::log) struct Noted {
    offsets: Offsets,
    marks: Marks,
    /// It was read from a file that this broker wrote, not another's.
    pub sealed: bool,
    pub changed: bool,
}

impl Noted {
    /// Without a file that can be read it is to be written, even if it is to say nothing.
    pub fn absent() -> Noted {
        Noted { changed: true, ..Noted::default() }
    }

    /// As in the file. Others' brokers mark no entries.
    pub fn read(bytes: &[u8]) -> Result<Noted, CheckpointError> {
        let (offsets, sealed) = (read_offsets(bytes)?, is_sealed(bytes));
        let marks = if sealed { read_marks(bytes) } else { Marks::new() };
        Ok(Noted { offsets, marks, sealed, changed: false })
    }

    /// What another broker did not mark counts as marked, where anything is said of it.
    pub fn marked_unless_sealed(mut self) -> Noted {
        if !self.sealed {
            let said = self.offsets.iter().filter(|(_, offset)| **offset > Offset::ZERO);
            self.marks = said.map(|(at, _)| at.clone()).collect();
        }
        self
    }

    /// Nothing but its beginning is noted of a partition, and it is marked.
    pub fn is_begun(&self, at: &TopicPartition) -> bool {
        self.get(at) == Some(Offset::ZERO) && self.is_marked(at)
    }

    pub fn print(&self) -> String {
        write_offsets(&self.offsets, &self.marks)
    }

    pub fn is_marked(&self, at: &TopicPartition) -> bool {
        self.marks.contains(at)
    }

    /// Marks a partition's entry, or takes its mark away.
    pub fn mark(&mut self, at: &TopicPartition, marked: bool) {
        self.changed |= match marked {
            true if self.marks.contains(at) => false,
            true => self.marks.insert(at.clone()),
            false => self.marks.remove(at),
        };
    }

    pub fn offsets(&self) -> &Offsets {
        &self.offsets
    }

    pub fn get(&self, at: &TopicPartition) -> Option<Offset> {
        self.offsets.get(at).copied()
    }

    /// Only these stay.
    pub fn keep(&mut self, wanted: impl Fn(Offset) -> bool) {
        let before = self.offsets.len();
        self.offsets.retain(|_, offset| wanted(*offset));
        self.changed |= self.offsets.len() < before;
    }

    /// Notes a partition's offset; `None`: the file says nothing of it.
    pub fn set(&mut self, at: &TopicPartition, offset: Option<Offset>) {
        match (self.offsets.get_mut(at), offset) {
            (Some(known), Some(offset)) if *known == offset => return,
            (Some(known), Some(offset)) => *known = offset,
            (None, Some(offset)) => {
                self.offsets.insert(at.clone(), offset);
            }
            (Some(_), None) => {
                self.offsets.remove(at);
                self.marks.remove(at);
            }
            (None, None) => return,
        }
        self.changed = true;
    }
}

/// What is wrong with a checkpoint's text.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CheckpointError {
    #[error("the file is empty or not text")]
    Empty,
    #[error("version '{0}' is not known (0 is)")]
    Version(String),
    #[error("line {line} is malformed: '{text}'")]
    Line { line: usize, text: String },
    #[error("{expected} entries are announced, {found} are there")]
    Count { expected: usize, found: usize },
    #[error("the checksum does not fit")]
    Checksum,
}

/// Prints `recovery-point-offset-checkpoint` and its siblings. A mark is a tab before the offset: Kafka's readers take any white
/// space between words.
pub fn write_offsets(offsets: &Offsets, marks: &Marks) -> String {
    let mut text = format!("0\n{}\n", offsets.len());
    for (at, offset) in offsets {
        let white = if marks.contains(at) { '\t' } else { ' ' };
        writeln!(text, "{} {}{white}{offset}", at.topic, at.partition).expect("strings take all text");
    }
    sealed(text, offsets.len())
}

/// The marked partitions of a file that `read_offsets` takes. Others' brokers mark none: whatever a mark says is taken for said.
pub fn read_marks(bytes: &[u8]) -> Marks {
    if !is_sealed(bytes) {
        return read_offsets(bytes).unwrap_or_default().into_keys().collect();
    }
    let (text, _) = seal::split_end(std::str::from_utf8(bytes).unwrap_or_default());
    let marked = text.lines().filter(|line| line.contains('\t'));
    marked.filter_map(|line| Some(offset_entry(line)?.0)).collect()
}

/// Behind the last entry stands the checksum of all of them. Without any there is no word that it could stand behind.
fn sealed(mut text: String, entries: usize) -> String {
    if entries > 0 {
        text.pop();
        let seal = seal::of(&text);
        text.push_str(&seal);
        text.push('\n');
    }
    text
}

/// Did this broker write the file? One without entries says nothing that another could have meant.
pub fn is_sealed(bytes: &[u8]) -> bool {
    let (text, white) = seal::split_end(std::str::from_utf8(bytes).unwrap_or_default());
    let white = white.strip_suffix('\n').unwrap_or(white);
    text == "0\n0" || seal::fits(white, text) == Some(true)
}

pub fn read_offsets(bytes: &[u8]) -> Result<Offsets, CheckpointError> {
    Ok(entries(bytes, offset_entry)?.into_iter().collect())
}

fn offset_entry(line: &str) -> Option<(TopicPartition, Offset)> {
    let mut words = line.split_ascii_whitespace();
    let topic = TopicName::parse(words.next()?).ok()?;
    let partition = words.next()?.parse().ok().filter(|partition| *partition >= 0)?;
    let offset = Offset::from_wire(words.next()?.parse().ok()?)?;
    words.next().is_none().then_some((TopicPartition { topic, partition }, offset))
}

/// Prints `leader-epoch-checkpoint`: `epoch start-offset` per line.
pub fn write_epochs(epochs: &[EpochStart]) -> String {
    let mut text = format!("0\n{}\n", epochs.len());
    for entry in epochs {
        writeln!(text, "{} {}", entry.epoch, entry.start).expect("strings take all text");
    }
    sealed(text, epochs.len())
}

pub fn read_epochs(bytes: &[u8]) -> Result<Vec<EpochStart>, CheckpointError> {
    entries(bytes, |line| {
        let (epoch, start) = line.split_once(' ')?;
        Some(EpochStart {
            epoch: LeaderEpoch::from_wire(epoch.parse().ok()?)?,
            start: Offset::from_wire(start.parse().ok()?)?,
        })
    })
}

fn entries<T>(bytes: &[u8], parse: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, CheckpointError> {
    let text = std::str::from_utf8(bytes).map_err(|_| CheckpointError::Empty)?;
    let (text, white) = seal::split_end(text.strip_suffix('\n').unwrap_or(text));
    if seal::fits(white, text) == Some(false) {
        return Err(CheckpointError::Checksum);
    }
    let mut lines = text.lines();
    let version = lines.next().ok_or(CheckpointError::Empty)?;
    if version != "0" {
        return Err(CheckpointError::Version(version.chars().take(40).collect()));
    }
    let malformed = |line: usize, text: &str| CheckpointError::Line { line, text: text.chars().take(80).collect() };
    let count = lines.next().ok_or(CheckpointError::Empty)?;
    let expected: usize = count.parse().map_err(|_| malformed(2, count))?;
    let mut found = Vec::new();
    for (index, line) in lines.enumerate() {
        found.push(parse(line).ok_or_else(|| malformed(index + 3, line))?);
    }
    if found.len() != expected {
        return Err(CheckpointError::Count { expected, found: found.len() });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_round_trip_in_kafkas_text() {
        let mut offsets = Offsets::new();
        let at = |topic: &str, partition| TopicPartition { topic: TopicName::parse(topic).unwrap(), partition };
        offsets.insert(at("b", 0), Offset::new(12));
        offsets.insert(at("a.c", 3), Offset::new(0));
        let text = write_offsets(&offsets, &Marks::new());
        let words = "0\n2\na.c 3 0\nb 0 12";
        assert_eq!(text, format!("{words}{}\n", seal::of(words)));
        assert_eq!(read_offsets(text.as_bytes()), Ok(offsets.clone()));
        let sealed = [text.clone(), write_offsets(&Offsets::new(), &Marks::new()), format!("{words}\n"), String::new()];
        assert_eq!(sealed.map(|text| is_sealed(text.as_bytes())), [true, true, false, false]);
        assert_eq!(read_offsets(format!("{words}\n").as_bytes()), Ok(offsets), "as Kafka writes it");
    }

    #[test]
    fn log_18_no_flipped_bit_makes_another_checkpoint() {
        let mut offsets = Offsets::new();
        let at = |topic: &str, partition| TopicPartition { topic: TopicName::parse(topic).unwrap(), partition };
        offsets.insert(at("b", 0), Offset::new(1234));
        offsets.insert(at("a.c", 3), Offset::new(0));
        let epochs = [EpochStart { epoch: LeaderEpoch::new(2), start: Offset::new(731) }];
        for text in [
            write_offsets(&offsets, &Marks::new()),
            write_epochs(&epochs),
            write_offsets(&Offsets::new(), &Marks::new()),
        ] {
            for bit in 0..text.len() * 8 {
                let mut bytes = text.clone().into_bytes();
                bytes[bit / 8] ^= 1 << (bit % 8);
                let (as_offsets, as_epochs) = (read_offsets(&bytes).is_ok(), read_epochs(&bytes).is_ok());
                assert!(!as_offsets && !as_epochs, "bit {bit} of {text:?}");
            }
        }
    }

    #[test]
    fn marks_are_white_and_others_mark_all() {
        let at = |partition| TopicPartition { topic: TopicName::parse("a").unwrap(), partition };
        let offsets = Offsets::from([(at(0), Offset::new(5)), (at(1), Offset::new(7))]);
        let marks = Marks::from([at(1)]);
        let text = write_offsets(&offsets, &marks);
        let words = "0\n2\na 0 5\na 1\t7";
        assert_eq!(text, format!("{words}{}\n", seal::of(words)));
        assert_eq!((read_offsets(text.as_bytes()), read_marks(text.as_bytes())), (Ok(offsets.clone()), marks));
        assert_eq!(read_marks(write_offsets(&offsets, &Marks::new()).as_bytes()), Marks::new());
        assert_eq!(read_marks(b"0\n2\na 0 5\na 1 7\n"), Marks::from([at(0), at(1)]), "as Kafka writes it");
        let mut noted = Noted { offsets, ..Noted::default() };
        let mut is_news = |marked| {
            noted.mark(&at(0), marked);
            std::mem::take(&mut noted.changed)
        };
        assert_eq!([false, true, true, false].map(&mut is_news), [false, true, false, true]);
        noted.mark(&at(0), true);
        noted.set(&at(0), None);
        assert!(!noted.is_marked(&at(0)));
    }

    #[test]
    fn a_file_is_written_again_only_for_news() {
        let at = TopicPartition { topic: TopicName::parse("a").unwrap(), partition: 0 };
        let mut noted = Noted::default();
        let mut is_news = |offset: Option<i64>| {
            noted.set(&at, offset.map(Offset::new));
            std::mem::take(&mut noted.changed)
        };
        let news = [None, Some(3), Some(3), Some(4), None, None].map(&mut is_news);
        assert_eq!(news, [false, true, false, true, true, false]);
        assert_eq!(noted.get(&at), None);
    }

    #[test]
    fn log_18_damaged_checkpoints_are_refused_whole() {
        for bad in ["", "1\n0\n", "0\n", "0\nx\n", "0\n1\n", "0\n1\na 0\n", "0\n1\na 0 -1\n", "0\n1\na 0 1\nb 0 2\n"] {
            assert!(read_offsets(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert!(read_offsets(&[0; 64]).is_err());
        assert!(read_offsets(&[0xFF, 0xFE]).is_err());
    }

    #[test]
    fn epochs_round_trip() {
        let epochs = [EpochStart { epoch: LeaderEpoch::new(2), start: Offset::new(7) }];
        assert_eq!(write_epochs(&epochs).split_whitespace().collect::<Vec<_>>(), ["0", "1", "2", "7"]);
        assert_eq!(read_epochs(write_epochs(&epochs).as_bytes()).unwrap(), epochs);
        assert_eq!(read_epochs(b"0\n1\n2 7\n").unwrap(), epochs);
        assert!(read_epochs(b"0\n1\n2 7 9\n").is_err());
    }
}
