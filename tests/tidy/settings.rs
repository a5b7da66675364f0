//! Settings that are said to work are read by what they steer, not by the reader of settings alone.
use crate::{
    demand_none,
    source::{Source, identifier, rust_files},
};

/// Where settings become typed fields.
const RESOLVED: &[&str] = &["src/config/node.rs", "src/config/node/groups.rs", "src/config/topic.rs"];

/// Fields that are checked at the start, which is all there is to do with them, and why.
const CHECKED_ONLY: &[(&str, &str)] =
    &[("inter_broker_listener", "must be among the advertised ones; one node has no other broker to call")];

#[test]
fn every_resolved_setting_is_used() {
    let sources = rust_files(&["src"]);
    let (resolved, others): (Vec<&Source>, Vec<&Source>) =
        sources.iter().filter(|source| !source.is_test).partition(|source| source.path.starts_with("src/config"));
    let users: Vec<String> = others.iter().map(|source| source.production()).collect();
    let tables: Vec<&Source> = resolved.into_iter().filter(|source| RESOLVED.contains(&source.path.as_str())).collect();
    assert_eq!(tables.len(), RESOLVED.len());
    let unused = tables.iter().flat_map(|source| fields(&source.code)).filter(|field| !is_used(field, &users));
    let unused = unused.filter(|field| !CHECKED_ONLY.iter().any(|(name, _)| name == field));
    demand_none(
        unused
            .map(|field| format!("{field}: resolved from the settings, and nothing outside config/ reads it"))
            .collect(),
    );
}

/// Public fields of the structures in a file.
fn fields(code: &str) -> Vec<String> {
    let public = code.lines().filter_map(|line| line.strip_prefix("    pub ")).filter(|rest| !rest.starts_with("fn "));
    public.filter(|rest| rest.contains(':')).map(identifier).collect()
}

fn is_used(field: &str, users: &[String]) -> bool {
    let access = format!(".{field}");
    let ends = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '(');
    users.iter().any(|code| code.match_indices(&access).any(|(at, _)| ends(&code[at + access.len()..])))
}

#[test]
fn unused_fields_are_found() {
    let found = fields(
        "pub struct Rules {\n    pub one: u32,\n    pub other: u32,\n    own: u8,\n}\nimpl Rules {\n    pub fn one() {}\n}\n",
    );
    assert_eq!(found, ["one", "other"]);
    let users = ["rules.one; rules.other(); rules.other_one".to_string()];
    assert!(is_used("one", &users) && !is_used("other", &users));
}
