//! What a broker does to its logs in the background: compaction, and what it costs those who write meanwhile.
use crate::{
    admin::{self, Target},
    broker::Broker,
    fault::Fault,
    keyed::Keyed,
    options::Options,
    process,
    rows::{self, Row, Work},
    segments::{Patience, Segments},
    steady::{self, Steady},
    turn::{RECORD_BYTES, Turn, rest, target},
};
use std::{
    cell::Cell,
    ops::Range,
    path::Path,
    thread,
    time::{Duration, Instant},
};

/// One thread and no throttle are the default of both; they look for work often, so that waiting for it is no part of what is measured.
const CLEANER_SETTINGS: &[&str] = &["log.cleaner.backoff.ms=100", "log.cleaner.threads=1"];
const RECORD_KILOBYTE: usize = 1000;
const SEGMENTS: u64 = 32;
const SEGMENT_BYTES_MIN: u64 = 1 << 20;
/// Of a short run: the share of keys stays.
const QUICK_PART: u64 = 20;
/// No ratio of dirty bytes is above 1: such a topic is not compacted. A half makes it due when it never was.
const HELD_BACK: (&str, &str) = ("min.cleanable.dirty.ratio", "1.0");
const DUE: (&str, &str) = ("min.cleanable.dirty.ratio", "0.5");
/// A minute, as by default: what old files cost to delete comes after what is measured, in both brokers.
const OLD_FILES_STAY: (&str, &str) = ("file.delete.delay.ms", "60000");
const BESIDE: Steady = Steady { rate_per_second: 1000.0, record_bytes: RECORD_BYTES };
const BESIDE_PARTITIONS: i32 = 6;
/// Fewer say nothing of the slowest hundredth.
const SAMPLES_MIN: u64 = 500;
const CLEANED: Patience =
    Patience { most: Duration::from_secs(180), stays: Duration::from_secs(2), poll: Duration::from_millis(10) };

/// One log compacted.
struct Cleaned {
    began: Instant,
    ended: Instant,
    /// Of the broker, from one to the other.
    cpu_seconds: f64,
}

/// p99 of a load in milliseconds, before a broker's work in the background and meanwhile.
#[derive(Clone, Copy, Debug)]
pub struct Beside {
    pub before: f64,
    pub meanwhile: f64,
}

impl Cleaned {
    fn seconds(&self) -> f64 {
        self.ended.duration_since(self.began).as_secs_f64()
    }
}

