//! End to end on processors that poll instead of halting while there is load, as `ottla.cpu.wakeup.max.us=0` asks the kernel. The whole
//! machine has it then; so that both brokers do, the harness asks while Apache Kafka has its turn.
use crate::{
    broker::{Broker, Kind},
    fault::{During, Fault},
    options::Options,
    rows::{Row, Work},
    turn::{self, Turn},
};
use std::{
    fs::{File, OpenOptions},
    io::Write,
};

const SETTINGS: &[&str] = &["ottla.cpu.wakeup.max.us=0"];
const DEVICE: &str = "/dev/cpu_dma_latency";

impl Turn<'_> {
    /// Rows for which processors are kept awake, on one broker.
    pub fn awake(&mut self, options: &Options, wanted: &[&Row]) -> Result<(), Fault> {
        let rates = wanted.iter().filter_map(|row| match row.work {
            Work::EndToEndAwake { rate_per_second } => Some((*row, rate_per_second)),
            _ => None,
        });
        let rates: Vec<_> = rates.collect();
        if rates.is_empty() {
            return Ok(());
        }
        let asked = ask()?;
        let settings = if self.kind == Kind::Ottla { SETTINGS } else { &[] };
        let _asked = (self.kind == Kind::Kafka).then_some(asked);
        let mut broker = Broker::with(self.kind, options, settings)?;
        broker.start()?;
        self.warm_up(&broker)?;
        for (row, rate_per_second) in rates {
            let target = turn::target(&broker, row.id, 1);
            let done = self.with_topic(&target, |turn| turn.load_end_to_end(row, &target, rate_per_second));
            self.note(row.id, done);
            turn::rest();
        }
        Ok(())
    }
}

/// In force until the file is closed.
fn ask() -> Result<File, Fault> {
    let mut device = OpenOptions::new().write(true).open(DEVICE).during(format!("opening {DEVICE}"))?;
    device.write_all(&0i32.to_ne_bytes()).during(format!("writing to {DEVICE}"))?;
    Ok(device)
}
