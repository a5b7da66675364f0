//! What must be true of one log of mixed batches, worked out from what was appended: who reads what, what retention and
//! compaction may have taken, and what is known of producers and transactions.
use super::super::{
    crash::Trouble,
    transactions_crash::{Event, Expected, expected},
    *,
};
use crate::{
    log::AbortedEntry,
    record::{EndTransactionMarker, TransactionResult, records},
    types::ProducerId,
};
use std::collections::BTreeMap;

/// A record's key and value.
pub type Pair = (String, Option<String>);

/// One batch that was appended, whether it survives or not.
#[derive(Clone, PartialEq, Debug)]
pub struct Batch {
    /// -1 for none.
    pub producer: i64,
    pub epoch: i16,
    pub sequence: i32,
    pub ends: Option<TransactionResult>,
    pub in_transaction: bool,
    /// None in a marker.
    pub pairs: Vec<Pair>,
    pub time_ms: i64,
    pub bytes: u64,
    pub crc: u32,
}

impl Batch {
    pub fn count(&self) -> i64 {
        self.pairs.len().max(1) as i64
    }
}

/// What a log knows of a producer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Known {
    pub epoch: i16,
    pub last_sequence: Option<i32>,
    pub open: Option<i64>,
}

/// Across all lives.
#[derive(Default, Clone, PartialEq, Debug)]
pub struct Model {
    pub batches: BTreeMap<i64, Batch>,
    pub acknowledged: i64,
    pub start_acknowledged: i64,
    /// As far as deletion, retention and cuts may have moved the start.
    pub start_most: i64,
    /// Nothing from here on was ever compacted. What was rolled back goes before its place is reached, with the segment that it
    /// stands in, and marks get their time; nothing of that from the second on.
    pub cleaned_most: i64,
    pub touched_most: i64,
    /// Where the log was begun anew, without records, because a cut went below its start.
    pub begins: i64,
    /// How often the topic was deleted and made again under its name.
    pub generation: u128,
}

/// One batch as a reader gets it: of those that compaction has thinned out, what is left.
struct Found {
    header: BatchHeader,
    pairs: Vec<(i64, Pair)>,
}

fn wrong<T>(what: impl Into<String>) -> Result<T, Trouble> {
    Err(Trouble::Wrong(what.into()))
}

impl Model {
    pub fn end(&self) -> i64 {
        self.batches.last_key_value().map_or(0, |(base, batch)| base + batch.count()).max(self.begins)
    }

    /// The first offset of the batch that has this one.
    pub fn boundary(&self, offset: i64) -> i64 {
        let before = self.batches.range(..=offset).next_back();
        before.filter(|(base, batch)| *base + batch.count() > offset).map_or(offset, |(base, _)| *base)
    }

    fn transactions(&self) -> Expected {
        let of = self.batches.iter().filter(|(_, batch)| batch.in_transaction);
        let events = of.map(|(base, batch)| Event {
            offset: *base,
            producer: batch.producer,
            epoch: batch.epoch,
            ends: batch.ends,
        });
        expected(&events.collect::<Vec<_>>())
    }

    pub fn known(&self) -> BTreeMap<i64, Known> {
        let open = self.transactions().open;
        let mut known: BTreeMap<i64, Known> = BTreeMap::new();
        for batch in self.batches.values().filter(|batch| batch.producer >= 0) {
            let earlier = known.get(&batch.producer).filter(|earlier| earlier.epoch == batch.epoch);
            let last_sequence = match batch.ends {
                Some(_) => earlier.and_then(|earlier| earlier.last_sequence),
                None => Some(batch.sequence + batch.pairs.len() as i32 - 1),
            };
            let open = open.get(&batch.producer).copied();
            known.insert(batch.producer, Known { epoch: batch.epoch, last_sequence, open });
        }
        known
    }

    fn is_aborted(transactions: &Expected, base: i64, batch: &Batch) -> bool {
        let is_in = |entry: &AbortedEntry| entry.first.get() <= base && base <= entry.last.get();
        let mut entries = transactions.aborted.iter();
        batch.in_transaction && entries.any(|entry| entry.producer.get() == batch.producer && is_in(entry))
    }

    /// Records from `from` to `to` that a reader of committed ones must get, were nothing compacted.
    fn committed(&self, from: i64, to: i64) -> BTreeMap<i64, Pair> {
        let transactions = self.transactions();
        let counts = |base: i64, batch: &Batch| {
            let open = transactions.open.get(&batch.producer).is_some_and(|first| *first <= base);
            !batch.in_transaction || !open && !Model::is_aborted(&transactions, base, batch)
        };
        let batches = self.batches.range(..to).filter(|(base, batch)| counts(**base, batch));
        let of = batches.flat_map(|(base, batch)| (*base..).zip(batch.pairs.clone()));
        of.filter(|(offset, _)| (from..to).contains(offset)).collect()
    }

