//! What people forget: first lines, sizes, names, marker words, rule ids, traces of one machine.
mod source;

#[path = "tidy/codes.rs"]
mod codes;
#[path = "tidy/names.rs"]
mod names;
#[path = "tidy/rules.rs"]
mod rules;
#[path = "tidy/settings.rs"]
mod settings;
#[path = "tidy/sizes.rs"]
mod sizes;
#[path = "tidy/words.rs"]
mod words;

use source::{CODE_FOLDERS, rust_files};

/// Fails with every fault at once, one per line.
fn demand_none(faults: Vec<String>) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for() {
    let nameless = rust_files(CODE_FOLDERS).into_iter().filter(|source| !has_first_line(&source.text));
    demand_none(nameless.map(|source| format!("{}: no `//!` line that says what it is for", source.path)).collect());
}

fn has_first_line(text: &str) -> bool {
    text.lines().next().and_then(|line| line.strip_prefix("//! ")).is_some_and(|line| line.trim().len() >= 10)
}

#[test]
fn a_file_without_its_first_line_is_found() {
    assert!(has_first_line("//! Offsets and their order.\nfn f() {}\n"));
    for text in ["", "fn f() {}\n", "// Offsets and their order.\n", "//!\n", "\n//! Offsets and their order.\n"] {
        assert!(!has_first_line(text), "{text:?}");
    }
}
