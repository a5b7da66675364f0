//! A quorum of one: this node leads the metadata log from the start, and what its disk has is committed.
use super::{Group, MetadataLog, MetadataReadError};
use crate::{
    log::{AppendError, AppendOrigin, Closed, Log, LogConfig, LogId, ReadLimit, SyncPolicy, Watermark},
    machine::NotWritten,
    platform::Clock,
    record::{BatchBuilder, LeaderChange, WalkedBatch, records, walk},
    types::{LeaderEpoch, NodeId, Offset, TopicId, TopicName},
    wire::metadata::MetadataRecord,
};
use std::sync::Arc;

/// Bytes of the log read at once.
const READ_BYTES: usize = 1 << 20;
/// Metadata batches are written uncompressed; a foreign one that is larger than this is refused.
const DECOMPRESSED_BYTES_MAX: usize = 64 << 20;

/// Why this node cannot lead the metadata log.
#[derive(Debug, thiserror::Error)]
pub enum LeadError {
    #[error("the leader change cannot be written: {0}")]
    Append(#[from] AppendError),
    #[error("the metadata log has had as many leaders as there are epochs")]
    Epochs,
}

/// The metadata log of a single node, in Kafka's own files.
pub struct Single {
    log: Arc<Log>,
    clock: Arc<dyn Clock>,
    node: NodeId,
    epoch: LeaderEpoch,
}

impl Single {
    /// Where the log is kept: `__cluster_metadata-0`.
    pub fn log_id() -> LogId {
        let topic = TopicName::parse("__cluster_metadata").expect("a legal name");
        LogId { topic, topic_id: TopicId::METADATA, partition: 0 }
    }

    /// How: kept for ever, synced by the write-ahead log.
    pub fn log_config() -> LogConfig {
        LogConfig {
            retention_ms: None,
            retention_bytes: None,
            delete: false,
            compact: false,
            sync: SyncPolicy::Wal,
            ..LogConfig::default()
        }
    }

    /// Begins a new term of leadership: the next epoch, told by a leader change as KRaft writes it. `log` is freshly
    /// opened; nobody else writes it.
    pub fn lead(log: Arc<Log>, node: NodeId, clock: Arc<dyn Clock>) -> Result<Arc<Single>, LeadError> {
        let weak = Arc::downgrade(&log);
        log.on_synced(Box::new(move |synced| {
            if let Some(log) = weak.upgrade() {
                log.advance_high(synced);
            }
        }));
        let last = log.latest_epoch().map_or(0, LeaderEpoch::get);
        let epoch = LeaderEpoch::new(last.checked_add(1).ok_or(LeadError::Epochs)?);
        let change = LeaderChange { leader: node.0, voters: vec![node.0], granting_voters: vec![node.0] };
        log.append(change.batch(clock.wall_ms()), epoch, AppendOrigin::Coordinator)?;
        Ok(Arc::new(Single { log, clock, node, epoch }))
    }

    pub fn log(&self) -> &Arc<Log> {
        &self.log
    }
}

impl MetadataLog for Single {
    fn append(&self, records: &[MetadataRecord]) -> Result<Offset, NotWritten> {
        assert!(!records.is_empty(), "a batch has records");
        let batch = records
            .iter()
            .fold(BatchBuilder::new(self.clock.wall_ms()), |batch, record| batch.record(None, Some(&record.encode())));
        let appended = self.log.append(batch.build(), self.epoch, AppendOrigin::Coordinator).map_err(not_written)?;
        // The commit may have come before the log's new end was shown.
        self.log.advance_high(self.log.synced_mark().get());
        Ok(appended.base)
    }

    fn end(&self) -> Offset {
        self.log.bounds().end()
    }

    fn committed(&self) -> &Arc<Watermark> {
        self.log.synced_mark()
    }

    fn epoch(&self) -> LeaderEpoch {
        self.epoch
    }

    fn leader(&self) -> Option<NodeId> {
        Some(self.node)
    }

    fn read(&self, from: Offset) -> Result<Vec<Group>, MetadataReadError> {
        let fault = |what: String| MetadataReadError::Log { offset: from, what };
        let from = from.max(self.log.bounds().start());
        let read = self.log.read(from, ReadLimit::End, READ_BYTES, true).map_err(|error| fault(error.to_string()))?;
        let Some(slice) = read.slice else { return Ok(Vec::new()) };
        let bytes = slice.read().map_err(|error| fault(error.to_string()))?;
        let mut groups = Vec::new();
        for batch in walk(&bytes) {
            let group = group(&batch.map_err(|error| fault(error.to_string()))?, from)?;
            if group.end > from {
                groups.push(group);
            }
        }
        if groups.is_empty() {
            return Err(fault("no whole batch is there".into()));
        }
        Ok(groups)
    }

    fn close(&self, why: Closed) {
        self.log.close_marks(why);
    }
}

fn not_written(error: AppendError) -> NotWritten {
    match error {
        AppendError::StaleEpoch { .. } | AppendError::Deleted => NotWritten::NotLeader,
        AppendError::Stopping => NotWritten::Stopping,
        other => NotWritten::Storage(other.to_string()),
    }
}

fn group(batch: &WalkedBatch<'_>, offset: Offset) -> Result<Group, MetadataReadError> {
    let fault = |what: String| MetadataReadError::Log { offset, what };
    if !batch.crc_matches() {
        return Err(fault(format!("the checksum of the batch at {} is wrong", batch.header.base_offset)));
    }
    let (Some(base), Some(last), Some(epoch)) = (batch.header.base(), batch.header.last(), batch.header.leader_epoch())
    else {
        return Err(fault(format!("the batch at {} has impossible offsets or epoch", batch.header.base_offset)));
    };
    let mut group = Group { base, end: last.next(), epoch, records: Vec::new() };
    if batch.header.is_control() {
        return Ok(group);
    }
    let set = records(&batch.header, batch.bytes, DECOMPRESSED_BYTES_MAX).map_err(|error| fault(error.to_string()))?;
    for record in &set {
        let record = record.map_err(|error| fault(error.to_string()))?;
        let offset = base.plus(i64::from(record.offset_delta));
        let value = record.value.unwrap_or_default();
        let record = MetadataRecord::decode(value).map_err(|why| MetadataReadError::Record { offset, why })?;
        group.records.push(record);
    }
    Ok(group)
}

#[cfg(test)]
mod tests;
