//! A whole journal as hard state: from the view what is in it, from the journal what came after.
use super::{
    Coordinated,
    scan::{Piece, ScanError, Until, scan},
};
use crate::{
    log::{Log, ReadError},
    record::RecordSet,
    replica::Unavailable,
    store::{JournalId, Row, Rows, View, ViewError},
    types::Offset,
};
use std::sync::Arc;

/// A row of the view takes about as long as so many records of the journal, and the view must be opened.
const RECORDS_PER_ROW: u64 = 3;

/// Why a journal was not loaded to its end. Nothing of it is served then (TXN-15).
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    #[error(transparent)]
    Scan(#[from] ScanError),
    #[error("the record at offset {offset} cannot be read: {what}")]
    Record { offset: Offset, what: String },
    #[error("the record at offset {offset} does not follow: {what}")]
    Replay { offset: Offset, what: String },
}

impl LoadError {
    /// The same would be read again: not to be tried before somebody repaired it.
    pub(super) fn is_damage(&self) -> bool {
        let io = |error: &ReadError| matches!(error, ReadError::Io { .. });
        match self {
            LoadError::Unavailable(why) => matches!(why, Unavailable::Damaged(_)),
            LoadError::Scan(ScanError::Read(error)) => !io(error),
            LoadError::Scan(ScanError::Unwanted) => false,
            LoadError::Scan(ScanError::Batch { .. }) | LoadError::Record { .. } | LoadError::Replay { .. } => true,
        }
    }
}

/// Why nothing was taken out of the view; the journal has it all.
#[derive(Debug, thiserror::Error)]
enum ViewFault {
    #[error(transparent)]
    View(#[from] ViewError),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error("it knows the journal up to {position}, which has {start} to {end}")]
    Position { position: Offset, start: Offset, end: Offset },
}

/// What was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Volume {
    pub rows: u64,
    pub records: u64,
    pub bytes: u64,
    /// Of types that this version does not know.
    pub unknown: u64,
}

/// Everything up to the log's end. `rows` is room, which the next load may use again.
pub(super) fn load<M: Coordinated>(
    machine: &M,
    log: &Arc<Log>,
    view: Option<&View>,
    rows: &mut Rows,
    wanted: &dyn Fn() -> bool,
) -> Result<(M::Hard, Volume), LoadError> {
    let mut volume = Volume::default();
    let seen = view.and_then(|view| from_view(machine, log, (view, rows), &mut volume));
    let (mut hard, from) = seen.unwrap_or_else(|| {
        volume = Volume::default();
        (M::Hard::default(), Offset::ZERO)
    });
    let read_bytes =
        scan(log, from, Until::End, wanted, &mut |piece, _| replay_piece(machine, &mut hard, piece, &mut volume))?;
    volume.bytes = read_bytes;
    Ok((hard, volume))
}

fn replay_piece<M: Coordinated>(
    machine: &M,
    hard: &mut M::Hard,
    piece: Piece<'_>,
    volume: &mut Volume,
) -> Result<(), LoadError> {
    let fault = |offset| move |error: M::Fault| LoadError::Replay { offset, what: error.to_string() };
    match piece {
        Piece::Records { base, transaction: None, set } => {
            let mut run = Run::default();
            for record in set {
                let record =
                    record.map_err(|error| ScanError::Batch { offset: base.get(), what: error.to_string() })?;
                let offset = base.plus(i64::from(record.offset_delta));
                volume.records += 1;
                if let (Some(key), Some(value)) = (record.key, record.value) {
                    volume.unknown += run.push(machine, hard, Row { offset, key, value })?;
                    continue;
                }
                volume.unknown += run.replay(machine, hard)?;
                volume.unknown += u64::from(!replay_one(machine, hard, offset, record.key, record.value)?);
            }
            volume.unknown += run.replay(machine, hard)?;
            Ok(())
        }
        Piece::Records { base, transaction: Some(producer), set } => {
            let read = decode::<M>(set, base, volume)?;
            if read.is_empty() {
                return Ok(());
            }
            machine.replay_open(hard, base, producer, read).map_err(fault(base))
        }
        Piece::End { at, producer, result } => machine.replay_end(hard, at, producer, result).map_err(fault(at)),
    }
}

