//! One entry of the write-ahead log: what it does to which partition.
use crate::types::{LeaderEpoch, Offset, TopicId};
use uuid::Uuid;

/// The place of an entry in the order of all entries of one log directory; dense, from 0, never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct WalSequence(u64);

impl WalSequence {
    pub const ZERO: WalSequence = WalSequence(0);

    pub const fn new(sequence: u64) -> WalSequence {
        WalSequence(sequence)
    }

    pub const fn get(self) -> u64 {
        self.0
    }

    /// Of the entry behind this one.
    pub fn next(self) -> WalSequence {
        self.plus(1)
    }

    pub(super) fn plus(self, entries: u64) -> WalSequence {
        WalSequence(self.0.checked_add(entries).expect("sequences do not overflow"))
    }
}

impl std::fmt::Display for WalSequence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What an entry does to its log when it is replayed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EntryKind {
    /// The body is one or more whole batches, the first at the head's offset.
    Append,
    /// Records from the head's offset on were removed.
    Truncate,
    /// Records before the head's offset were removed.
    LogStart,
    /// The whole log was removed.
    Drop,
    /// The log goes on at the offset in the body (i64) though no record stands there from the head's offset on: a leader's
    /// compaction removed them (LOG-5).
    Gap,
}

impl EntryKind {
    pub(super) fn to_byte(self) -> u8 {
        match self {
            EntryKind::Append => 1,
            EntryKind::Truncate => 2,
            EntryKind::LogStart => 3,
            EntryKind::Drop => 4,
            EntryKind::Gap => 5,
        }
    }

    fn from_byte(byte: u8) -> Option<EntryKind> {
        match byte {
            1 => Some(EntryKind::Append),
            2 => Some(EntryKind::Truncate),
            3 => Some(EntryKind::LogStart),
            4 => Some(EntryKind::Drop),
            5 => Some(EntryKind::Gap),
            _ => None,
        }
    }
}

/// Where the body of an entry stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum BodyPlace {
    /// Behind the head.
    Behind,
    /// So many bytes into the block behind the head's, which nothing else begins in before the block in which it ends is over.
    LaidOut { skip: u16 },
}

/// Everything of an entry but its body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EntryHead {
    pub kind: EntryKind,
    pub topic_id: TopicId,
    pub partition: i32,
    /// Base offset of the append, offset truncated to, new log start, or where the gap begins; 0 for a drop.
    pub offset: Offset,
    pub leader_epoch: LeaderEpoch,
    /// Bytes of the body.
    pub len: u32,
}

impl EntryHead {
    /// ```text
    /// 0 kind u8 | 1 laid out u8 | 2 skip u16 | 4 body length u32 | 8 topic id u8[16] | 24 partition i32 | 28 leader epoch i32
    /// 32 offset i64 | 40 body
    /// ```
    pub const BYTES: usize = 40;

    pub(super) fn to_bytes(self, body: BodyPlace) -> [u8; Self::BYTES] {
        let mut out = [0; Self::BYTES];
        out[0] = self.kind.to_byte();
        if let BodyPlace::LaidOut { skip } = body {
            out[1] = 1;
            out[2..4].copy_from_slice(&skip.to_be_bytes());
        }
        out[4..8].copy_from_slice(&self.len.to_be_bytes());
        out[8..24].copy_from_slice(self.topic_id.0.as_bytes());
        out[24..28].copy_from_slice(&self.partition.to_be_bytes());
        out[28..32].copy_from_slice(&self.leader_epoch.get().to_be_bytes());
        out[32..40].copy_from_slice(&self.offset.get().to_be_bytes());
        out
    }

    /// `None` where the bytes are no entry's head.
    pub(super) fn from_bytes(bytes: &[u8; Self::BYTES]) -> Option<(EntryHead, BodyPlace)> {
        let body = match bytes[1] {
            0 => BodyPlace::Behind,
            1 => BodyPlace::LaidOut { skip: u16::from_be_bytes(super::format::field(bytes, 2)) },
            _ => return None,
        };
        let head = EntryHead {
            kind: EntryKind::from_byte(bytes[0])?,
            len: u32::from_be_bytes(super::format::field(bytes, 4)),
            topic_id: TopicId(Uuid::from_bytes(super::format::field(bytes, 8))),
            partition: i32::from_be_bytes(super::format::field(bytes, 24)),
            leader_epoch: LeaderEpoch::from_wire(i32::from_be_bytes(super::format::field(bytes, 28)))?,
            offset: Offset::from_wire(i64::from_be_bytes(super::format::field(bytes, 32)))?,
        };
        Some((head, body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_survives_its_bytes_and_nonsense_is_refused() {
        for kind in [EntryKind::Append, EntryKind::Truncate, EntryKind::LogStart, EntryKind::Drop, EntryKind::Gap] {
            let head = EntryHead {
                kind,
                topic_id: TopicId(Uuid::from_u128(0x1234_5678)),
                partition: 7,
                offset: Offset::new(1 << 40),
                leader_epoch: LeaderEpoch::new(3),
                len: 99,
            };
            for body in [BodyPlace::Behind, BodyPlace::LaidOut { skip: 0 }, BodyPlace::LaidOut { skip: 4095 }] {
                assert_eq!(EntryHead::from_bytes(&head.to_bytes(body)), Some((head, body)));
            }
        }
        assert_eq!(EntryHead::from_bytes(&[0; EntryHead::BYTES]), None);
        assert_eq!(EntryHead::from_bytes(&[0xFF; EntryHead::BYTES]), None);
    }
}
