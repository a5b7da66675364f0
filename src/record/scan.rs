//! The one pass over a client batch's records: structure, keys, timestamps. On the path of every produced record:
//! nothing is allocated while all is well.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
use super::{
    BatchError, BatchHeader, BatchRules, Codec, RECORD_REFUSALS_MAX,
    check::Origin,
    codecs::Decompressor,
    fields::{Cursor, OffsetDeltas, RecordFault, RecordFields},
    header::TimestampType,
    records::timestamp_of,
};

/// Decompressed bytes held at a time, unless one record is larger.
const WINDOW_BYTES: usize = 64 * 1024;
/// What stands for "no timestamp" in Kafka.
const NO_TIMESTAMP: i64 = -1;

/// What the records were found to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scanned {
    pub max_timestamp: i64,
    /// The first record that has it.
    pub offset_delta_of_max_timestamp: i32,
}

pub(super) struct Scan {
    header: BatchHeader,
    keys_needed: bool,
    earliest: i64,
    latest: i64,
    read: i32,
    max_timestamp: i64,
    offset_delta_of_max_timestamp: i32,
    refusals: Refusals,
}

#[derive(Default)]
struct Refusals {
    total: usize,
    listed: Vec<(i32, String)>,
    timestamp: bool,
}

impl Scan {
    pub fn new(header: BatchHeader, rules: &BatchRules, now_ms: i64) -> Scan {
        let judged = rules.origin == Origin::Client && rules.timestamp_type == TimestampType::CreateTime;
        let (earliest, latest) = if judged {
            (now_ms.saturating_sub(rules.timestamp_before_max_ms), now_ms.saturating_add(rules.timestamp_after_max_ms))
        } else {
            (i64::MIN, i64::MAX)
        };
        Scan {
            header,
            // Control records have keys of their own and are never compacted by them.
            keys_needed: rules.compacted && !header.is_control(),
            earliest,
            latest,
            read: 0,
            max_timestamp: NO_TIMESTAMP,
            offset_delta_of_max_timestamp: 0,
            refusals: Refusals::default(),
        }
    }

    /// Scans records that lie uncompressed in memory.
    pub fn whole(mut self, body: &[u8]) -> Result<Scanned, BatchError> {
        let mut cursor = Cursor(body);
        while self.read < self.header.record_count {
            let judged = match cursor.record() {
                Ok(record) => self.one(record),
                Err(fault) => Err(fault),
            };
            judged.map_err(|fault| self.malformed(fault))?;
        }
        if !cursor.0.is_empty() {
            return Err(BatchError::LeftOver { count: self.header.record_count });
        }
        self.finish()
    }

    /// Scans records while they are decompressed; holds a window of them or one record, whichever is larger.
    pub fn compressed(mut self, codec: Codec, body: &[u8], bytes_max: usize) -> Result<Scanned, BatchError> {
        let mut reader = Decompressor::new(codec, body, bytes_max)?;
        let mut window = Vec::with_capacity(WINDOW_BYTES.min(bytes_max.saturating_add(1)));
        loop {
            let left = self.window(&window)?;
            let taken = window.len() - left;
            window.drain(..taken);
            let more = reader.fill(&mut window, WINDOW_BYTES.saturating_sub(left).max(WINDOW_BYTES / 2))?;
            if self.read == self.header.record_count {
                if left > 0 || more > 0 {
                    return Err(BatchError::LeftOver { count: self.header.record_count });
                }
                return self.finish();
            }
            if more == 0 {
                // The record that the rest begins, and why it is not whole.
                let fault = Cursor(&window).record().err().unwrap_or(RecordFault::Ends(super::Field::Length));
                return Err(self.malformed(fault));
            }
        }
    }

    /// Scans the whole records of `window` and says how many bytes are left.
    fn window(&mut self, window: &[u8]) -> Result<usize, BatchError> {
        let mut cursor = Cursor(window);
        while self.read < self.header.record_count {
            let before = cursor.0.len();
            match cursor.record() {
                Ok(record) => self.one(record).map_err(|fault| self.malformed(fault))?,
                Err(RecordFault::Ends(_)) => return Ok(before),
                Err(fault) => return Err(self.malformed(fault)),
            }
        }
        Ok(cursor.0.len())
    }

    #[inline(always)]
    fn one(&mut self, record: &[u8]) -> Result<(), RecordFault> {
        let fields = RecordFields::parse(record)?;
        if fields.offset_delta != self.read {
            let expected = OffsetDeltas::Exactly(self.read);
            return Err(RecordFault::OffsetDelta { delta: fields.offset_delta, expected });
        }
        let timestamp = timestamp_of(&self.header, fields.timestamp_delta)?;
        if self.keys_needed && fields.key.is_none() {
            self.refusals.no_key(self.read);
        } else if (timestamp < self.earliest || timestamp > self.latest) && timestamp != NO_TIMESTAMP {
            self.refusals.timestamp(self.read, timestamp, self.earliest, self.latest);
        }
        if timestamp > self.max_timestamp {
            self.max_timestamp = timestamp;
            self.offset_delta_of_max_timestamp = self.read;
        }
        self.read += 1;
        Ok(())
    }

    #[cold]
    fn malformed(&self, fault: RecordFault) -> BatchError {
        BatchError::Record { index: self.read, count: self.header.record_count, fault }
    }

    fn finish(self) -> Result<Scanned, BatchError> {
        if self.refusals.total > 0 {
            let Refusals { total, listed, timestamp } = self.refusals;
            return Err(BatchError::Records { total, refusals: listed, timestamp });
        }
        Ok(Scanned {
            max_timestamp: self.max_timestamp,
            offset_delta_of_max_timestamp: self.offset_delta_of_max_timestamp,
        })
    }
}

impl Refusals {
    #[cold]
    fn no_key(&mut self, index: i32) {
        self.list(index, || "a compacted topic takes no record without a key".to_owned());
    }

    #[cold]
    fn timestamp(&mut self, index: i32, timestamp: i64, earliest: i64, latest: i64) {
        self.timestamp = true;
        self.list(index, || {
            format!("timestamp {timestamp} is out of the range that the topic allows now, {earliest} to {latest}")
        });
    }

    fn list(&mut self, index: i32, text: impl FnOnce() -> String) {
        self.total += 1;
        if self.listed.len() < RECORD_REFUSALS_MAX {
            self.listed.push((index, text()));
        }
    }
}
