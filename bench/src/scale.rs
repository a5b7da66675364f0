//! Many partitions, and much that is stored: how long they take to make and to start with again, and what they cost at rest.
use crate::{
    admin::{self, Target},
    broker::{Broker, Kind},
    fault::Fault,
    options::Options,
    process,
    produce::{self, Produced},
    rows::{self, CONNECTIONS, Row, Work},
    turn::{RECORD_BYTES, Turn, refuse_errors, rest, target, targets},
};
use std::time::{Duration, Instant};

/// Longer than any of these loads takes.
const FILL_MAX: Duration = Duration::from_secs(600);

impl Turn<'_> {
    /// Ottla alone: these rows are held against figures, and a JVM of this machine's size would spend its day on them.
    pub fn scale(&mut self, options: &Options, wanted: &[&Row]) -> Result<(), Fault> {
        for row in wanted {
            let Work::Scale { partitions, bytes } = row.work else { continue };
            if self.kind == Kind::Kafka {
                continue;
            }
            let (partitions, bytes) = match options.quick {
                true => (self.scale.partitions, bytes.min(self.scale.bytes_max)),
                false => (partitions, bytes),
            };
            let done = self.crowd(options, row, partitions, bytes);
            self.note(row.id, done);
        }
        Ok(())
    }

    fn crowd(&mut self, options: &Options, row: &Row, partitions: i32, bytes: u64) -> Result<(), Fault> {
        let mut broker = Broker::new(self.kind, options)?;
        rest();
        broker.start()?;
        let few = target(&broker, "few", 6);
        admin::create_topic(&few)?;
        let done = self.write(std::slice::from_ref(&few), 0)?;
        self.add(row, rows::FEW_RECORDS_PER_SECOND, done.records_per_second());
        rest();
        let all = targets(&broker, "many", partitions);
        let began = Instant::now();
        all.iter().try_for_each(admin::create_topic)?;
        let created = began.elapsed().as_secs_f64();
        self.add_idle(row, &broker);
        let done = self.write(&all, bytes)?;
        refuse_errors(row, done.errors)?;
        let written = broker.pid().map_or(f64::NAN, process::resident_mb);
        broker.kill()?;
        let started = Instant::now();
        let ready = broker.start()?.as_secs_f64() * 1e3;
        all.iter().try_for_each(admin::await_served)?;
        let served = started.elapsed().as_secs_f64() * 1e3;
        eprintln!(
            "  {:<14} made in {created:.1} s; {done}; {written:.1} MB then; killed, ready in {ready:.0} ms, all served in {served:.0} ms",
            row.id
        );
        for (figure, value) in [
            (rows::CREATED_SECONDS, created),
            (rows::RECORDS_PER_SECOND, done.records_per_second()),
            (rows::WRITTEN_RESIDENT_MB, written),
            (rows::READY_MS, ready),
            (rows::SERVED_MS, served),
        ] {
            self.add(row, figure, value);
        }
        Ok(())
    }

    /// In turn over all partitions: until so many bytes are written in larger requests or, with 0, for as long as a run takes.
    fn write(&self, targets: &[Target], bytes: u64) -> Result<Produced, Fault> {
        let (records, time) = if bytes == 0 { (10, self.scale.run) } else { (160, FILL_MAX) };
        let mut load = self.produce(records, RECORD_BYTES, CONNECTIONS, time);
        if bytes > 0 {
            load.bytes_max = bytes;
        }
        produce::run_over(targets, &load)
    }
}
