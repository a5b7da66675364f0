//! How much fits into one write of the journal (GRP-18).
use super::{GroupSettings, TOPIC};
use crate::{
    image::{Image, Resource, ResourceKind},
    wire::coordinator::{GroupRecord, OffsetCommitKey, OffsetCommitValue},
};

/// Of a batch beside its records: its header, and what compression may add.
const BATCH_BYTES_FIXED: usize = 100;
/// Of a record beside its key and value: lengths, differences to the first record, attributes.
const RECORD_BYTES_FIXED: usize = 24;

/// Of a committed offset beside its strings: of the key, and of the value.
const OFFSET_KEY_BYTES_FIXED: usize = 16;
const OFFSET_VALUE_BYTES_FIXED: usize = 48;

/// For so little nobody looks the limits up: a journal that refuses it refuses everything.
const SMALL_BYTES: usize = 4_096;

/// What is left of a batch. Estimated from above.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    bytes: usize,
}

impl Room {
    /// A batch of the journal: the topic's own limits count before the broker's.
    pub fn of(image: &Image, settings: &GroupSettings) -> Room {
        let topic = Resource { kind: ResourceKind::Topic, name: TOPIC.into() };
        let limit = |name| {
            let own = image.configs.value(&topic, name)?.trim().parse::<usize>().ok()?;
            Some(own.saturating_sub(BATCH_BYTES_FIXED))
        };
        let bytes = limit("max.message.bytes").unwrap_or(settings.record_bytes_max);
        Room { bytes: limit("segment.bytes").map_or(bytes, |segment| segment.min(bytes)) }
    }

    /// Whether the record fits, and then takes its part.
    pub fn take(&mut self, record: &GroupRecord) -> bool {
        let bytes = RECORD_BYTES_FIXED + size_of(record);
        let fits = bytes <= self.bytes;
        self.bytes = self.bytes.saturating_sub(bytes);
        fits
    }

    /// Whether all of these fit one write.
    pub fn has_all(image: &Image, settings: &GroupSettings, records: &[GroupRecord]) -> bool {
        let bytes = records.iter().map(|record| RECORD_BYTES_FIXED + size_of(record)).sum::<usize>();
        bytes <= SMALL_BYTES || bytes <= Room::of(image, settings).bytes
    }
}

fn offset(key: &OffsetCommitKey, value: Option<&OffsetCommitValue>) -> usize {
    let value = value.map_or(0, |value| OFFSET_VALUE_BYTES_FIXED + value.metadata.len());
    OFFSET_KEY_BYTES_FIXED + key.group.len() + key.topic.len() + value
}

/// Of key and value.
fn size_of(record: &GroupRecord) -> usize {
    match record {
        // By far the most records are these: they are not written twice.
        GroupRecord::OffsetCommit(key, value) => offset(key, value.as_ref()),
        GroupRecord::PendingOffsetCommit(_, key, value) => offset(key, Some(value)),
        other => {
            let (key, value) = other.encode();
            key.len() + value.map_or(0, |value| value.len())
        }
    }
}
