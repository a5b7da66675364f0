//! A quorum of one: the metadata log is a log of this node, committed when it is synced here.
use super::{Group, MetadataLog, MetadataReadError};
use crate::{
    log::{AppendError, AppendOrigin, Closed, Log, ReadLimit, Watermark},
    machine::NotWritten,
    platform::Clock,
    record::{BatchBuilder, BatchHeader, LeaderChange, records, walk},
    types::{LeaderEpoch, NodeId, Offset},
    wire::metadata::MetadataRecord,
};

use parking_lot::Mutex;
use std::{collections::VecDeque, sync::Arc};

/// Bytes read at a time while the log is replayed.
const READ_BYTES: usize = 1 << 20;
/// More than any batch of metadata records decompresses to.
const DECOMPRESSED_BYTES_MAX: usize = 256 << 20;

/// Why this node cannot lead the metadata log.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the metadata log cannot be written: {0}")]
    Append(#[from] AppendError),
}

/// `__cluster_metadata-0` of a quorum that is this node alone.
pub struct SingleLog {
    log: Arc<Log>,
    node: NodeId,
    epoch: LeaderEpoch,
    clock: Arc<dyn Clock>,
    /// Guards what was read ahead for the next calls of `read`.
    ahead: Mutex<VecDeque<Group>>,
}

impl SingleLog {
    /// Begins a term of leadership, one above the log's last: its first record says so, as KRaft writes it.
    pub fn lead(log: Arc<Log>, node: NodeId, clock: Arc<dyn Clock>) -> Result<Arc<SingleLog>, OpenError> {
        let epoch = LeaderEpoch::new(log.latest_epoch().map_or(1, |latest| latest.get() + 1));
        let raised = Arc::downgrade(&log);
        log.on_synced(Box::new(move |synced| {
            if let Some(log) = raised.upgrade() {
                log.advance_high(synced);
            }
        }));
        log.advance_high(log.synced_mark().get());
        let change = LeaderChange { leader: node.0, voters: vec![node.0], granting_voters: vec![node.0] };
        log.append(change.batch(clock.wall_ms()), epoch, AppendOrigin::Coordinator)?;
        Ok(Arc::new(SingleLog { log, node, epoch, clock, ahead: Mutex::default() }))
    }

    /// Groups from `from` on, as many as one read gives.
    fn fill(&self, ahead: &mut VecDeque<Group>, from: Offset) -> Result<(), MetadataReadError> {
        let fault = |what: String| MetadataReadError::Log { offset: from, what };
        let read = self.log.read(from, ReadLimit::End, READ_BYTES, true).map_err(|error| fault(error.to_string()))?;
        let Some(slice) = read.slice else { return Ok(()) };
        let bytes = slice.read().map_err(|error| fault(error.to_string()))?;
        for batch in walk(&bytes) {
            let batch = batch.map_err(|error| fault(error.to_string()))?;
            if !batch.crc_matches() {
                return Err(fault("a batch does not match its checksum".into()));
            }
            ahead.push_back(group(&batch.header, batch.bytes).map_err(|error| error.at(from))?);
        }
        Ok(())
    }
}

impl MetadataLog for SingleLog {
    fn append(&self, records: &[MetadataRecord]) -> Result<Offset, NotWritten> {
        let builder = BatchBuilder::new(self.clock.wall_ms());
        let builder = records.iter().fold(builder, |builder, record| builder.record(None, Some(&record.encode())));
        let appended = self.log.append(builder.build(), self.epoch, AppendOrigin::Coordinator);
        Ok(appended.map_err(|error| NotWritten::Storage(error.to_string()))?.base)
    }

    fn end(&self) -> Offset {
        self.log.bounds().end()
    }

    fn committed(&self) -> &Arc<Watermark> {
        self.log.high_mark()
    }

    fn epoch(&self) -> LeaderEpoch {
        self.epoch
    }

    fn leader(&self) -> Option<NodeId> {
        Some(self.node)
    }

    fn read(&self, from: Offset) -> Result<Option<Group>, MetadataReadError> {
        let mut ahead = self.ahead.lock();
        while ahead.front().is_some_and(|group| group.end <= from) {
            ahead.pop_front();
        }
        if ahead.front().is_none_or(|group| group.base > from) {
            ahead.clear();
            self.fill(&mut ahead, from)?;
        }
        Ok(ahead.pop_front())
    }

    fn close(&self, why: Closed) {
        self.log.close_marks(why);
    }
}

/// What is wrong with one group, before it is known where it stands.
enum Fault {
    Log(String),
    Record(crate::wire::metadata::MetadataRecordError),
}

impl Fault {
    fn at(self, offset: Offset) -> MetadataReadError {
        match self {
            Fault::Log(what) => MetadataReadError::Log { offset, what },
            Fault::Record(why) => MetadataReadError::Record { offset, why },
        }
    }
}

fn group(header: &BatchHeader, batch: &[u8]) -> Result<Group, Fault> {
    let impossible = || Fault::Log("a batch has an impossible offset or epoch".into());
    let base = header.base().ok_or_else(impossible)?;
    let end = header.last().ok_or_else(impossible)?.next();
    let epoch = header.leader_epoch().ok_or_else(impossible)?;
    let mut decoded = Vec::new();
    if !header.is_control() {
        let set =
            records(header, batch, DECOMPRESSED_BYTES_MAX).map_err(|error| Fault::Log(error.to_string()))?;
        for record in set.iter() {
            let record = record.map_err(|error| Fault::Log(error.to_string()))?;
            decoded.push(MetadataRecord::decode(record.value.unwrap_or_default()).map_err(Fault::Record)?);
        }
    }
    Ok(Group { base, end, epoch, records: decoded })
}
