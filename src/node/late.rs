//! Says where a transaction holds consumers back: in the metrics, and once in the log when it is later than any may be
//! (TXN-25).
use crate::{
    log::Log,
    metrics::Metrics,
    platform::Clock,
    replica::{Held, Named, Partition, Partitions, Seen, StandingOffsets},
};
use std::{sync::Arc, time::Duration};
use tokio::{sync::watch, time};

/// Partitions that are named in the metrics, at most.
const NAMED_MAX: usize = 100;
/// Over `transaction.max.timeout.ms`: time for the coordinator to end what is late (Kafka's LATE_TRANSACTION_BUFFER_MS).
const SLACK_MS: u64 = 5 * 60_000;
const EVERY_MAX: Duration = Duration::from_secs(10);

/// Looks at all partitions from time to time.
pub struct LateTransactions {
    partitions: Arc<Partitions>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    limits: LateLimits,
    seen: StandingOffsets,
}

/// From when on a partition that is held back is told of; milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct LateLimits {
    /// `ottla.transactions.shown.after.ms`.
    pub shown_after_ms: u64,
    /// `transaction.max.timeout.ms`.
    pub timeout_ms_max: u64,
}

impl LateTransactions {
    pub fn new(
        partitions: Arc<Partitions>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        limits: LateLimits,
    ) -> LateTransactions {
        LateTransactions { partitions, clock, metrics, limits, seen: StandingOffsets::default() }
    }

    /// Runs until `stopping` turns true. The look itself runs on a blocking thread.
    pub async fn run(self, mut stopping: watch::Receiver<bool>) {
        let every = Duration::from_millis(self.limits.shown_after_ms / 2).min(EVERY_MAX);
        let mut looking = self;
        loop {
            tokio::select! {
                _ = stopping.wait_for(|stop| *stop) => return,
                () = time::sleep(every) => {}
            }
            let look = tokio::task::spawn_blocking(move || {
                looking.look();
                looking
            });
            match look.await {
                Ok(again) => looking = again,
                Err(error) => {
                    tracing::error!(%error, "late transactions are looked for no longer");
                    return;
                }
            }
        }
    }

    /// Those that were told in the log now.
    fn look(&mut self) -> Vec<Held> {
        let now_ms = u64::try_from(self.clock.monotonic().as_millis()).unwrap_or(u64::MAX);
        self.seen.look(now_ms, held(&self.partitions, self.clock.wall_ms()));
        let shown = self.seen.longer_than(now_ms, self.limits.shown_after_ms);
        let late_ms = self.limits.timeout_ms_max.saturating_add(SLACK_MS);
        self.metrics.held_back.set(shown.len() as i64);
        self.metrics.late_transactions.set(self.seen.longer_than(now_ms, late_ms).len() as i64);
        let named = shown.iter().take(NAMED_MAX);
        self.metrics
            .set_held_back(named.map(|held| (held.partition.0.as_str(), held.partition.1, held.ms as f64 / 1_000.0)));
        let late = self.seen.to_tell(now_ms, late_ms);
        late.iter().for_each(|held| self.tell(held));
        late
    }

    fn tell(&self, held: &Held) {
        let (topic, partition) = (held.partition.0.as_str(), held.partition.1);
        let log = self.partitions.partition(topic, partition).and_then(|partition| partition.opened().cloned());
        let producer = log.and_then(|log| log.oldest_open()).map(|(_, producer)| producer.get());
        tracing::warn!(topic, partition, stable = %held.at, seconds = held.ms / 1_000, producer,
            "a transaction holds back every read_committed consumer: `ottla txn abort-hanging --topic {topic} \
             --partition {partition}` ends it if nobody else will");
    }
}

/// Where the last stable offset lies below the high watermark, of the logs that are open.
fn held(partitions: &Partitions, wall_ms: i64) -> Vec<Seen> {
    let mut held = Vec::new();
    for topic in partitions.topics() {
        for partition in topic.partitions.iter().flatten() {
            let named = (topic.name.clone(), partition.id().partition);
            held.extend(partition.opened().and_then(|log| found(named, partition, log, wall_ms)));
        }
    }
    held
}

fn found(named: Named, partition: &Partition, log: &Log, wall_ms: i64) -> Option<Seen> {
    let bounds = log.bounds();
    let at = bounds.stable();
    // Open since before the log was opened here, maybe by an earlier life of the broker: as old as its producer's last word.
    let is_older = partition.opened_at().is_some_and(|end| at < end);
    let age_ms = || if is_older { silent_ms(log, wall_ms) } else { 0 };
    (at < bounds.high()).then(|| Seen { partition: named, at, age_ms: age_ms() })
}

/// For how long the producer of the oldest open transaction has written nothing, as Kafka judges which transactions are late.
fn silent_ms(log: &Log, wall_ms: i64) -> u64 {
    let Some((_, id)) = log.oldest_open() else { return 0 };
    // Whoever gives records no time has said nothing.
    log.producer(id)
        .map(|producer| producer.last_timestamp_ms)
        .filter(|last_ms| *last_ms > 0)
        .map_or(0, |last_ms| u64::try_from(wall_ms.saturating_sub(last_ms)).unwrap_or(0))
}

#[cfg(test)]
mod tests;
