//! Following: the batches of a leader get into a log as they are, with its offsets and epochs (LOG-5).
use crate::{
    log::{
        AppendError, AppendOrigin, LogConfig, SyncPolicy,
        log::{Log, Writer},
        segment::SEGMENT_BYTES_MAX,
        wal::{EntryHead, EntryKind, WalError},
    },
    record::{BatchHeader, CopyError, PlacedBatch, copied_batches},
    types::{LeaderEpoch, Offset},
};
use bytes::Bytes;

/// What was taken of the records of one fetch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Followed {
    pub batches: usize,
    /// Where the log ends now, and the next fetch begins.
    pub end: Offset,
    pub log_start: Offset,
    /// A batch of an epoch after the fetch's came: it and what followed it was left to a fetch in that epoch.
    pub stopped_at: Option<LeaderEpoch>,
}

/// Why a follower took nothing of a fetch, or only what stood before a write that failed: the log's end tells.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// Kafka's `OffsetsOutOfOrderException`.
    #[error("the leader's records are not in order: the batch at offset {base} comes behind offset {last}")]
    OffsetsOutOfOrder { last: Offset, base: Offset },
    /// Kafka's `UnexpectedAppendOffsetException`: the follower has records there already.
    #[error("the leader's records begin at offset {first}; {end} is due")]
    UnexpectedOffset { first: Offset, end: Offset },
    /// Two leaders' records in one log: what stands here and what came cannot both be right.
    #[error("the batch at offset {base} is of leader epoch {epoch}, behind records of epoch {latest}")]
    EpochBehind { base: Offset, epoch: LeaderEpoch, latest: LeaderEpoch },
    /// CORRUPT_MESSAGE.
    #[error("the leader's records are damaged: {0}")]
    Corrupt(#[from] CopyError),
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// What of a fetch may be appended.
#[derive(Debug)]
struct Taken {
    batches: Vec<PlacedBatch>,
    stopped_at: Option<LeaderEpoch>,
}

/// Looks at all batches before the first is written. The leader may have lost its leadership, and have records of a later one
/// under way, while its answer leaves: they may be in the place of those that this follower is about to cut (KAFKA-18723).
fn admit(records: Bytes, fetched: LeaderEpoch) -> Result<Taken, FollowError> {
    let mut taken = Taken { batches: Vec::new(), stopped_at: None };
    for batch in copied_batches(records) {
        let batch = batch?;
        if let Some(epoch) = batch.header().leader_epoch().filter(|epoch| *epoch > fetched) {
            taken.stopped_at = Some(epoch);
            break;
        }
        let batch = batch.check()?;
        if let Some(before) = taken.batches.last() {
            if batch.base() <= before.last() {
                return Err(FollowError::OffsetsOutOfOrder { last: before.last(), base: batch.base() });
            }
            check_epoch(batch.header(), before.header().leader_epoch())?;
        }
        taken.batches.push(batch);
    }
    Ok(taken)
}

fn check_epoch(header: &BatchHeader, latest: Option<LeaderEpoch>) -> Result<(), FollowError> {
    match (header.leader_epoch(), latest) {
        (Some(epoch), Some(latest)) if epoch < latest => {
            Err(FollowError::EpochBehind { base: header.base().unwrap_or_default(), epoch, latest })
        }
        _ => Ok(()),
    }
}

impl Log {
    /// Appends the records of a leader's answer to a fetch that was sent in epoch `fetched`. They keep their offsets and epochs; no
    /// limit of size or of producers binds them, the leader held to it (LOG-6, IDEM-8). Between batches offsets may be missing, which
    /// the leader's compaction removed. Whether they are in order, whole and due is looked at before the first is written.
    pub fn follow(&self, records: Bytes, fetched: LeaderEpoch) -> Result<Followed, FollowError> {
        let Taken { batches, stopped_at } = admit(records, fetched)?;
        let config = self.config.load();
        let mut writer = self.writer.lock();
        self.check_usable(&writer)?;
        if let Some(first) = batches.first() {
            if first.base() < writer.end {
                return Err(FollowError::UnexpectedOffset { first: first.base(), end: writer.end });
            }
            check_epoch(first.header(), writer.latest_epoch)?;
        }
        let mut failed = None;
        for batch in &batches {
            if let Err(error) = self.follow_one(&mut writer, &config, batch) {
                failed = Some(error);
                break;
            }
        }
        let (end, log_start) = (writer.end, self.bounds().start());
        // Of those before a failed one, too.
        self.tell_end(writer, &config);
        match failed {
            Some(error) => Err(error.into()),
            None => Ok(Followed { batches: batches.len(), end, log_start, stopped_at }),
        }
    }

    fn follow_one(&self, writer: &mut Writer, config: &LogConfig, batch: &PlacedBatch) -> Result<(), AppendError> {
        let size = batch.header().size();
        if size as u64 > SEGMENT_BYTES_MAX {
            return Err(AppendError::BatchTooLargeForSegment { size, segment_bytes: SEGMENT_BYTES_MAX });
        }
        self.take_space(size, AppendOrigin::Replication)?;
        self.take(writer, config, batch, batch.marker()).map(|_| ())
    }

    /// Before a batch at `base` is written: when that is not the log's end, a start after a crash must know that nothing is
    /// missing between the two.
    pub(in crate::log) fn note_gap(&self, writer: &Writer, base: Offset, sync: SyncPolicy) -> Result<(), AppendError> {
        if base == writer.end {
            return Ok(());
        }
        self.allow_gap(writer, base);
        match sync {
            SyncPolicy::Wal => self.log_gap(writer.end, base).map_err(|error| self.not_logged(error)),
            SyncPolicy::PageCache => Ok(()),
        }
    }

    /// A topic that is not compacted has gaps only where it was: what stands before this one was compacted, at the leader.
    pub(in crate::log) fn allow_gap(&self, writer: &Writer, base: Offset) {
        if base > writer.end && !self.config.load().compact && self.cleaned().is_none_or(|cleaned| cleaned < base) {
            self.set_cleaned(base);
        }
    }

    pub(in crate::log) fn log_gap(&self, from: Offset, to: Offset) -> Result<(), WalError> {
        let body = to.get().to_be_bytes();
        let head = EntryHead { len: body.len() as u32, ..self.entry(EntryKind::Gap, from) };
        self.shared().wal.append(&head, &[&body], None).map(|_| ())
    }
}
