//! What remains of a broker when all loads are over: memory, and the time to stop.
use crate::{
    admin::{self, Target},
    broker::Broker,
    fault::Fault,
    fetch::{self, Fetch},
    process, produce,
    rows::{self, CONNECTIONS, Row},
    turn::{PARTITIONS, RECORD_BYTES, Turn, rest, target},
};
use std::{thread, time::Instant};

impl Turn<'_> {
    /// The last row: the broker is gone afterwards. `began` is when the loads did, however many of them were wanted.
    pub fn after(&mut self, row: &Row, broker: &mut Broker, began: Instant) -> Result<(), Fault> {
        let mut more = 0;
        while began.elapsed() < self.scale.loaded {
            more += 1;
            self.load_more(&target(broker, &format!("more-{more}"), PARTITIONS))?;
        }
        let loaded = began.elapsed().as_secs_f64();
        thread::sleep(self.scale.settle);
        let resident = broker.pid().map_or(f64::NAN, process::resident_mb);
        let stopped = broker.stop()?.as_secs_f64() * 1e3;
        eprintln!("  {:<14} {resident:.1} MB resident after {loaded:.0} s of load, stopped in {stopped:.1} ms", row.id);
        self.add(row, rows::RESIDENT_MB, resident);
        self.add(row, rows::STOP_MS, stopped);
        Ok(())
    }

    /// Some of each: small requests, larger ones, and fetches.
    fn load_more(&mut self, target: &Target) -> Result<(), Fault> {
        self.steady()?;
        admin::create_topic(target)?;
        for records in [1, 160] {
            produce::run(target, &self.produce(records, RECORD_BYTES, CONNECTIONS, self.scale.run))?;
        }
        let load = Fetch { connections: CONNECTIONS, partition_bytes_max: 64 << 10, time: self.scale.run };
        fetch::run(target, &load)?;
        admin::delete_topic(target)?;
        rest();
        Ok(())
    }
}
