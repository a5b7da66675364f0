//! Figures of all rounds: medians, spread, ratios, and whether each goal is met.
use crate::{
    broker::Kind,
    plot::Point,
    rows::{Check, Goal, Row},
    sweep::Curve,
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fmt::Write};

/// What all rounds gave.
pub struct Figures {
    /// Every value by row, figure and broker, in the order of rounds.
    values: BTreeMap<(&'static str, &'static str, Kind), Vec<f64>>,
    /// The same of plots: by what lies across.
    points: BTreeMap<(Curve, u64, Kind), Vec<f64>>,
    faults: Vec<String>,
}

/// Median and extremes.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Spread {
    median: f64,
    least: f64,
    most: f64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    Met,
    NotMet,
    /// Shown only.
    NoGoal,
    /// A figure is missing.
    Unknown,
}

impl Verdict {
    fn text(self) -> &'static str {
        match self {
            Verdict::Met => "met",
            Verdict::NotMet => "NOT MET",
            Verdict::NoGoal => "",
            Verdict::Unknown => "unknown",
        }
    }

    fn met(self) -> Option<bool> {
        match self {
            Verdict::Met => Some(true),
            Verdict::NotMet => Some(false),
            Verdict::NoGoal | Verdict::Unknown => None,
        }
    }
}

impl Figures {
    pub fn new() -> Figures {
        Figures { values: BTreeMap::new(), points: BTreeMap::new(), faults: Vec::new() }
    }

    pub fn add(&mut self, row: &'static str, figure: &'static str, kind: Kind, value: f64) {
        self.values.entry((row, figure, kind)).or_default().push(value);
    }

    pub fn add_point(&mut self, curve: Curve, kind: Kind, at: u64, value: f64) {
        self.points.entry((curve, at, kind)).or_default().push(value);
    }

    /// What was measured of a line, from left to right.
    pub fn points(&self, curve: Curve, kind: Kind) -> Vec<Point> {
        let measured = self.points.iter().filter(|((of, _, by), _)| *of == curve && *by == kind);
        let point = |at: u64, spread: Spread| {
            let Spread { median, least, most } = spread;
            Point { at: at as f64, median, least, most }
        };
        measured.filter_map(|((_, at, _), values)| Some(point(*at, spread(values)?))).collect()
    }

    pub fn add_fault(&mut self, fault: String) {
        self.faults.push(fault);
    }

    /// Why figures are missing.
    pub fn faults(&self) -> &[String] {
        &self.faults
    }

    fn spread(&self, row: &Row, check: &Check, kind: Kind) -> Option<Spread> {
        spread(self.values.get(&(row.id, check.figure, kind))?)
    }

    /// A Markdown table with a line for each figure of each row.
    pub fn table(&self, rows: &[&Row]) -> String {
        let mut text = String::from(
            "| work | figure | Ottla, synced | Apache Kafka, page cache | ratio | goal | |\n|---|---|---|---|---|---|---|\n",
        );
        for (row, check) in rows.iter().flat_map(|row| row.checks.iter().map(move |check| (row, check))) {
            let (ottla, kafka) = (self.spread(row, check, Kind::Ottla), self.spread(row, check, Kind::Kafka));
            let ratio = ratio(ottla, kafka).map_or(String::new(), |ratio| format!("{}x", round(ratio)));
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {ratio} | {} | {} |",
                row.title,
                check.figure,
                show(ottla),
                show(kafka),
                goals(check, goal),
                goals(check, |goal| judge(goal, ottla, kafka).text().to_string()),
            );
        }
        text
    }

    pub fn json(&self, rows: &[&Row]) -> Value {
        let lines = rows.iter().flat_map(|row| row.checks.iter().map(move |check| (row, check))).map(|(row, check)| {
            let (ottla, kafka) = (self.spread(row, check, Kind::Ottla), self.spread(row, check, Kind::Kafka));
            let values = |kind| self.values.get(&(row.id, check.figure, kind)).cloned().unwrap_or_default();
            json!({
                "row": row.id,
                "figure": check.figure,
                "ottla": values(Kind::Ottla),
                "kafka": values(Kind::Kafka),
                "ratio": ratio(ottla, kafka),
                "goal": goal(check.goal),
                "met": judge(check.goal, ottla, kafka).met(),
                "stricter": goal(check.stricter),
                "stricter_met": judge(check.stricter, ottla, kafka).met(),
            })
        });
        let points = self.points.iter().map(|((curve, at, kind), values)| {
            json!({"plot": format!("{curve:?}"), "at": at, "broker": kind.name(), "values": values})
        });
        Value::Array(lines.chain(points).collect())
    }
}

