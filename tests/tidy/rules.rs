//! A test named after a rule names one that exists: `log_13_...` is LOG-13 of tests/rules.txt.
use crate::{
    demand_none,
    source::{CODE_FOLDERS, Source, functions, read, rust_files},
};
use std::collections::{BTreeMap, BTreeSet};

const RULES: &str = "tests/rules.txt";

#[test]
fn tests_name_rules_that_exist() {
    let rules = rules(&read(RULES).expect("the list of rules"));
    assert!(rules.len() > 200, "the list of rules is incomplete");
    demand_none(rust_files(CODE_FOLDERS).iter().flat_map(|source| faults(source, &rules)).collect());
}

/// Id to its line.
fn rules(text: &str) -> BTreeMap<String, String> {
    let mut rules = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (id, says) = line.split_once(' ').expect("an id and what it says");
        assert!(id.split_once('-').is_some_and(|(_, number)| number.parse::<u32>().is_ok()), "no id: {line}");
        assert!(says.len() > 10 && says.len() < 110, "one short line each: {line}");
        assert!(rules.insert(id.to_string(), says.to_string()).is_none(), "{id} is there twice");
    }
    rules
}

fn faults(source: &Source, rules: &BTreeMap<String, String>) -> Vec<String> {
    let families: BTreeSet<&str> = rules.keys().filter_map(|id| id.split('-').next()).collect();
    let named = functions(&source.code).into_iter().filter_map(|function| {
        let id = rule_id(&function.name, &families)?;
        (!rules.contains_key(&id)).then(|| format!("{}:{}: {id} is not in {RULES}", source.path, function.line))
    });
    named.collect()
}

/// `val_7_compacted_topic_needs_keys` names VAL-7.
fn rule_id(name: &str, families: &BTreeSet<&str>) -> Option<String> {
    let mut parts = name.split('_');
    let family = parts.next()?.to_uppercase();
    let number: u32 = parts.next()?.parse().ok()?;
    families.contains(family.as_str()).then(|| format!("{family}-{number}"))
}

#[test]
fn a_rule_that_does_not_exist_is_found() {
    let rules = rules("# head\nLOG-1 one writer for each partition\nCG-10 invariants of the newer protocol\n");
    let of = |text: &str| faults(&Source::new("tests/a.rs", text), &rules);
    assert!(
        of("#[test]\nfn log_1_one_writer() {}\nfn cg_10_holds() {}\nfn log_start() {}\nfn utf_8_names() {}\n")
            .is_empty()
    );
    assert_eq!(of("#[test]\nfn log_2_writes_nothing() {}\n"), ["tests/a.rs:2: LOG-2 is not in tests/rules.txt"]);
    assert_eq!(of("async fn cg_11_x() {}\n").len(), 1);
}
