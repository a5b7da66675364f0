//! End to end where Apache Kafka has to do what Ottla does, and where others write much at the same time.
use crate::{
    admin::{self, Target},
    batch,
    broker::Kind,
    fault::Fault,
    rows::{self, Row},
    steady,
    turn::{PARTITIONS, Turn},
};
use std::time::Instant;

/// What Ottla does by itself: nothing is acknowledged that is not on the disk.
const FLUSHED: (&str, &str) = ("flush.messages", "1");
/// Batches of others: 64 KB, as producers with much to send make them.
const OTHERS_RECORDS: usize = 64;
const OTHERS_RECORD_BYTES: usize = 1000;

impl Turn<'_> {
    pub fn load_flushed(&mut self, row: &Row, target: &Target, rate_per_second: f64) -> Result<(), Fault> {
        if self.kind == Kind::Kafka {
            admin::alter_topic(target, &[FLUSHED])?;
        }
        self.load_end_to_end(row, target, rate_per_second)
    }

    /// Two connections write at a steady rate to six partitions of another topic.
    pub fn load_beside_others(
        &mut self,
        row: &Row,
        target: &Target,
        rate_per_second: f64,
        mb_per_second: f64,
    ) -> Result<(), Fault> {
        let others = Target { topic: format!("{}-others", target.topic), partitions: PARTITIONS, ..target.clone() };
        let batch = batch::encode(OTHERS_RECORDS, OTHERS_RECORD_BYTES, 1);
        let others_rate = mb_per_second * 1e6 / batch.len() as f64 / 2.0;
        self.with_topic(&others, |turn| {
            let (((done, time), first), second) = steady::beside_batches(&others, others_rate, &batch, || {
                steady::beside_batches(&others, others_rate, &batch, || {
                    let began = Instant::now();
                    let done = turn.load_end_to_end(row, target, rate_per_second);
                    Ok((done, began..Instant::now()))
                })
            })?;
            done?;
            let acknowledged = first.acknowledged(time.clone()) + second.acknowledged(time.clone());
            let seconds = time.end.duration_since(time.start).as_secs_f64();
            let written = (acknowledged * batch.len()) as f64 / 1e6 / seconds;
            eprintln!("  {:<14} {written:.1} MB/s of others", row.id);
            turn.add(row, rows::OTHERS_MB_PER_SECOND, written);
            Ok(())
        })
    }
}
