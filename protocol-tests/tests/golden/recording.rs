//! Answers by case, line and version, as text: `0-3,5 topics[0].errorCode none (0)` under `= Case`.
use crate::differences::Difference;
use protocol_tests::code_name;
use protocol_tests::schema::decode::Line;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// The answers of one broker.
#[derive(Default)]
pub struct Recording {
    /// In the order of their coming.
    titles: Vec<String>,
    answers: BTreeMap<String, BTreeMap<i16, Vec<Line>>>,
}

impl Recording {
    pub fn add(&mut self, title: &str, version: i16, lines: Vec<Line>) {
        if !self.answers.contains_key(title) {
            self.titles.push(title.to_string());
        }
        self.answers.entry(title.to_string()).or_default().insert(version, lines);
    }

    pub fn only(mut self, is_wanted: impl Fn(&str) -> bool) -> Recording {
        self.titles.retain(|title| is_wanted(title));
        self.answers.retain(|title, _| is_wanted(title));
        self
    }

    pub fn answers(&self) -> usize {
        self.answers.values().map(BTreeMap::len).sum()
    }

    pub fn fields(&self) -> usize {
        self.answers.values().flat_map(BTreeMap::values).map(Vec::len).sum()
    }

    /// Which cases were answered which error codes.
    pub fn codes(&self) -> BTreeSet<(&str, &str)> {
        let lines = self
            .answers
            .iter()
            .flat_map(|(title, answers)| answers.values().flatten().map(move |line| (title.as_str(), line)));
        let codes = lines.filter(|(_, line)| line.name().ends_with("rrorCode") && line.value != code_name(0));
        codes.map(|(title, line)| (title, line.value.as_str())).collect()
    }

    /// What differs in the versions that both have; cases that only one has are told whole.
    pub fn differences(&self, other: &Recording) -> Vec<Difference> {
        let mut found: Vec<Difference> = Vec::new();
        let titles: BTreeSet<&String> = self.titles.iter().chain(&other.titles).collect();
        for title in titles {
            let (Some(mine), Some(theirs)) = (self.answers.get(title), other.answers.get(title)) else {
                let side = if self.answers.contains_key(title) { "recorded" } else { "asked" };
                found.push(Difference::of(title, "case", side, "missing"));
                continue;
            };
            for (version, lines) in theirs {
                let Some(recorded) = mine.get(version) else { continue };
                for difference in between(title, recorded, lines) {
                    match found.iter_mut().find(|known| known.is_like(&difference)) {
                        Some(known) => known.versions.insert(*version),
                        None => {
                            found.push(Difference { versions: [*version].into(), ..difference });
                            true
                        }
                    };
                }
            }
        }
        found
    }

    pub fn text(&self) -> String {
        let mut text = String::new();
        for title in &self.titles {
            let mut lines: Vec<(&Line, BTreeSet<i16>)> = Vec::new();
            for (version, answer) in &self.answers[title] {
                for line in answer {
                    match lines.iter_mut().find(|(known, _)| *known == line) {
                        Some((_, versions)) => {
                            versions.insert(*version);
                        }
                        None => lines.push((line, [*version].into())),
                    }
                }
            }
            let _ = writeln!(text, "= {title}");
            for (line, versions) in lines {
                let _ = writeln!(text, "{} {} {}", ranges(&versions), line.path, line.value);
            }
        }
        text
    }

    pub fn parse(text: &str) -> Recording {
        let mut recording = Recording::default();
        let mut title = "";
        for line in text.lines() {
            if let Some(next) = line.strip_prefix("= ") {
                title = next;
                continue;
            }
            let mut words = line.splitn(3, ' ');
            let (Some(versions), Some(path), Some(value)) = (words.next(), words.next(), words.next()) else {
                panic!("{line:?} is no line of a recording");
            };
            for version in versions.split(',').flat_map(range) {
                let line = Line { path: path.to_string(), value: value.to_string() };
                let answer = recording.answers.get(title).and_then(|answers| answers.get(&version));
                let lines = answer.cloned().unwrap_or_default();
                recording.add(title, version, lines.into_iter().chain([line]).collect());
            }
        }
        recording
    }
}

fn between(title: &str, recorded: &[Line], found: &[Line]) -> Vec<Difference> {
    let value = |lines: &[Line], path: &str| {
        lines.iter().find(|line| line.path == path).map_or("absent".to_string(), |line| line.value.clone())
    };
    let paths: BTreeSet<&String> = recorded.iter().chain(found).map(|line| &line.path).collect();
    let pairs = paths.into_iter().map(|path| (path, value(recorded, path), value(found, path)));
    pairs
        .filter(|(_, left, right)| left != right)
        .map(|(path, left, right)| Difference::of(title, path, &left, &right))
        .collect()
}

/// `0-3,5`.
pub fn ranges(versions: &BTreeSet<i16>) -> String {
    let mut runs: Vec<(i16, i16)> = Vec::new();
    for version in versions {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == *version => *last = *version,
            _ => runs.push((*version, *version)),
        }
    }
    let runs =
        runs.into_iter().map(|(first, last)| if first == last { first.to_string() } else { format!("{first}-{last}") });
    runs.collect::<Vec<String>>().join(",")
}

fn range(text: &str) -> std::ops::RangeInclusive<i16> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    first.parse().expect("a version")..=last.parse().expect("a version")
}

#[test]
fn what_is_written_is_read() {
    let line = |path: &str, value: &str| Line { path: path.to_string(), value: value.to_string() };
    let mut recording = Recording::default();
    for version in [0, 1, 2, 4] {
        recording.add("One plain", version, vec![line("a", "1"), line("b[0].c", "\"x y\"")]);
    }
    recording.add("One plain", 3, vec![line("a", "2")]);
    let text = recording.text();
    assert_eq!(text, "= One plain\n0-2,4 a 1\n0-2,4 b[0].c \"x y\"\n3 a 2\n");
    let mut read = Recording::parse(&text);
    assert!(recording.differences(&read).is_empty());
    read.add("One plain", 4, vec![line("a", "1")]);
    read.add("Two plain", 4, vec![line("a", "1")]);
    let told: Vec<String> = recording.differences(&read).iter().map(ToString::to_string).collect();
    assert_eq!(told, ["One plain | 4 | b[0].c | \"x y\" | absent", "Two plain |  | case | asked | missing"]);
}
