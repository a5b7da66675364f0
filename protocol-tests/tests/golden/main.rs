//! The same requests of every API at every version to every broker: their answers field by field as Apache Kafka gave them,
//! and what becomes of a request with tags nobody knows, with bytes missing, with bytes behind it, with lengths that lie.
#![expect(clippy::disallowed_methods, reason = "the recording and the table of differences are files of this crate")]
mod cases;
mod differences;
mod exchange;
mod masks;
mod recording;
mod robustness;
mod world;

use differences::{Difference, Explained};
use exchange::Outcome;
use protocol_tests::codes::{self, By};
use protocol_tests::on_kafka;
use protocol_tests::schema::decode::Line;
use recording::Recording;
use std::path::PathBuf;
use world::World;

/// What Apache Kafka 4.3.1 answered. `OTTLA_GOLDEN_WRITE=1 make oracle ARGS="--test golden"` writes it anew.
const RECORDED: &str = "tests/golden/recorded/kafka-4.3.1.txt";
/// What Ottla answers where Apache Kafka's answer is of no use. `OTTLA_GOLDEN_WRITE=1 cargo test -p protocol-tests --test golden` writes it.
const OWN: &str = "tests/golden/recorded/ottla.txt";

/// That ask at once: most of the time is spent waiting.
const THREADS: usize = 6;

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn is_written_anew() -> bool {
    std::env::var_os("OTTLA_GOLDEN_WRITE").is_some()
}

/// Every case at every version the broker serves.
fn record(world: &World) -> Recording {
    let cases = cases::all();
    let all_versions = |case: &cases::Case| -> Vec<(i16, Vec<Line>)> {
        let answer = |version| (version, masks::lines(world, case, world.outcome(case, version)));
        world.versions(case).map(answer).collect()
    };
    let part = |part: &[cases::Case]| part.iter().map(all_versions).collect::<Vec<_>>();
    let answers: Vec<Vec<(i16, Vec<Line>)>> = std::thread::scope(|scope| {
        let parts: Vec<_> =
            cases.chunks(cases.len().div_ceil(THREADS)).map(|cases| scope.spawn(move || part(cases))).collect();
        parts.into_iter().flat_map(|part| part.join().expect("a part of the cases")).collect()
    });
    let mut recording = Recording::default();
    for (case, answers) in cases.iter().zip(answers) {
        answers.into_iter().for_each(|(version, lines)| recording.add(&case.title(), version, lines));
    }
    recording
}

#[test]
fn every_field_of_every_answer_is_as_apache_kafka_gave_it_or_explained() {
    let found = record(world::shared());
    if on_kafka() && is_written_anew() {
        std::fs::write(file(RECORDED), found.text()).expect("the recording is written");
        return;
    }
    let text = std::fs::read_to_string(file(RECORDED)).expect("the recording");
    let all = Recording::parse(&text).differences(&found);
    println!("{} answers, {} fields, {} differences", found.answers(), found.fields(), all.len());
    println!("case | versions | field | Apache Kafka 4.3.1 | here");
    all.iter().for_each(|difference| println!("{difference}"));
    // What is explained on Ottla may not be there on Apache Kafka: then the recording would be wrong.
    let mut table = if on_kafka() { Explained::none() } else { Explained::read() };
    let open: Vec<Difference> = all.into_iter().filter(|difference| !table.explains(difference)).collect();
    let lines: Vec<String> = open.iter().map(Difference::to_string).collect();
    let wrong = wrong_codes(&found);
    assert!(wrong.is_empty(), "protocol-tests/CODES.md:\n{}\n", wrong.join("\n"));
    assert!(open.is_empty(), "{} differences without an explanation:\n{}\n", open.len(), lines.join("\n"));
    assert_eq!(table.unused(), Vec::<String>::new(), "explanations of differences that are gone");
    if !on_kafka() {
        assert_as_before(found.only(|title| table.leaves_open(title)));
    }
}

fn assert_as_before(ours: Recording) {
    if is_written_anew() {
        std::fs::write(file(OWN), ours.text()).expect("the recording is written");
    }
    let text = std::fs::read_to_string(file(OWN)).expect("our recording");
    let changed: Vec<String> = Recording::parse(&text).differences(&ours).iter().map(Difference::to_string).collect();
    assert!(
        changed.is_empty(),
        "Ottla answers otherwise than before, where nothing else holds it:\n{}\n",
        changed.join("\n")
    );
}

/// What CODES.md says of the cases and is not so: codes that a case did not provoke, and codes that have no row.
fn wrong_codes(found: &Recording) -> Vec<String> {
    let (rows, told) = (codes::rows(), found.codes());
    let of_case = |row: &codes::Row, title: &str| {
        told.iter()
            .any(|(case, code)| *case == title && title.split(' ').next() == Some(&*row.api) && *code == row.code)
    };
    let here = rows.iter().filter(|row| !(on_kafka() && row.here_alone));
    let missed = here.filter_map(|row| match &row.by {
        By::Golden(title) if !of_case(row, title) => Some(format!("{title:?} did not provoke {}", row.code)),
        _ => None,
    });
    let is_known = |case: &str, code: &str| {
        on_kafka() || rows.iter().any(|row| case.split(' ').next() == Some(&*row.api) && row.code == code)
    };
    let strange = told.iter().filter(|(case, code)| !is_known(case, code));
    missed.chain(strange.map(|(case, code)| format!("{case:?} provoked {code}, which has no row"))).collect()
}

#[test]
fn every_api_that_is_served_has_a_plain_case_at_every_version() {
    let world = world::shared();
    let cases = cases::all();
    for (name, versions) in world.served() {
        let plain = cases.iter().find(|case| case.api == name && case.name == cases::PLAIN);
        let plain = plain.unwrap_or_else(|| panic!("{name} has no plain case"));
        assert_eq!(world.versions(plain).count(), versions.count(), "{name} at every version");
    }
    let mut titles: Vec<String> = cases.iter().map(cases::Case::title).collect();
    titles.sort();
    assert!(titles.windows(2).all(|pair| pair[0] != pair[1]), "a title twice");
}

#[test]
fn pitfall_08_nothing_is_advertised_that_is_not_answered() {
    let world = world::shared();
    for case in cases::all().into_iter().filter(|case| case.name == cases::PLAIN) {
        for version in world.versions(&case) {
            let outcome = world.outcome(&case, version);
            assert!(matches!(outcome, Outcome::Answer(_)), "{} version {version}: {outcome:?}", case.title());
        }
    }
}
