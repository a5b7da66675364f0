//! What a broker's log says of the loads of its coordinators.
use std::path::Path;

/// Rows of the view and records of the journal that the last load of a partition read.
#[expect(clippy::disallowed_methods, reason = "a test reads what its broker said")]
pub fn last_load(log: &Path, partition: &str) -> (u64, u64) {
    let log = std::fs::read_to_string(log).expect("the broker's log");
    let of = |line: &&str| line.contains("coordinator loaded") && line.contains(partition);
    let line = log.lines().rev().find(of).expect("a load");
    let field = |name: &str| {
        let rest = line.split(name).nth(1).unwrap_or_else(|| panic!("{name} in {line}"));
        rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().expect("a number")
    };
    (field("rows="), field(" records="))
}