/// Records in a row whose keys are alike but for the last four bytes, as those of a commit of many partitions.
#[derive(Default)]
struct Run<'a> {
    rows: Vec<Row<'a>>,
}

impl<'a> Run<'a> {
    /// Replays those before it if this one is not like them. How many were of unknown types.
    fn push<M: Coordinated>(&mut self, machine: &M, hard: &mut M::Hard, row: Row<'a>) -> Result<u64, LoadError> {
        let is_alike = self.rows.last().is_none_or(|last| are_alike(last.key, row.key));
        let unknown = if is_alike { 0 } else { self.replay(machine, hard)? };
        self.rows.push(row);
        Ok(unknown)
    }

    fn replay<M: Coordinated>(&mut self, machine: &M, hard: &mut M::Hard) -> Result<u64, LoadError> {
        let mut unknown = 0;
        let done = if self.rows.len() > 1 { machine.replay_run_in_place(hard, &self.rows) } else { 0 };
        for row in self.rows.drain(..).skip(done) {
            unknown += u64::from(!replay_one(machine, hard, row.offset, Some(row.key), Some(row.value))?);
        }
        Ok(unknown)
    }
}

fn are_alike(one: &[u8], other: &[u8]) -> bool {
    let begin = |key: &[u8]| key.len().saturating_sub(size_of::<i32>());
    one.len() == other.len() && one[..begin(one)] == other[..begin(other)]
}

/// Replays one plain record; false when it is of a type that this version does not know.
fn replay_one<M: Coordinated>(
    machine: &M,
    hard: &mut M::Hard,
    offset: Offset,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
) -> Result<bool, LoadError> {
    if let (Some(key), Some(value)) = (key, value)
        && machine.replay_in_place(hard, offset, key, value)
    {
        return Ok(true);
    }
    let record = M::decode(key, value).map_err(|what| LoadError::Record { offset, what })?;
    let Some(record) = record else { return Ok(false) };
    let replayed = machine.replay(hard, offset, vec![record]);
    replayed.map_err(|error| LoadError::Replay { offset, what: error.to_string() })?;
    Ok(true)
}

fn decode<M: Coordinated>(set: &RecordSet<'_>, base: Offset, volume: &mut Volume) -> Result<Vec<M::Record>, LoadError> {
    let mut read = Vec::with_capacity(set.count_max());
    for record in set {
        let record = record.map_err(|error| ScanError::Batch { offset: base.get(), what: error.to_string() })?;
        let offset = base.plus(i64::from(record.offset_delta));
        volume.records += 1;
        match M::decode(record.key, record.value).map_err(|what| LoadError::Record { offset, what })? {
            Some(record) => read.push(record),
            None => volume.unknown += 1,
        }
    }
    Ok(read)
}

/// What the view knows and up to where; `None` where the journal alone must tell.
fn from_view<M: Coordinated>(
    machine: &M,
    log: &Arc<Log>,
    (view, rows): (&View, &mut Rows),
    volume: &mut Volume,
) -> Option<(M::Hard, Offset)> {
    match replay_view(machine, log, (view, rows), volume) {
        Ok(seen) => seen,
        Err(ViewFault::View(error)) => {
            // Told by who keeps the view.
            tracing::debug!(partition = %log.id(), %error, "nothing is taken from the view");
            None
        }
        Err(fault) => {
            tracing::warn!(partition = %log.id(), %fault, "the coordinators' view is not used, the journal is");
            if let Err(error) = view.forget(log.id().key()) {
                tracing::warn!(partition = %log.id(), %error, "the view cannot be cleared");
                view.give_up();
            }
            None
        }
    }
}

/// Whether the whole journal is read sooner than what the view keeps of it: most of its records still count.
fn journal_is_quicker(records: u64, rows: u64) -> bool {
    records <= rows.saturating_mul(RECORDS_PER_ROW)
}

