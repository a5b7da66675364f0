//! A whole journal as hard state: from the view what is in it, from the journal what came after.
use super::{
    Coordinated, RecordInPlace,
    scan::{Piece, ScanError, Until, scan},
};
use crate::{
    log::{Log, ReadError},
    record::{RecordSet, RecordView},
    replica::Unavailable,
    store::{JournalId, Rows, View, ViewError},
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
pub(super) enum ViewFault {
    #[error(transparent)]
    View(#[from] ViewError),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error("it knows the journal up to {position}, which has {start} to {end}")]
    Position { position: Offset, start: Offset, end: Offset },
    #[error("it knows the journal up to {position}, and what is gone from there on may be gone with its tombstones")]
    Overtaken { position: Offset },
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
    let view = view.filter(|_| !is_quick::<M>(log));
    let seen = view.and_then(|view| from_view(machine, log, (view, rows), &mut volume));
    if seen.is_none() {
        volume = Volume::default();
    }
    let hard = replay_behind(machine, log, seen, wanted, &mut volume)?;
    Ok((hard, volume))
}

/// What was seen up to an offset, and everything behind it.
pub(super) fn replay_behind<M: Coordinated>(
    machine: &M,
    log: &Arc<Log>,
    seen: Option<(M::Hard, Offset)>,
    wanted: &dyn Fn() -> bool,
    volume: &mut Volume,
) -> Result<M::Hard, LoadError> {
    let (mut hard, from) = seen.unwrap_or_else(|| (M::Hard::default(), Offset::ZERO));
    let read_bytes =
        scan(log, from, Until::End, wanted, &mut |piece, _| replay_piece(machine, &mut hard, piece, volume))?;
    volume.bytes = read_bytes;
    Ok(hard)
}

fn replay_piece<M: Coordinated>(
    machine: &M,
    hard: &mut M::Hard,
    piece: Piece<'_>,
    volume: &mut Volume,
) -> Result<(), LoadError> {
    let fault = |offset| move |error: M::Fault| LoadError::Replay { offset, what: error.to_string() };
    match piece.seen_by::<M>() {
        Piece::Records { base, transaction: None, set } => {
            let mut fault = None;
            let records = set.iter().map_while(|record| match record {
                Ok(RecordView { offset_delta, key, value, .. }) => {
                    Some(RecordInPlace { offset: base.plus(i64::from(offset_delta)), key, value })
                }
                Err(error) => {
                    fault = Some(ScanError::Batch { offset: base.get(), what: error.to_string() });
                    None
                }
            });
            let (read, unknown) = replay_plain(machine, hard, records)?;
            volume.records += read;
            volume.unknown += unknown;
            fault.map_or(Ok(()), |fault| Err(fault.into()))
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

/// Replays plain records; how many there were, and how many of them of types that this version does not know.
fn replay_plain<'a, M: Coordinated>(
    machine: &M,
    hard: &mut M::Hard,
    records: impl Iterator<Item = RecordInPlace<'a>>,
) -> Result<(u64, u64), LoadError> {
    let mut records = records.peekable();
    let (mut read, mut unknown) = (0, 0);
    loop {
        read += machine.replay_in_place(hard, &mut records);
        let Some(RecordInPlace { offset, key, value }) = records.next() else { return Ok((read, unknown)) };
        read += 1;
        match M::decode(key, value).map_err(|what| LoadError::Record { offset, what })? {
            None => unknown += 1,
            Some(record) => {
                let replayed = machine.replay(hard, offset, vec![record]);
                replayed.map_err(|error| LoadError::Replay { offset, what: error.to_string() })?;
            }
        }
    }
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
    match replay_view(machine, log, (view, rows), volume, journal_is_quicker) {
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

/// Whether compaction has been where the view has not: it drops tombstones after a while, and the view would keep for ever what
/// they took away.
pub(super) fn is_overtaken(log: &Log, position: Offset) -> bool {
    position > Offset::ZERO && log.cleaned().is_some_and(|cleaned| cleaned > position)
}

/// At most: compaction leaves gaps.
fn records_of(log: &Log) -> u64 {
    let bounds = log.bounds();
    bounds.end().get().abs_diff(bounds.start().get())
}

/// Whether a start reads the whole journal without a look at the view.
pub(super) fn is_quick<M: Coordinated>(log: &Log) -> bool {
    records_of(log) <= M::QUICK_RECORDS
}

/// Whether the whole journal is read sooner than what the view keeps of it: most of its records still count.
fn journal_is_quicker(records: u64, rows: u64) -> bool {
    records <= rows.saturating_mul(RECORDS_PER_ROW)
}

/// `is_left_out` is told how many records the journal has and how many rows the view.
pub(super) fn replay_view<M: Coordinated>(
    machine: &M,
    log: &Arc<Log>,
    (view, rows): (&View, &mut Rows),
    volume: &mut Volume,
    is_left_out: impl FnOnce(u64, u64) -> bool,
) -> Result<Option<(M::Hard, Offset)>, ViewFault> {
    let of: JournalId = log.id().key();
    let (start, end) = (log.bounds().start(), log.bounds().end());
    let position = view.position(of)?;
    if position == Offset::ZERO {
        return Ok(None);
    }
    if position < start || position > end {
        return Err(ViewFault::Position { position, start, end });
    }
    if is_overtaken(log, position) {
        return Err(ViewFault::Overtaken { position });
    }
    if is_left_out(records_of(log), view.row_count(of)?) {
        return Ok(None);
    }
    let mut hard = M::Hard::default();
    // Rows past the position came in with a batch whose position was not written; the journal tells of them again.
    view.rows(of, rows)?;
    let known = rows.iter().filter(|row| row.offset < position);
    let known = known.map(|row| RecordInPlace { offset: row.offset, key: Some(row.key), value: Some(row.value) });
    let (read, unknown) = replay_plain(machine, &mut hard, known)?;
    volume.rows += read - unknown;
    Ok(Some((hard, position)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        coordinator::group::{GroupMachine, Groups},
        machine::Machine,
        platform::{Chance, SeededChance},
        wire::coordinator::{GroupRecord, OffsetCommitKey, OffsetCommitValue},
    };

    fn records(chance: &dyn Chance) -> Vec<GroupRecord> {
        let one_of = |names: [&str; 3]| names[chance.u64() as usize % 3].to_owned();
        let (mut group, mut topic) = (String::new(), String::new());
        let mut next = || {
            if chance.u64().is_multiple_of(4) {
                (group, topic) = (one_of(["a", "b", "ab"]), one_of(["t", "u", "tu"]));
            }
            let key =
                OffsetCommitKey { group: group.clone(), topic: topic.clone(), partition: (chance.u64() % 5) as i32 };
            let value = OffsetCommitValue { offset: (chance.u64() % 100) as i64, ..Default::default() };
            GroupRecord::OffsetCommit(key, (!chance.u64().is_multiple_of(6)).then_some(value))
        };
        (0..60).map(|_| next()).collect()
    }

    #[test]
    fn grp_19_records_read_where_they_lie_come_to_the_same_groups() {
        for seed in 0..500 {
            let records = records(&SeededChance::new(seed));
            let bytes: Vec<_> = records.iter().map(GroupRecord::encode).collect();
            let lying = bytes.iter().zip(0..).map(|((key, value), at)| RecordInPlace {
                offset: Offset::new(at),
                key: Some(key),
                value: value.as_deref(),
            });
            let mut read = Groups::default();
            assert_eq!(replay_plain(&GroupMachine, &mut read, lying).unwrap(), (60, 0));
            let mut made = Groups::default();
            for (record, at) in records.into_iter().zip(0..) {
                GroupMachine.replay(&mut made, Offset::new(at), vec![record]).unwrap();
            }
            assert_eq!(read, made, "seed {seed}");
        }
    }

    #[test]
    fn the_view_is_left_out_where_most_records_of_the_journal_still_count() {
        assert!(journal_is_quicker(20_000, 20_000) && journal_is_quicker(60_000, 20_000));
        assert!(!journal_is_quicker(60_001, 20_000), "mostly old records");
        assert!(!journal_is_quicker(10, 0));
    }
}