    /// Where retention may let the log start at this time: what remains has enough bytes, or all before is too old. Of a
    /// compacted log only the records that have to be there count.
    pub fn retained_from(&self, config: &LogConfig, now_ms: i64, high: i64) -> i64 {
        let newest: BTreeMap<String, i64> =
            self.committed(0, i64::MAX).into_iter().map(|(offset, (key, _))| (key, offset)).collect();
        let needed = |base: &i64, batch: &Batch| {
            let last = base + batch.count();
            !config.compact || last > self.cleaned_most || newest.values().any(|at| (*base..last).contains(at))
        };
        let mut remaining: u64 = self.batches.values().map(|batch| batch.bytes).sum();
        let (mut most, mut all_old) = (0, true);
        for (base, batch) in &self.batches {
            remaining -= batch.bytes;
            let is_old = |time: i64| config.retention_ms.is_some_and(|ms| now_ms - time > ms);
            all_old &= is_old(batch.time_ms) || !needed(base, batch);
            let enough = config.retention_bytes.is_some_and(|bytes| remaining >= bytes);
            let next = base + batch.count();
            if next <= high && config.delete && (all_old || enough) {
                most = next;
            }
        }
        most
    }

    /// All that must be true of a log as a start finds it, or later; what it has is what counts from now on.
    pub fn check(&mut self, log: &Log, bytes_max: usize) -> Result<(), Trouble> {
        let bounds = log.bounds();
        let (start, end) = (bounds.start().get(), bounds.end().get());
        if end < self.acknowledged {
            return wrong(format!("acknowledged to {}, ends at {end}", self.acknowledged));
        }
        if start < self.start_acknowledged || start > self.start_most.max(self.start_acknowledged) {
            let (least, most) = (self.start_acknowledged, self.start_most);
            return wrong(format!("starts at {start}, {least} to {most} was due"));
        }
        if log.synced_mark().get() < bounds.end() {
            return wrong(format!("synced to {} only", log.synced_mark().get()));
        }
        if start == end {
            // A batch that was cut as a whole had begun before the start (LOG-19).
            self.batches.retain(|base, batch| base + batch.count() <= end);
            self.begins = end;
        }
        self.batches.retain(|base, _| *base < end);
        if self.end() != end {
            return wrong(format!("ends at {end} within a batch that ends at {}", self.end()));
        }
        (self.acknowledged, self.start_acknowledged, self.start_most) = (end, start, start);
        self.check_state(log)?;
        self.check_batches(log, bytes_max)?;
        self.check_committed(log, bytes_max)
    }

    /// Producers and transactions.
    fn check_state(&self, log: &Log) -> Result<(), Trouble> {
        let bounds = log.bounds();
        let producers = log.producers();
        let found: BTreeMap<i64, Known> = producers
            .iter()
            .map(|one| {
                let (epoch, open) = (one.epoch.map_or(-1, |epoch| epoch.get()), one.transaction_start);
                (one.id.get(), Known { epoch, last_sequence: one.last_sequence, open: open.map(Offset::get) })
            })
            .collect();
        let due = self.known();
        if found != due {
            return wrong(format!("producers: {found:?} was found, {due:?} was due"));
        }
        let transactions = self.transactions();
        let open = transactions.open.values().min().copied().unwrap_or(i64::MAX);
        let stable = bounds.high().get().min(open).max(bounds.start().get());
        if bounds.stable().get() != stable {
            return wrong(format!("stable {}, {stable} was due", bounds.stable()));
        }
        if log.config().compact {
            return Ok(());
        }
        let due: Vec<_> = transactions.aborted.iter().filter(|entry| entry.last >= bounds.start()).copied().collect();
        let found = log.aborted_between(bounds.start(), Offset::new(i64::MAX)).map_err(Trouble::io)?;
        if found != due {
            return wrong(format!("aborted: {found:?} was found, {due:?} was due"));
        }
        Ok(())
    }

    /// Every batch stands where it was written, as it was, but for what compaction took.
    fn check_batches(&self, log: &Log, bytes_max: usize) -> Result<(), Trouble> {
        let bounds = log.bounds();
        let (found, _) = read_to(log, ReadLimit::End, bounds.end(), bytes_max)?;
        let mut before = -1;
        for one in &found {
            let base = one.header.base_offset;
            let Some(batch) = self.batches.get(&base) else { return wrong(format!("a batch stands at {base}")) };
            if base <= before || one.header.crc != batch.crc && base >= self.touched_most {
                return wrong(format!("another batch stands at {base}, behind one at {before}"));
            }
            before = base;
            let written: BTreeMap<i64, &Pair> = (base..).zip(&batch.pairs).collect();
            if one.pairs.iter().any(|(offset, pair)| written.get(offset) != Some(&pair)) {
                return wrong(format!("never written: {:?}", one.pairs));
            }
        }
        let from = self.boundary(bounds.start().get()).max(self.cleaned_most);
        let transactions = self.transactions();
        let may_be_gone = |base: i64| {
            let batch = &self.batches[&base];
            base < self.touched_most && (batch.ends.is_some() || Model::is_aborted(&transactions, base, batch))
        };
        let due = self.batches.range(from..).map(|(base, _)| *base).filter(|base| !may_be_gone(*base));
        let stands = found.iter().map(|one| one.header.base_offset);
        let stands = stands.filter(|base| *base >= from && !may_be_gone(*base));
        let (due, stands) = (due.collect::<Vec<_>>(), stands.collect::<Vec<_>>());
        if due != stands && bounds.start() < bounds.end() {
            return wrong(format!("{stands:?} stand there, {due:?} were due"));
        }
        Ok(())
    }

