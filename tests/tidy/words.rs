//! Committed text is finished and belongs to the project: no marker words, no paths of one machine.
use crate::{
    demand_none,
    source::{files, has_word, read},
};

/// Where committed text lives; builds and data directories are not part of it.
const PLACES: &[&str] = &[
    ".ci",
    "CHANGELOG.md",
    "Cargo.toml",
    "Dockerfile",
    "Makefile",
    "README.md",
    "bench",
    "benches",
    "clippy.toml",
    "compat",
    "console",
    "deny.toml",
    "docs",
    "fuzz/Cargo.toml",
    "fuzz/fuzz_targets",
    "grafana",
    "protocol-tests",
    "sim",
    "src",
    "tests",
];
/// This file must name them.
const HERE: &str = "tests/tidy/words.rs";
/// Words of unfinished work.
const MARKERS: &[&str] =
    &["TODO", "FIXME", "XXX", "HACK", "WIP", "todo!", "unimplemented!", "placeholder", "lorem ipsum"];
/// Paths of one machine, and words on how a text came about instead of what it says.
const FOREIGN: &[&str] = &[
    "/root/",
    "/work/",
    "/home/",
    "/Users/",
    "/tmp/brief",
    "../shared/",
    "shared/reference",
    "shared/peer",
    "worktree",
    "the brief",
    "as instructed",
    "as requested by",
];

#[test]
fn committed_text_is_finished_and_belongs_to_no_machine() {
    let mut found = Vec::new();
    for path in files(PLACES).into_iter().filter(|path| path != HERE) {
        found.extend(read(&path).map(|text| faults(&path, &text)).unwrap_or_default());
    }
    demand_none(found);
}

fn faults(path: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let markers = MARKERS.iter().filter(|word| has_word(line, word));
        let foreign = FOREIGN.iter().filter(|word| line.contains(**word));
        faults.extend(markers.chain(foreign).map(|word| format!("{path}:{}: `{word}`", index + 1)));
    }
    faults
}

#[test]
fn markers_and_foreign_paths_are_found() {
    assert!(faults("a.rs", "// A workshop of methods at the root of everything.\n").is_empty());
    assert_eq!(faults("a.rs", "fn f() {}\n// TODO: later\n"), ["a.rs:2: `TODO`"]);
    assert_eq!(faults("a.rs", "    todo!()\n").len(), 1);
    assert_eq!(faults("a.md", "see /root/notes\n").len(), 1);
}
