//! Many rows of a view in one value: sled pays for every entry, and a start reads a million rows.
//!
//! ```text
//! row: length of what its key shares with that before it | of its own rest | of its value, a varint each
//!      | the record's offset, i64 | the rest of the key | the value                    rows rise by key
//! ```
use super::view::{Change, ViewError};
use crate::{types::Offset, wire::put_unsigned_varint};

/// A block may have so many bytes, or one row; a larger one falls into parts of about half of that.
const BYTES_MAX: usize = 4_096;
const PART_BYTES: usize = BYTES_MAX / 2;
/// What a row may have beside the bytes of its key and its value.
const ROW_EXTRA_BYTES: usize = 5 + 5 + 5 + 8;

/// Reads the rows of a block; nothing of it is believed.
pub(super) struct Reading<'a> {
    left: &'a [u8],
    key: Vec<u8>,
}

/// One row; the key lies in its reader.
#[derive(Clone, Copy)]
pub(super) struct Read<'a> {
    pub offset: Offset,
    pub value: &'a [u8],
}

impl<'a> Reading<'a> {
    pub fn new(block: &'a [u8]) -> Reading<'a> {
        Reading { left: block, key: Vec::new() }
    }

    /// The key of the row that was read last.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    pub fn next(&mut self) -> Result<Option<Read<'a>>, ViewError> {
        if self.left.is_empty() {
            return Ok(None);
        }
        self.row().map(Some).ok_or(ViewError::Entry)
    }

    fn row(&mut self) -> Option<Read<'a>> {
        let (shared, own, value) = (self.varint()?, self.varint()?, self.varint()?);
        let offset = Offset::from_wire(i64::from_be_bytes(*self.left.first_chunk()?))?;
        let (own, rest) = self.left.get(8..)?.split_at_checked(own)?;
        let (value, rest) = rest.split_at_checked(value)?;
        if shared > self.key.len() {
            return None;
        }
        self.key.truncate(shared);
        self.key.extend_from_slice(own);
        self.left = rest;
        Some(Read { offset, value })
    }

    fn varint(&mut self) -> Option<usize> {
        let mut value = 0usize;
        for shift in [0, 7, 14, 21, 28] {
            let (byte, rest) = self.left.split_first()?;
            self.left = rest;
            value |= usize::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
}

/// Rows being put together, in the order of their keys.
#[derive(Default)]
pub(super) struct Packing {
    bytes: Vec<u8>,
    /// Where the block may be parted: there a key stands whole.
    parts: Vec<(usize, Vec<u8>)>,
    last_key: Vec<u8>,
    rows: u64,
}

impl Packing {
    pub fn push(&mut self, key: &[u8], offset: Offset, value: &[u8]) {
        let part_bytes = self.bytes.len() - self.parts.last().map_or(0, |(at, _)| *at);
        let with_row = part_bytes + key.len() + value.len() + ROW_EXTRA_BYTES;
        let parted = self.bytes.is_empty() || with_row > PART_BYTES && part_bytes > 0;
        if parted {
            self.parts.push((self.bytes.len(), key.to_vec()));
        }
        let shared = if parted { 0 } else { key.iter().zip(&self.last_key).take_while(|(a, b)| a == b).count() };
        for length in [shared, key.len() - shared, value.len()] {
            self.varint(length);
        }
        self.bytes.extend_from_slice(&offset.get().to_be_bytes());
        self.bytes.extend_from_slice(&key[shared..]);
        self.bytes.extend_from_slice(value);
        self.last_key.truncate(shared);
        self.last_key.extend_from_slice(&key[shared..]);
        self.rows += 1;
    }

    fn varint(&mut self, length: usize) {
        let length = u32::try_from(length).expect("a record is smaller than 4 GiB");
        put_unsigned_varint(&mut self.bytes, length);
    }

    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The blocks, each with the least key of its rows.
    pub fn into_blocks(mut self) -> Vec<(Vec<u8>, Vec<u8>)> {
        if self.bytes.len() <= BYTES_MAX {
            self.parts.truncate(1);
        }
        let mut blocks = Vec::with_capacity(self.parts.len());
        while let Some((at, key)) = self.parts.pop() {
            blocks.push((key, self.bytes.split_off(at)));
        }
        blocks.reverse();
        blocks
    }
}

/// The rows of `block` with `changes` made, which rise by key; and how many rows there were.
pub(super) fn merge<'a>(
    block: &[u8],
    changes: impl Iterator<Item = (&'a [u8], &'a Change)>,
) -> Result<(Packing, u64), ViewError> {
    let (mut packing, mut had) = (Packing::default(), 0);
    let mut reading = Reading::new(block);
    let mut row = reading.next()?;
    for (key, change) in changes {
        while let Some(old) = row
            && reading.key() <= key
        {
            had += 1;
            if reading.key() < key {
                packing.push(reading.key(), old.offset, old.value);
            }
            row = reading.next()?;
        }
        if let Some((offset, value)) = change {
            packing.push(key, *offset, value);
        }
    }
    while let Some(old) = row {
        had += 1;
        packing.push(reading.key(), old.offset, old.value);
        row = reading.next()?;
    }
    Ok((packing, had))
}