    /// Who reads committed records gets all of them, or the newest of each key.
    fn check_committed(&self, log: &Log, bytes_max: usize) -> Result<(), Trouble> {
        let bounds = log.bounds();
        let (_, told) = read_to(log, ReadLimit::Stable, bounds.stable(), bytes_max)?;
        let told: BTreeMap<i64, Pair> =
            told.into_iter().filter(|(offset, _)| *offset >= bounds.start().get()).collect();
        let due = self.committed(bounds.start().get(), bounds.stable().get());
        if let Some(never) = told.iter().find(|(offset, pair)| due.get(offset) != Some(pair)) {
            return wrong(format!("{never:?} is read and was not committed"));
        }
        if !log.config().compact {
            return if told == due { Ok(()) } else { wrong(format!("{told:?} is read, {due:?} was due")) };
        }
        let newest = |of: &BTreeMap<i64, Pair>| -> BTreeMap<String, (i64, Option<String>)> {
            of.iter().map(|(offset, (key, value))| (key.clone(), (*offset, value.clone()))).collect()
        };
        let is_read = newest(&told);
        for (key, (offset, value)) in newest(&due) {
            let found = is_read.get(&key);
            let is_deleted = found.is_none() && value.is_none() && offset < self.cleaned_most;
            if found.is_none_or(|(at, _)| *at != offset) && !is_deleted {
                return wrong(format!("newest of {key}: {found:?} is read, {value:?} at {offset} was due"));
            }
        }
        let untouched = |(offset, _): &(&i64, &Pair)| **offset >= self.cleaned_most;
        if due.iter().filter(untouched).ne(told.iter().filter(untouched)) {
            return wrong(format!("from {} on {told:?} is read, {due:?} was due", self.cleaned_most));
        }
        Ok(())
    }
}

/// All batches, and the records of those that a client takes for committed by what each answer lists.
fn read_to(
    log: &Log,
    limit: ReadLimit,
    to: Offset,
    bytes_max: usize,
) -> Result<(Vec<Found>, Vec<(i64, Pair)>), Trouble> {
    let (mut at, mut found, mut committed) = (log.bounds().start(), Vec::new(), Vec::new());
    while at < to {
        let read = log.read(at, limit, bytes_max, true)?;
        let bytes = read.slice.as_ref().map(|slice| slice.read()).transpose().map_err(Trouble::io)?;
        let bytes = bytes.unwrap_or_default();
        let (mut listed, mut skipped) = (read.aborted, Vec::<ProducerId>::new());
        listed.sort_by_key(|one| one.first);
        for batch in crate::record::walk(&bytes) {
            let batch = batch.map_err(|error| Trouble::Wrong(error.to_string()))?;
            let header = batch.header;
            let bytes = &bytes[batch.position..batch.position + header.size()];
            if BatchHeader::crc_of(bytes) != header.crc {
                return wrong(format!("the checksum at {} is wrong", header.base_offset));
            }
            at = header.last().unwrap().next();
            let begun = listed.iter().take_while(|one| one.first < at).count();
            skipped.extend(listed.drain(..begun).map(|one| one.producer));
            let of = ProducerId::from_wire(header.producer_id);
            let mut pairs = Vec::new();
            if header.is_control() {
                let marker = EndTransactionMarker::of(&header, bytes);
                if marker.is_some_and(|marker| marker.result == TransactionResult::Abort) {
                    skipped.retain(|one| Some(*one) != of);
                }
            } else {
                pairs = pairs_of(&header, bytes)?;
                let is_skipped = header.is_transactional() && skipped.iter().any(|one| Some(*one) == of);
                committed.extend(pairs.iter().filter(|_| !is_skipped).cloned());
            }
            found.push(Found { header, pairs });
        }
        if bytes.is_empty() {
            break;
        }
    }
    Ok((found, committed))
}

fn pairs_of(header: &BatchHeader, bytes: &[u8]) -> Result<Vec<(i64, Pair)>, Trouble> {
    let set = records(header, bytes, 1 << 20).map_err(|error| Trouble::Wrong(error.to_string()))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let pairs = set.iter().map(|record| {
        let record = record.map_err(|error| Trouble::Wrong(error.to_string()))?;
        let key = text(record.key.unwrap_or_default());
        Ok((header.base_offset + i64::from(record.offset_delta), (key, record.value.map(text))))
    });
    pairs.collect()
}
