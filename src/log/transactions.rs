//! Transactions in one partition's log: on what terms a batch is appended, what holds the stable offset back, and what was
//! aborted in a range of offsets.
use crate::{
    log::{
        AppendError, AppendOrigin, LogConfig,
        aborted::{self, AbortedEntry},
        log::{Log, Writer},
        producer_state::{Completed, ProducerError, Verdict},
        segment::Segment,
        verification::{Question, VerificationGuard},
    },
    platform::seeded::{self, Bug},
    record::{BatchHeader, EndTransactionMarker},
    types::{Offset, ProducerEpoch, ProducerId, TransactionVersion},
};
use std::{collections::BTreeMap, io, sync::Arc};

/// On whose behalf a batch is appended, and what is known of its transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AppendTerms {
    pub origin: AppendOrigin,
    /// The coordinator knows of the transaction: needed for its first batch here.
    pub guard: Option<VerificationGuard>,
    /// How strictly a marker's epoch is judged.
    pub version: TransactionVersion,
}

impl From<AppendOrigin> for AppendTerms {
    fn from(origin: AppendOrigin) -> AppendTerms {
        AppendTerms { origin, guard: None, version: TransactionVersion::V0 }
    }
}

impl Writer {
    /// All that producer state has to say about a batch before it is written; changes nothing.
    pub fn judge(
        &self,
        header: &BatchHeader,
        marker: Option<EndTransactionMarker>,
        terms: &AppendTerms,
        config: &LogConfig,
    ) -> Result<Verdict, ProducerError> {
        if terms.origin == AppendOrigin::Replication {
            return Ok(Verdict::Append);
        }
        if let Some(marker) = marker {
            return self.producers.check_marker(header, &marker, terms.version).map(|()| Verdict::Append);
        }
        if terms.origin == AppendOrigin::Client
            && let Some(earlier) = self.producers.duplicate(header)
        {
            return Ok(if seeded::strikes(Bug::AppendsTwice) { Verdict::Append } else { Verdict::Duplicate(earlier) });
        }
        if config.verify_transactions {
            self.verifications.check(&self.producers, header, terms.guard)?;
        }
        self.producers.check(header, terms.origin)?;
        if terms.origin == AppendOrigin::Client {
            self.verifications.check_sequence(&self.producers, header)?;
        }
        self.producers.check_outside(header)?;
        Ok(Verdict::Append)
    }
}

impl Log {
    /// What a marker is stamped with.
    pub fn wall_ms(&self) -> i64 {
        self.shared().clock.wall_ms()
    }

    /// Begins to verify a transaction's first batch: the guard goes with the append once the coordinator has agreed
    /// (TXN-7). `None`: the transaction is open here, the batch needs none.
    pub fn start_verification(&self, question: Question) -> Result<Option<VerificationGuard>, AppendError> {
        let now_ms = self.wall_ms();
        let mut writer = self.writer.lock();
        self.check_usable(&writer)?;
        let Writer { producers, verifications, .. } = &mut *writer;
        Ok(verifications.start(producers, question, now_ms)?)
    }

    /// The guard of a question that is still open.
    pub fn verification_of(&self, producer: ProducerId) -> Option<VerificationGuard> {
        self.writer.lock().verifications.guard_of(producer)
    }

    /// Would a batch of this producer's transaction be taken, by the guard that it got before the coordinator was asked?
    pub fn check_transactional(
        &self,
        producer: ProducerId,
        epoch: ProducerEpoch,
        guard: Option<VerificationGuard>,
    ) -> Result<(), ProducerError> {
        let writer = self.writer.lock();
        if writer.producers.has_open(producer, epoch.get()) {
            return Ok(());
        }
        writer.producers.check_epoch(producer, epoch.get())?;
        if !self.config().verify_transactions {
            return Ok(());
        }
        let verified = guard.is_some() && writer.verifications.guard_of(producer) == guard;
        if verified { Ok(()) } else { Err(ProducerError::NotVerified { id: producer }) }
    }

    /// Would the marker be taken that ends a transaction of this protocol?
    pub fn check_marker(
        &self,
        producer: ProducerId,
        epoch: ProducerEpoch,
        marker: EndTransactionMarker,
        version: TransactionVersion,
    ) -> Result<(), ProducerError> {
        let batch = marker.batch(producer, epoch, self.wall_ms());
        self.writer.lock().producers.check_marker(batch.header(), &marker, version)
    }

    /// First offset and producer of the oldest transaction that is open here.
    pub fn oldest_open(&self) -> Option<(Offset, ProducerId)> {
        self.writer.lock().producers.oldest_open()
    }

    /// Aborted transactions with records or a marker from `from` on that begin below `upper`, by their markers (OFF-4).
    pub fn aborted_between(&self, from: Offset, upper: Offset) -> io::Result<Vec<AbortedEntry>> {
        let mut entries = Vec::new();
        for segment in self.segments_from(from) {
            if segment.read_aborted(|known| aborted::collect(known, from, upper, &mut entries))? {
                break;
            }
        }
        Ok(entries)
    }

    /// Was any transaction aborted by a marker at `from` or behind it?
    pub(in crate::log) fn has_aborted_since(&self, from: Offset) -> io::Result<bool> {
        for segment in self.segments_from(from) {
            if segment.read_aborted(|known| known.last().is_some_and(|entry| entry.last >= from))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn segments_from(&self, offset: Offset) -> Vec<Arc<Segment>> {
        let segments = self.segments.read();
        let after = segments.partition_point(|segment| segment.base() <= offset);
        segments[after.saturating_sub(1)..].to_vec()
    }
}

/// What holds the last stable offset back: transactions that are open, and those whose marker is not yet below the high
/// watermark (OFF-2, TXN-28).
#[derive(Default, Debug)]
pub struct Unstable {
    undecided: Option<Offset>,
    /// First offset and marker.
    unreplicated: BTreeMap<Offset, Offset>,
}

impl Unstable {
    /// A batch was appended: `undecided` is where the oldest open transaction begins now.
    pub fn appended(&mut self, undecided: Option<Offset>, completed: Option<Completed>) {
        self.undecided = undecided;
        self.unreplicated.extend(completed.map(|completed| (completed.entry.first, completed.entry.last)));
    }

    /// Everything below `high` is safe.
    pub fn replicated(&mut self, high: Offset) {
        if !self.unreplicated.is_empty() {
            self.unreplicated.retain(|_, marker| *marker >= high);
        }
    }

    pub fn first(&self) -> Option<Offset> {
        let unreplicated = self.unreplicated.first_key_value().map(|(first, _)| *first);
        self.undecided.into_iter().chain(unreplicated).min()
    }
}