fn replay_view<M: Coordinated>(
    machine: &M,
    log: &Arc<Log>,
    (view, rows): (&View, &mut Rows),
    volume: &mut Volume,
) -> Result<Option<(M::Hard, Offset)>, ViewFault> {
    let of: JournalId = log.id().key();
    let (start, end) = (log.bounds().start(), log.bounds().end());
    let records = end.get().abs_diff(start.get());
    if records <= M::QUICK_RECORDS {
        return Ok(None);
    }
    let position = view.position(of)?;
    if position == Offset::ZERO {
        return Ok(None);
    }
    if position < start || position > end {
        return Err(ViewFault::Position { position, start, end });
    }
    if journal_is_quicker(records, view.row_count(of)?) {
        return Ok(None);
    }
    let mut hard = M::Hard::default();
    let (mut run, mut unknown) = (Run::default(), 0);
    view.rows(of, rows)?;
    // Rows past the position came in with a batch whose position was not written; the journal tells of them again.
    for row in rows.iter().filter(|row| row.offset < position) {
        volume.rows += 1;
        unknown += run.push(machine, &mut hard, row)?;
    }
    unknown += run.replay(machine, &mut hard)?;
    volume.rows -= unknown;
    Ok(Some((hard, position)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        coordinator::group::{GroupMachine, Groups},
        platform::{Chance, SeededChance},
        wire::coordinator::{GroupKey, GroupRecord, OffsetCommitKey, OffsetCommitValue},
    };

    #[test]
    fn grp_19_records_that_are_alike_come_to_the_same_together_as_one_by_one() {
        for seed in 0..200 {
            let chance = SeededChance::new(seed);
            let draw = |below: u64| (chance.u64() % below) as i32;
            let records = (0..60).map(|_| {
                let group = format!("g{}", draw(2));
                if draw(8) == 0 {
                    return GroupRecord::GroupMetadata(GroupKey { group }, Some(Default::default()));
                }
                let key = OffsetCommitKey { group, topic: format!("t{}", draw(2)), partition: draw(6) };
                let id = if draw(3) == 0 { uuid::Uuid::from_u128(5) } else { uuid::Uuid::nil() };
                let offset = i64::from(draw(100));
                let metadata = "m".repeat(draw(3) as usize);
                let value = OffsetCommitValue { offset, metadata, topic_id: id, ..Default::default() };
                GroupRecord::OffsetCommit(key, Some(value))
            });
            let mut encoded: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
            for record in records {
                let (key, value) = record.encode();
                encoded.push((key, value.unwrap()));
            }
            if draw(2) == 0 {
                // Alike, and in a version of the value that is not read in place.
                let (key, value) = encoded[draw(60) as usize].clone();
                encoded.push((key, [&[0, 9], &value[2..]].concat()));
            }
            let rows = (0..).zip(&encoded).map(|(at, (key, value))| Row { offset: Offset::new(at), key, value });
            let (mut together, mut single) = (Groups::default(), Groups::default());
            let mut run = Run::default();
            let mut unlike: Result<u64, LoadError> = Ok(0);
            for row in rows.clone() {
                unlike = unlike.and_then(|_| run.push(&GroupMachine, &mut together, row));
            }
            let unlike = unlike.and_then(|_| run.replay(&GroupMachine, &mut together)).is_err();
            let one = |row: Row<'_>| replay_one(&GroupMachine, &mut single, row.offset, Some(row.key), Some(row.value));
            let failed = rows.map(one).any(|replayed| replayed.is_err());
            assert_eq!((together, unlike), (single, failed), "seed {seed}");
        }
    }

    #[test]
    fn the_view_is_left_out_where_most_records_of_the_journal_still_count() {
        assert!(journal_is_quicker(20_000, 20_000) && journal_is_quicker(60_000, 20_000));
        assert!(!journal_is_quicker(60_001, 20_000), "mostly old records");
        assert!(!journal_is_quicker(10, 0));
    }
}
