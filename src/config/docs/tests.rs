//! The committed page is what the table says.
#![expect(clippy::disallowed_methods, reason = "the test reads and, on request, writes the committed page")]
use super::*;
use std::{fs, path::Path};

#[test]
fn settings_page_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/settings.md");
    let page = settings_page();
    if std::env::var_os("OTTLA_WRITE_DOCS").is_some() {
        fs::write(&path, &page).expect("the page can be written");
    }
    let committed = fs::read_to_string(&path).expect("docs/settings.md exists");
    assert!(committed == page, "docs/settings.md is old; run OTTLA_WRITE_DOCS=1 cargo test settings_page");
}

#[test]
fn no_cell_breaks_the_table() {
    for line in settings_page().lines().filter(|line| line.starts_with("| ")) {
        assert_eq!(line.matches('|').count(), 8, "{line}");
    }
}
