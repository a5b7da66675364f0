//! Many old segments that are due to be deleted all at once, while others write.
use crate::{
    admin::{self, Target},
    batch,
    broker::Broker,
    fault::Fault,
    options::Options,
    produce,
    rows::{self, Row},
    segments::Segments,
    turn::{RECORD_BYTES, Turn, rest, target},
    wire::Connection,
};
use std::{
    ops::Range,
    thread,
    time::{Duration, Instant},
};

/// Both brokers begin to look half a minute after their start, and then every five minutes.
const RETENTION_SETTINGS: &[&str] = &["log.retention.check.interval.ms=1000", "log.initial.task.delay.ms=1000"];
/// A segment for each record; deleted files go at once, so that there is one time to be measured and no pause in it.
const TOPIC_SETTINGS: &[(&str, &str)] = &[("segment.ms", "1"), ("retention.ms", "-1"), ("file.delete.delay.ms", "0")];
const EXPIRED: (&str, &str) = ("retention.ms", "3600000");
const RECORD_AGE_MS: i64 = 24 * 3_600_000;
const RECORD_STEP_MS: i64 = 1000;
const GONE_MAX: Duration = Duration::from_secs(180);
/// So many directories take a moment to look at; the load has to bear these looks with and without deletion.
const POLL: Duration = Duration::from_millis(200);

impl Turn<'_> {
    /// So many partitions with so many expired segments in each.
    pub fn retention(&mut self, options: &Options, row: &Row, partitions: i32, segments: usize) -> Result<(), Fault> {
        let mut broker = Broker::with(self.kind, options, RETENTION_SETTINGS)?;
        rest();
        broker.start()?;
        self.warm_up(&broker)?;
        self.steady()?;
        let target = target(&broker, row.id, partitions);
        admin::create_topic_with(&target, TOPIC_SETTINGS)?;
        let began = Instant::now();
        write_old(&target, segments)?;
        let made = began.elapsed().as_secs_f64();
        let directory = broker.log_directory()?;
        let all: Vec<Segments> =
            (0..partitions).map(|partition| Segments::of(&directory, &target, partition)).collect();
        let (left, before) = (all.len(), count(&all)?);
        let expired = before - left.min(before);
        if expired != left * segments {
            return Err(Fault::Usage(format!("{expired} segments are there to expire, and not {}", left * segments)));
        }
        rest();
        thread::sleep(self.scale.settle);
        let run = self.scale.run;
        let (seconds, p99) = self.beside(options, &broker, || {
            let begun = Instant::now();
            while begun.elapsed() < run {
                if count(&all)? != before {
                    return Err(Fault::Usage("segments went before they were due".into()));
                }
                thread::sleep(POLL);
            }
            admin::alter_topic(&target, &[EXPIRED])?;
            let going = await_gone(&all, before, left)?;
            let seconds = going.end.duration_since(going.start).as_secs_f64();
            Ok((going, seconds))
        })?;
        eprintln!(
            "  {:<14} {expired} segments made in {made:.1} s, deleted in {seconds:.2} s: p99 {:.3} ms, {:.3} ms without",
            row.id, p99.meanwhile, p99.before
        );
        self.add(row, rows::SEGMENTS, expired as f64);
        self.add(row, rows::SECONDS, seconds);
        self.add_beside(row, p99);
        Ok(())
    }
}

/// One record of yesterday for each segment, and one of now, whose segment stays.
fn write_old(target: &Target, segments: usize) -> Result<(), Fault> {
    let partitions: Vec<i32> = (0..target.partitions).collect();
    let value = batch::noise(RECORD_BYTES, 1);
    let mut connection = Connection::open(target.address)?;
    let oldest_ms = batch::now_ms() - RECORD_AGE_MS;
    for at in 0..=segments {
        let time_ms = if at == segments { batch::now_ms() } else { oldest_ms + at as i64 * RECORD_STEP_MS };
        let mut one = batch::begin(1, time_ms);
        batch::put_record(&mut one, 0, None, &value);
        let request = produce::request_to(&target.topic, -1, &partitions, &batch::end(one));
        match produce::error_code(connection.call(&request)?)? {
            0 => {}
            code => return Err(Fault::Refused { what: "a record of yesterday".into(), code }),
        }
    }
    Ok(())
}

fn count(all: &[Segments]) -> Result<usize, Fault> {
    all.iter().map(Segments::count).sum()
}

/// Waits until only so many are left; that fewer are is a fault too. Answers the time from the last look that found all of them.
fn await_gone(all: &[Segments], before: usize, left: usize) -> Result<Range<Instant>, Fault> {
    let asked = Instant::now();
    let mut began = asked;
    loop {
        let looked = Instant::now();
        let found = count(all)?;
        if found == before {
            began = looked;
        }
        if found == left {
            return Ok(began..Instant::now());
        }
        if found < left || asked.elapsed() > GONE_MAX {
            return Err(Fault::Usage(format!("{found} segments of {before} are left, and not {left}")));
        }
        thread::sleep(POLL);
    }
}
