//! Keeps the view in line with the journals: reads behind their commits, off every hot path.
use super::{
    Coordinated, Sharded, load,
    scan::{Piece, ScanError, Until, scan},
    sharded::Table,
};
use crate::{
    log::Log,
    record::TransactionResult,
    store::{Change, View, ViewError},
    types::{Offset, ProducerId},
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{sync::watch, task::spawn_blocking, time};

/// How often the journals are looked at. The first time is when a start is over: the view takes long to open.
const EVERY: Duration = Duration::from_secs(1);
/// A journal is followed once it is so many records ahead, which a start reads at once...
const AHEAD_RECORDS: i64 = 1_000;
/// ...or at this one of the looks: what changes often is not written each time.
const ALL_EACH: u32 = 10;
/// Changed keys held in memory before they are written.
const KEYS_MAX: usize = 20_000;

/// Why a journal's view does not follow it.
#[derive(Debug, thiserror::Error)]
pub(super) enum FollowError {
    #[error(transparent)]
    Scan(#[from] ScanError),
    #[error(transparent)]
    View(#[from] ViewError),
}

/// Records by key, the newest of each: its offset and its value, or that it is a tombstone.
type Newest = BTreeMap<Vec<u8>, (Offset, Option<Vec<u8>>)>;

/// The newest record of each key, and what open transactions hold back.
#[derive(Default)]
struct Gathered {
    newest: Newest,
    open: BTreeMap<ProducerId, (Offset, Newest)>,
    next: Offset,
}

impl Gathered {
    fn take(&mut self, piece: Piece<'_>, behind: Offset) -> Result<(), ScanError> {
        self.next = behind;
        match piece {
            Piece::Records { base, transaction, set } => {
                let into = match transaction {
                    None => &mut self.newest,
                    Some(producer) => &mut self.open.entry(producer).or_insert((base, BTreeMap::new())).1,
                };
                for record in set {
                    let record =
                        record.map_err(|error| ScanError::Batch { offset: base.get(), what: error.to_string() })?;
                    let offset = base.plus(i64::from(record.offset_delta));
                    let key = record.key.unwrap_or_default().to_vec();
                    into.insert(key, (offset, record.value.map(<[u8]>::to_vec)));
                }
            }
            Piece::End { producer, result, .. } => {
                let ended = self.open.remove(&producer);
                let Some((_, ended)) = ended.filter(|_| result == TransactionResult::Commit) else { return Ok(()) };
                for (key, (offset, value)) in ended {
                    // A record outside the transaction may have come after it: the later one counts, as in compaction.
                    if self.newest.get(&key).is_none_or(|(other, _)| *other < offset) {
                        self.newest.insert(key, (offset, value));
                    }
                }
            }
        }
        Ok(())
    }

    fn take_changes(&mut self) -> BTreeMap<Vec<u8>, Change> {
        let newest = std::mem::take(&mut self.newest).into_iter();
        newest.map(|(key, (offset, value))| (key, value.map(|value| (offset, value)))).collect()
    }

    /// Everything below is in the changes: not past the begin of a transaction that goes on.
    fn position(&self) -> Offset {
        self.open.values().map(|(first, _)| *first).chain([self.next]).min().unwrap_or(self.next)
    }
}

/// Brings the view of one journal up to what is committed. How far that is. A view that knows more of the journal than
/// `known_max` is one of another, and one that compaction has overtaken may have missed tombstones: both are made anew.
pub(super) fn follow<M: Coordinated>(
    view: &View,
    log: &Arc<Log>,
    known_max: Offset,
    wanted: &dyn Fn() -> bool,
) -> Result<Offset, FollowError> {
    let of = log.id().key();
    let mut from = view.position(of)?;
    let bounds = log.bounds();
    let is_behind = from < bounds.start() && from > Offset::ZERO;
    if from > known_max.min(bounds.high()) || is_behind || load::is_overtaken(log, from) {
        view.forget(of)?;
        from = Offset::ZERO;
    }
    if from == bounds.high() {
        return Ok(from);
    }
    let mut gathered = Gathered { next: from, ..Gathered::default() };
    scan::<FollowError>(log, from, Until::Committed, wanted, &mut |piece, behind| {
        gathered.take(piece.seen_by::<M>(), behind)?;
        // Not while a transaction is open: its records are to be compared with what came meanwhile.
        if gathered.newest.len() >= KEYS_MAX && gathered.open.is_empty() {
            view.apply(of, gathered.take_changes(), gathered.position())?;
        }
        Ok(())
    })?;
    let position = gathered.position();
    view.apply(of, gathered.take_changes(), position)?;
    Ok(position)
}

impl<M: Coordinated> Sharded<M> {
    /// Follows the journals until `stopping` turns true.
    pub(super) async fn keep_view(self: Arc<Self>, mut stopping: watch::Receiver<bool>) {
        for look in 1u32.. {
            if self.view.is_none() {
                return;
            }
            tokio::select! {
                _ = stopping.wait_for(|stop| *stop) => return,
                () = time::sleep(EVERY) => {}
            }
            let (this, table) = (self.clone(), self.table.load_full());
            let ahead = if look.is_multiple_of(ALL_EACH) { 1 } else { AHEAD_RECORDS };
            let followed = spawn_blocking(move || {
                if look == 1 {
                    this.forget_deleted();
                }
                this.follow(&table, ahead);
            });
            if followed.await.is_err() {
                tracing::error!(topic = M::TOPIC, "the coordinators' view is no longer kept");
                return;
            }
        }
    }

    /// One round over all journals that have something new, and those that are no more.
    pub(super) fn follow_all(&self, table: &Table<M>) {
        self.follow(table, 1);
    }

    /// As [`Sharded::follow_all`], of journals that have so many new records.
    fn follow(&self, table: &Table<M>, ahead: i64) {
        let Some(view) = &self.view else { return };
        let removed = std::mem::take(&mut *self.removed.lock());
        let mut result = removed.into_iter().filter(|_| view.is_there()).try_for_each(|of| view.forget(of));
        for shard in table.shards.values() {
            let Some((log, known_max)) = shard.log_to_follow(ahead).filter(|_| result.is_ok()) else { continue };
            match follow::<M>(view, &log, known_max, &|| true) {
                Ok(position) => shard.followed(position),
                Err(FollowError::View(error)) => result = Err(error),
                // A deleted or damaged journal: whoever serves it tells.
                Err(FollowError::Scan(error)) => {
                    tracing::debug!(partition = %log.id(), %error, "the view stays behind");
                }
            }
        }
        // A view that was begun in this life is read by no load; without a word it would be doubted after a crash.
        if result.is_ok() && self.figures().loading == 0 {
            result = view.settle();
        }
        self.judge_view(view, result);
    }

    /// Views of topics that were deleted while nobody looked.
    pub(super) fn forget_deleted(&self) {
        let Some(view) = &self.view else { return };
        let figures = self.figures();
        if figures.serving + figures.loading + figures.failed == 0 || !view.is_there() {
            // Nothing was ever written here, or nothing that a start asks the view about.
            return;
        }
        let image = self.image.load();
        let result = view.journals().and_then(|journals| {
            let mut deleted = journals.into_iter().filter(|(topic, _)| image.topics.by_id(*topic).is_none());
            deleted.try_for_each(|of| view.forget(of))
        });
        self.judge_view(view, result);
    }

    fn judge_view(&self, view: &View, result: Result<(), ViewError>) {
        match result {
            Ok(()) | Err(ViewError::Off) => {}
            Err(error) => {
                tracing::error!(%error, "the coordinators' view is given up until the next start");
                view.give_up();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{BatchBuilder, records};

    fn take(gathered: &mut Gathered, at: i64, producer: Option<i64>, rows: &[(&str, Option<&str>)]) {
        let mut batch = BatchBuilder::new(0);
        for (key, value) in rows {
            batch = batch.record(Some(key.as_bytes()), value.map(str::as_bytes));
        }
        let batch = batch.build();
        let set = records(batch.header(), batch.bytes(), 0).unwrap();
        let transaction = producer.and_then(ProducerId::from_wire);
        let piece = Piece::Records { base: Offset::new(at), transaction, set: &set };
        gathered.take(piece, Offset::new(at + rows.len() as i64)).unwrap();
    }

    fn end(gathered: &mut Gathered, at: i64, producer: i64, result: TransactionResult) {
        let producer = ProducerId::from_wire(producer).unwrap();
        gathered.take(Piece::End { at: Offset::new(at), producer, result }, Offset::new(at + 1)).unwrap();
    }

    #[test]
    fn open_transactions_hold_the_position_back_and_ended_ones_count_or_do_not() {
        let mut gathered = Gathered::default();
        take(&mut gathered, 0, None, &[("a", Some("1")), ("b", Some("1"))]);
        take(&mut gathered, 2, Some(7), &[("a", Some("2"))]);
        take(&mut gathered, 3, Some(8), &[("b", Some("3"))]);
        take(&mut gathered, 4, None, &[("b", None)]);
        assert_eq!(gathered.position(), Offset::new(2));
        end(&mut gathered, 5, 7, TransactionResult::Commit);
        assert_eq!(gathered.position(), Offset::new(3));
        end(&mut gathered, 6, 8, TransactionResult::Abort);
        assert_eq!(gathered.position(), Offset::new(7));
        let changes = gathered.take_changes();
        assert_eq!(changes[&b"a"[..]], Some((Offset::new(2), b"2".to_vec())));
        assert_eq!(changes[&b"b"[..]], None);
        take(&mut gathered, 7, Some(7), &[("a", Some("in")), ("b", Some("in"))]);
        take(&mut gathered, 9, None, &[("a", Some("later"))]);
        end(&mut gathered, 10, 7, TransactionResult::Commit);
        let changes = gathered.take_changes();
        assert_eq!(changes[&b"a"[..]], Some((Offset::new(9), b"later".to_vec())), "it came after the transaction's");
        assert_eq!(changes[&b"b"[..]], Some((Offset::new(8), b"in".to_vec())));
    }
}
