//! End to end with both brokers alike in how idle processors are kept. Ottla by itself has a guest's poll while there is load
//! (`ottla.cpu.wakeup.max.us`), and Apache Kafka knows nothing of the kind: here the harness asks for it, or Ottla is told to leave it.
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

const DEVICE: &str = "/dev/cpu_dma_latency";

impl Turn<'_> {
    /// Rows of this kind on one broker: processors kept awake, then left alone.
    pub fn alike(&mut self, options: &Options, wanted: &[&Row]) -> Result<(), Fault> {
        for awake in [true, false] {
            let rates = wanted.iter().filter_map(|row| match row.work {
                Work::EndToEndAlike { rate_per_second, awake: of } if of == awake => Some((*row, rate_per_second)),
                _ => None,
            });
            let rates: Vec<_> = rates.collect();
            if !rates.is_empty() {
                self.end_to_end_alike(options, &rates, awake)?;
            }
        }
        Ok(())
    }

    fn end_to_end_alike(&mut self, options: &Options, rates: &[(&Row, f64)], awake: bool) -> Result<(), Fault> {
        let asked = awake.then(ask).transpose()?;
        let settings: &[&str] = match (self.kind, awake) {
            (Kind::Kafka, _) => &[],
            (Kind::Ottla, true) => &["ottla.cpu.wakeup.max.us=0"],
            (Kind::Ottla, false) => &["ottla.cpu.wakeup.max.us=off"],
        };
        let _asked = asked.filter(|_| self.kind == Kind::Kafka);
        let mut broker = Broker::with(self.kind, options, settings)?;
        broker.start()?;
        self.warm_up(&broker)?;
        for &(row, rate_per_second) in rates {
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