impl Turn<'_> {
    /// Rows of work in the background, each with a broker of its own.
    pub fn upkeep(&mut self, options: &Options, wanted: &[&Row]) -> Result<(), Fault> {
        for row in wanted {
            let done = match row.work {
                Work::Cleaner { keys, bytes } => {
                    let part = if options.quick { QUICK_PART } else { 1 };
                    self.cleaner(options, row, &Keyed::new(bytes / part, keys / part, RECORD_KILOBYTE))
                }
                Work::Retention { partitions, segments } => {
                    let part = if options.quick { 5 } else { 1 };
                    self.retention(options, row, partitions / part, segments / part as usize)
                }
                _ => continue,
            };
            self.note(row.id, done);
        }
        Ok(())
    }

    /// The same data three times: compacted once for those who compile meanwhile, once alone, once beside a load.
    fn cleaner(&mut self, options: &Options, row: &Row, data: &Keyed) -> Result<(), Fault> {
        let mut broker = Broker::with(self.kind, options, CLEANER_SETTINGS)?;
        rest();
        broker.start()?;
        self.warm_up(&broker)?;
        let directory = broker.log_directory()?;
        self.compact(&self.dirty(&broker, "compacted-first", data)?, &directory, data)?;
        let alone = self.dirty(&broker, "compacted-alone", data)?;
        let idle = process::idle_cpu_percent(broker.pid().unwrap_or_default(), self.scale.idle) / 100.0;
        let cleaned = self.compact(&alone, &directory, data)?;
        let cpu = cleaned.cpu_seconds - idle * cleaned.seconds();
        if cpu.is_nan() || cpu <= 0.0 {
            return Err(Fault::Usage(format!("compaction took {cpu} s of processor time: it cannot be told")));
        }
        let megabytes = data.bytes() as f64 / 1e6;
        let loaded = self.dirty(&broker, "compacted-beside", data)?;
        let (cleaned_beside, p99) = self.beside(options, &broker, || {
            thread::sleep(self.scale.run);
            let cleaned = self.compact(&loaded, &directory, data)?;
            Ok((cleaned.began..cleaned.ended, cleaned))
        })?;
        eprintln!(
            "  {:<14} {megabytes:.0} MB in {:.2} s and {cpu:.2} CPU s ({:.2} % idle), {:.1} MB stay; beside a load in {:.2} s: p99 {:.3} ms, {:.3} ms without",
            row.id,
            cleaned.seconds(),
            idle * 100.0,
            data.bytes_kept() as f64 / 1e6,
            cleaned_beside.seconds(),
            p99.meanwhile,
            p99.before,
        );
        self.add(row, rows::MB_PER_CPU_SECOND, megabytes / cpu);
        self.add(row, rows::SECONDS, cleaned.seconds());
        self.add_beside(row, p99);
        Ok(())
    }

    /// A topic full of data that is due for compaction and held back from it; all of it is sealed, and the broker is at rest.
    fn dirty(&self, broker: &Broker, topic: &str, data: &Keyed) -> Result<Target, Fault> {
        self.steady()?;
        let target = target(broker, topic, 1);
        let segment_bytes = (data.bytes() / SEGMENTS).max(SEGMENT_BYTES_MIN).to_string();
        let segment_bytes = ("segment.bytes", segment_bytes.as_str());
        let settings = [("cleanup.policy", "compact"), OLD_FILES_STAY, segment_bytes, HELD_BACK];
        admin::create_topic_with(&target, &settings)?;
        data.write(&target)?;
        // Of a segment that is written to nothing is compacted: one more record, and all before it is sealed.
        admin::alter_topic(&target, &[("segment.ms", "1")])?;
        thread::sleep(Duration::from_millis(20));
        data.write_another(&target)?;
        rest();
        thread::sleep(self.scale.settle);
        Ok(target)
    }

    /// Lets it begin, and waits until only the last record of each key is left. Anything else on the disk is a fault, also before.
    fn compact(&self, target: &Target, log_directory: &Path, data: &Keyed) -> Result<Cleaned, Fault> {
        let segments = Segments::of(log_directory, target, 0);
        let (written, sealed) = (data.bytes(), segments.sealed_bytes()?);
        if sealed != written {
            return Err(Fault::Usage(format!("{sealed} bytes are sealed before compaction, {written} were written")));
        }
        let cpu_before = target.cpu_seconds();
        let began = Instant::now();
        admin::alter_topic(target, &[DUE])?;
        let cpu_after = Cell::new(f64::NAN);
        let ended = segments.await_sealed_bytes(data.bytes_kept(), CLEANED, || cpu_after.set(target.cpu_seconds()))?;
        admin::delete_topic(target)?;
        Ok(Cleaned { began, ended, cpu_seconds: cpu_after.get() - cpu_before })
    }

    /// A steady load while `work` is done, which begins with nothing but a wait and answers when the rest of it was done.
    pub fn beside<T>(
        &self,
        options: &Options,
        broker: &Broker,
        work: impl FnOnce() -> Result<(Range<Instant>, T), Fault>,
    ) -> Result<(T, Beside), Fault> {
        let target = target(broker, "beside", BESIDE_PARTITIONS);
        admin::create_topic(&target)?;
        // Threads and connections are there, and what the topic's creation left to be written is.
        steady::beside(&target, BESIDE, || {
            thread::sleep(self.scale.run / 8);
            Ok(())
        })?;
        rest();
        let started = Instant::now();
        let ((working, done), samples) = steady::beside(&target, BESIDE, work)?;
        let least = if options.quick { 1 } else { SAMPLES_MIN };
        let p99 = |time| Ok::<_, Fault>(samples.within(time, least)?.quantile_ms(0.99));
        Ok((done, Beside { before: p99(started..working.start)?, meanwhile: p99(working)? }))
    }

    pub fn add_beside(&mut self, row: &Row, p99: Beside) {
        self.add(row, rows::P99_RATIO, p99.meanwhile / p99.before);
        self.add(row, rows::P99_MS, p99.meanwhile);
        self.add(row, rows::P99_WITHOUT_MS, p99.before);
    }
}