/// Rows of a journal, in one piece of memory.
#[derive(Default)]
pub struct Rows {
    bytes: Vec<u8>,
    places: Vec<Place>,
}

#[derive(Clone, Copy)]
struct Place {
    offset: Offset,
    at: usize,
    key_bytes: usize,
    value_bytes: usize,
}

/// A record as the view keeps it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Row<'a> {
    pub offset: Offset,
    pub key: &'a [u8],
    pub value: &'a [u8],
}

impl Rows {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.places.clear();
    }

    pub(super) fn add(&mut self, block: &[u8]) -> Result<(), ViewError> {
        let mut reading = Reading::new(block);
        while let Some(row) = reading.next()? {
            let (at, key) = (self.bytes.len(), reading.key());
            self.bytes.extend_from_slice(key);
            self.bytes.extend_from_slice(row.value);
            let place = Place { offset: row.offset, at, key_bytes: key.len(), value_bytes: row.value.len() };
            self.places.push(place);
        }
        Ok(())
    }

    pub(super) fn sort(&mut self) {
        self.places.sort_unstable_by_key(|place| place.offset);
    }

    pub fn len(&self) -> usize {
        self.places.len()
    }

    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// In the order of offsets.
    pub fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        self.places.iter().map(|place| {
            let (key, rest) = self.bytes[place.at..].split_at(place.key_bytes);
            Row { offset: place.offset, key, value: &rest[..place.value_bytes] }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::{Chance, SeededChance};
    use std::collections::BTreeMap;

    fn rows_of(blocks: &[(Vec<u8>, Vec<u8>)]) -> BTreeMap<Vec<u8>, (Offset, Vec<u8>)> {
        let mut rows = Rows::default();
        blocks.iter().for_each(|(_, block)| rows.add(block).unwrap());
        rows.iter().map(|row| (row.key.to_vec(), (row.offset, row.value.to_vec()))).collect()
    }

    #[test]
    fn by_seed_changes_are_made_and_blocks_are_parted_in_the_order_of_keys() {
        for seed in 0..300 {
            let chance = SeededChance::new(seed);
            let draw = |below: u64| (chance.u64() % below) as usize;
            let (mut block, mut expected) = (Vec::new(), BTreeMap::new());
            for _ in 0..6 {
                let mut changes: BTreeMap<Vec<u8>, Change> = BTreeMap::new();
                for _ in 0..draw(60) {
                    let key = format!("{}{}", "prefix-".repeat(draw(4)), draw(40)).into_bytes();
                    let value = vec![draw(256) as u8; if draw(30) == 0 { draw(9_000) } else { draw(60) }];
                    changes.insert(key, (draw(4) > 0).then(|| (Offset::new(draw(1 << 40) as i64), value)));
                }
                let before = expected.len() as u64;
                for (key, change) in &changes {
                    match change.clone() {
                        Some(row) => _ = expected.insert(key.clone(), row),
                        None => _ = expected.remove(key),
                    }
                }
                let (packing, had) = merge(&block, changes.iter().map(|(key, change)| (&key[..], change))).unwrap();
                assert_eq!((had, packing.rows), (before, expected.len() as u64), "seed {seed}");
                let whole = packing.bytes.clone();
                let blocks = packing.into_blocks();
                assert_eq!(rows_of(&blocks), expected, "seed {seed}");
                assert!(blocks.is_sorted_by(|(before, _), (after, _)| before < after), "seed {seed}");
                for (first, block) in &blocks {
                    let mut reading = Reading::new(block);
                    reading.next().unwrap();
                    assert_eq!(reading.key(), first, "seed {seed}");
                    let is_one_row = reading.next().unwrap().is_none();
                    assert!(block.len() <= BYTES_MAX || is_one_row, "seed {seed}");
                }
                block = whole;
            }
        }
    }

    #[test]
    fn foreign_bytes_are_refused_or_read_and_never_more() {
        let chance = SeededChance::new(3);
        let mut packing = Packing::default();
        for number in 0..20 {
            packing.push(format!("key-{number:02}").as_bytes(), Offset::new(number), &[7; 10]);
        }
        let whole = packing.bytes;
        let mut refused = 0;
        for _ in 0..2_000 {
            let mut bytes = whole.clone();
            let at = chance.u64() as usize % bytes.len();
            bytes[at] ^= 1 << (chance.u64() % 8);
            bytes.truncate(bytes.len() - (chance.u64() % 3) as usize);
            refused += i32::from(Rows::default().add(&bytes).is_err());
        }
        assert!(refused > 500, "{refused}");
        assert!(Rows::default().add(&[0xFF; 20]).is_err(), "a length without end");
        assert!(Rows::default().add(&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).is_err(), "nothing is before the first");
    }
}