fn spread(values: &[f64]) -> Option<Spread> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let (least, most) = (*sorted.first()?, *sorted.last()?);
    let middle = sorted.len() / 2;
    let median = if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 };
    Some(Spread { median, least, most })
}

fn ratio(ottla: Option<Spread>, kafka: Option<Spread>) -> Option<f64> {
    Some(ottla?.median / kafka?.median).filter(|ratio| ratio.is_finite())
}

fn judge(goal: Goal, ottla: Option<Spread>, kafka: Option<Spread>) -> Verdict {
    let met = match goal {
        Goal::None => return Verdict::NoGoal,
        Goal::RatioMin(least) => ratio(ottla, kafka).map(|ratio| ratio >= least),
        Goal::RatioMax(most) => ratio(ottla, kafka).map(|ratio| ratio <= most),
        Goal::Max(most) => ottla.map(|spread| spread.median <= most),
    };
    met.map_or(Verdict::Unknown, |met| if met { Verdict::Met } else { Verdict::NotMet })
}

/// What is said of each goal of a figure, side by side.
fn goals(check: &Check, say: impl FnMut(Goal) -> String) -> String {
    check.goals().map(say).collect::<Vec<_>>().join("; ")
}

fn goal(goal: Goal) -> String {
    match goal {
        Goal::RatioMin(least) => format!(">= {least}x"),
        Goal::RatioMax(most) => format!("<= {most}x"),
        Goal::Max(most) => format!("<= {most}"),
        Goal::None => String::new(),
    }
}

fn show(spread: Option<Spread>) -> String {
    match spread {
        None => String::new(),
        Some(Spread { median, least, most }) if least == most => round(median),
        Some(Spread { median, least, most }) => format!("{} ({} to {})", round(median), round(least), round(most)),
    }
}

/// Three digits that matter.
fn round(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::{MB_PER_SECOND, ROWS};

    #[test]
    fn the_median_and_its_spread_leave_out_what_is_no_number() {
        assert_eq!(spread(&[3.0, f64::NAN, 1.0, 2.0]), Some(Spread { median: 2.0, least: 1.0, most: 3.0 }));
        assert_eq!(spread(&[4.0, 1.0]).unwrap().median, 2.5);
        assert_eq!(spread(&[f64::NAN]), None);
    }

    #[test]
    fn goals_are_judged_by_medians() {
        let of = |median| Some(Spread { median, least: median, most: median });
        assert_eq!(judge(Goal::RatioMin(1.2), of(120.0), of(100.0)), Verdict::Met);
        assert_eq!(judge(Goal::RatioMin(1.2), of(119.0), of(100.0)), Verdict::NotMet);
        assert_eq!(judge(Goal::RatioMax(0.5), of(1.0), of(2.0)), Verdict::Met);
        assert_eq!(judge(Goal::RatioMax(0.5), of(1.1), of(2.0)), Verdict::NotMet);
        assert_eq!(judge(Goal::Max(50.0), of(50.0), None), Verdict::Met);
        assert_eq!(judge(Goal::Max(50.0), None, of(1.0)), Verdict::Unknown);
        assert_eq!(judge(Goal::RatioMin(1.2), of(1.0), None), Verdict::Unknown);
        assert_eq!(judge(Goal::None, None, None), Verdict::NoGoal);
    }

    #[test]
    fn the_table_has_a_line_for_each_figure() {
        let mut figures = Figures::new();
        figures.add("produce-16k", MB_PER_SECOND, Kind::Ottla, 320.0);
        figures.add("produce-16k", MB_PER_SECOND, Kind::Ottla, 280.0);
        figures.add("produce-16k", MB_PER_SECOND, Kind::Kafka, 200.0);
        let rows = [&ROWS[0]];
        let table = figures.table(&rows);
        assert!(
            table.contains("| MB/s | 300 (280 to 320) | 200 | 1.50x | >= 1.2x; >= 1.6x | met; NOT MET |"),
            "{table}"
        );
        assert_eq!(table.lines().count(), 2 + ROWS[0].checks.len());
        assert_eq!(figures.json(&rows)[0]["met"], true);
        assert_eq!(figures.json(&rows)[0]["stricter_met"], false);
        assert_eq!(figures.json(&rows)[1]["met"], Value::Null);
    }
}
