//! What plots show, and the loads that only they need.
use crate::{
    batch,
    broker::{Broker, Kind},
    e2e::{self, EndToEnd},
    fault::{During, Fault},
    options::Options,
    plot::{self, Plot, Series},
    produce,
    report::Figures,
    rows::{CONNECTIONS, Row, Scene, Work},
    turn::{PARTITIONS, RECORD_BYTES, Turn, refuse_errors, rest, target},
};
use std::{fs, path::Path};

/// A line of a plot, for each broker.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Curve {
    /// Requests a second, by partitions.
    Throughput,
    /// Milliseconds from end to end, by records a second.
    P50,
    P99,
    /// Microseconds of processor time, by bytes.
    RequestCost,
}

struct Page {
    file: &'static str,
    title: &'static str,
    note: &'static str,
    across: &'static str,
    up: &'static str,
    /// With what is said of each behind the broker's name.
    curves: &'static [(Curve, &'static str)],
}

const PAGES: &[Page] = &[
    Page {
        file: "throughput-partitions.svg",
        title: "Throughput against partitions",
        note: "produce, one record of 100 B a request, acks=all: Ottla synced, Apache Kafka page cache only",
        across: "partitions, written to in turn",
        up: "requests/s",
        curves: &[(Curve::Throughput, "")],
    },
    Page {
        file: "latency-rate.svg",
        title: "Latency against rate",
        note: "one record of 100 B a request, acks=all, open loop: Ottla synced, Apache Kafka page cache only",
        across: "records/s",
        up: "ms from due to consumed",
        curves: &[(Curve::P50, ", p50"), (Curve::P99, ", p99")],
    },
    Page {
        file: "cpu-size.svg",
        title: "Processor time of a request against its size",
        note: "produce to 6 partitions, acks=all: Ottla synced, Apache Kafka page cache only",
        across: "bytes of records in a request",
        up: "broker's CPU us/request",
        curves: &[(Curve::RequestCost, "")],
    },
];

const RATES_PER_SECOND: &[u32] = &[100, 500, 1000, 2000, 5000, 10_000];
/// Records, and bytes of each.
const SIZES: &[(usize, usize)] = &[(1, 100), (1, 1000), (10, 1000), (100, 1000), (1000, 1000)];

impl Turn<'_> {
    pub fn sweeps(&mut self, options: &Options, wanted: &[&Row]) -> Result<(), Fault> {
        let rows: Vec<&&Row> = wanted.iter().filter(|row| row.work.scene() == Scene::Plots).collect();
        if rows.is_empty() {
            return Ok(());
        }
        let mut broker = Broker::new(self.kind, options)?;
        broker.start()?;
        self.warm_up(&broker)?;
        for row in rows {
            // A place that a broker cannot reach costs that place, not the others.
            match row.work {
                Work::SweepRate => RATES_PER_SECOND.iter().for_each(|rate| {
                    let done = self.at_rate(row, &broker, *rate);
                    self.note(&format!("{} {rate}", row.id), done);
                }),
                _ => SIZES.iter().for_each(|(records, record_bytes)| {
                    let done = self.at_size(row, &broker, *records, *record_bytes);
                    self.note(&format!("{} {records} x {record_bytes}", row.id), done);
                }),
            }
        }
        Ok(())
    }

    fn at_rate(&mut self, row: &Row, broker: &Broker, rate: u32) -> Result<(), Fault> {
        let target = target(broker, &format!("rate-{rate}"), 1);
        self.with_topic(&target, |turn| {
            let time = turn.scale.run;
            let mut load =
                EndToEnd { rate_per_second: rate.into(), record_bytes: RECORD_BYTES, acks: -1, time: time / 8 };
            e2e::run(&target, &load)?;
            load.time = time;
            let done = e2e::run(&target, &load)?;
            eprintln!("  {:<14} {rate}/s: {done}", row.id);
            refuse_errors(row, done.errors + done.sent.saturating_sub(done.end_to_end.total()))?;
            for (curve, share) in [(Curve::P50, 0.5), (Curve::P99, 0.99)] {
                turn.figures.add_point(curve, turn.kind, rate.into(), done.end_to_end.quantile_ms(share));
            }
            Ok(())
        })?;
        rest();
        Ok(())
    }

    fn at_size(&mut self, row: &Row, broker: &Broker, records: usize, record_bytes: usize) -> Result<(), Fault> {
        let bytes = batch::encode(records, record_bytes, 1).len();
        let target = target(broker, &format!("size-{bytes}"), PARTITIONS);
        self.with_topic(&target, |turn| {
            let run = turn.scale.run;
            produce::run(&target, &turn.produce(records, record_bytes, CONNECTIONS, run / 8))?;
            rest();
            let done = produce::run(&target, &turn.produce(records, record_bytes, CONNECTIONS, run))?;
            eprintln!("  {:<14} {bytes} bytes: {done}", row.id);
            refuse_errors(row, done.errors)?;
            turn.figures.add_point(Curve::RequestCost, turn.kind, bytes as u64, done.cpu_micros_per_request());
            Ok(())
        })?;
        rest();
        Ok(())
    }
}

/// A file for each plot of which anything was measured.
pub fn draw(figures: &Figures, folder: &Path) -> Result<(), Fault> {
    fs::create_dir_all(folder).during(format!("making {}", folder.display()))?;
    for page in PAGES {
        if let Some(text) = plot::svg(&drawn(figures, page)) {
            let path = folder.join(page.file);
            fs::write(&path, text).during(format!("writing {}", path.display()))?;
            eprintln!("plot: {}", path.display());
        }
    }
    Ok(())
}

fn drawn<'a>(figures: &Figures, page: &'a Page) -> Plot<'a> {
    let lines = [Kind::Ottla, Kind::Kafka].into_iter().flat_map(|kind| {
        page.curves.iter().enumerate().map(move |(index, (curve, name))| Series {
            name: format!("{}{name}", kind.name()),
            second: kind == Kind::Kafka,
            dashed: index > 0,
            points: figures.points(*curve, kind),
        })
    });
    let series = lines.filter(|line| !line.points.is_empty()).collect();
    Plot { title: page.title, note: page.note, across: page.across, up: page.up, series }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_brokers_and_both_shares_have_a_line() {
        let mut figures = Figures::new();
        for (kind, value) in [(Kind::Ottla, 0.4), (Kind::Ottla, 0.6), (Kind::Ottla, 0.7), (Kind::Kafka, 2.0)] {
            figures.add_point(Curve::P50, kind, 1000, value);
            figures.add_point(Curve::P99, kind, 1000, value * 4.0);
        }
        let plot = drawn(&figures, &PAGES[1]);
        let names: Vec<&str> = plot.series.iter().map(|line| line.name.as_str()).collect();
        assert_eq!(names, ["Ottla, p50", "Ottla, p99", "Apache Kafka, p50", "Apache Kafka, p99"]);
        let point = plot.series[0].points[0];
        assert_eq!((point.at, point.least, point.median, point.most), (1000.0, 0.4, 0.6, 0.7));
        assert!(drawn(&figures, &PAGES[0]).series.is_empty());
    }
}
