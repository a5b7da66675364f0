//! Differences from Apache Kafka, and the table of those that are explained (`DIFFERENCES.md`, "Field by field").
use crate::recording::ranges;
use std::collections::BTreeSet;
use std::fmt::{Display, Formatter};

/// One field of one case.
pub struct Difference {
    pub title: String,
    pub versions: BTreeSet<i16>,
    pub path: String,
    pub kafka: String,
    pub ottla: String,
}

impl Difference {
    pub fn of(title: &str, path: &str, kafka: &str, ottla: &str) -> Difference {
        let versions = BTreeSet::new();
        let (title, path) = (title.to_string(), path.to_string());
        Difference { title, versions, path, kafka: kafka.to_string(), ottla: ottla.to_string() }
    }

    /// The same in another version.
    pub fn is_like(&self, other: &Difference) -> bool {
        (&self.title, &self.path, &self.kafka, &self.ottla) == (&other.title, &other.path, &other.kafka, &other.ottla)
    }
}

impl Display for Difference {
    fn fmt(&self, to: &mut Formatter<'_>) -> std::fmt::Result {
        write!(to, "{} | {} | {} | {} | {}", self.title, ranges(&self.versions), self.path, self.kafka, self.ottla)
    }
}

/// The rows of the table, each with whether it was needed.
pub struct Explained {
    rows: Vec<([String; 4], bool)>,
}

impl Explained {
    pub fn none() -> Explained {
        Explained { rows: Vec::new() }
    }

    pub fn read() -> Explained {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/DIFFERENCES.md");
        let text = std::fs::read_to_string(file).expect("the table of differences");
        let (_, section) = text.split_once("\n## Field by field\n").expect("the section");
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `")).map(|row| {
            let cells: Vec<&str> = row.split(" | ").collect();
            assert_eq!(cells.len(), 5, "case, field, Apache Kafka, Ottla, why: {row}");
            assert!(cells[4].trim_end_matches('|').trim().len() >= "as above".len(), "a reason: {row}");
            ([0, 1, 2, 3].map(|at| cells[at].replace('`', "")), false)
        });
        Explained { rows: rows.collect() }
    }

    pub fn explains(&mut self, difference: &Difference) -> bool {
        let Difference { title, path, kafka, ottla, .. } = difference;
        let row = self
            .rows
            .iter_mut()
            .find(|(row, _)| row.iter().zip([title, path, kafka, ottla]).all(|(pattern, text)| matches(pattern, text)));
        row.map(|row| row.1 = true).is_some()
    }

    /// Whether a row says of every field of this case that Ottla may answer anything.
    pub fn leaves_open(&self, title: &str) -> bool {
        self.rows.iter().any(|([case, field, _, ottla], _)| field == "*" && ottla == "*" && matches(case, title))
    }

    pub fn unused(&self) -> Vec<String> {
        self.rows.iter().filter(|(_, used)| !used).map(|(row, _)| row.join(" | ")).collect()
    }
}

/// `*` in a pattern stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut left) = text.strip_prefix(start) else { return false };
    let parts: Vec<&str> = rest.split('*').collect();
    let (end, middle) = parts.split_last().expect("one part at least");
    for part in middle {
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    left.ends_with(end)
}

#[test]
fn patterns_match_what_they_say() {
    for (pattern, text, expected) in [
        ("a", "a", true),
        ("a", "ab", false),
        ("a*", "ab", true),
        ("*[*].x", "topics[0].x", true),
        ("*[*].x", "topics[0].y", false),
        ("a*a", "a", false),
        ("a*b*c", "axxbyc", true),
    ] {
        assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
    }
}
