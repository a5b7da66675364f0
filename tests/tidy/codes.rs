//! Every error code that the handler of an API names has its row in protocol-tests/CODES.md: what provokes it, or why
//! nothing can.
use crate::{
    demand_none,
    source::{read, rust_files},
};
use std::collections::BTreeSet;

/// The code of every success.
const NONE: &str = "None";

#[test]
fn every_code_that_a_handler_names_has_a_row() {
    let table = read("protocol-tests/CODES.md").expect("the table");
    let rows = rows(&table);
    let apis: BTreeSet<&str> = rows.iter().map(|(api, _)| api.as_str()).collect();
    assert!(apis.len() > 40, "the table is read");
    let mut missing = Vec::new();
    for source in rust_files(&["src/api"]).iter().filter(|source| !source.is_test) {
        let api = api(&source.path);
        if apis.contains(api.as_str()) {
            let codes = codes(&source.production());
            let unknown = codes.into_iter().filter(|code| !rows.contains(&(api.clone(), code.clone())));
            missing.extend(unknown.map(|code| format!("{}: {api} {code} has no row", source.path)));
        }
    }
    demand_none(missing);
}

/// API and code of each row; a cell may hold several.
fn rows(table: &str) -> BTreeSet<(String, String)> {
    let cells = table.lines().filter(|line| line.starts_with("| ")).map(|line| line.split(" | ").collect::<Vec<_>>());
    let pairs = cells.filter(|cells| cells.len() == 3).flat_map(|cells| {
        let apis = cells[0].trim_start_matches("| ").split(", ").map(str::to_owned).collect::<Vec<_>>();
        let codes: Vec<String> = cells[1].split(", ").filter_map(|code| Some(code.split(' ').next()?.into())).collect();
        apis.into_iter().flat_map(move |api| codes.clone().into_iter().map(move |code| (api.clone(), code)))
    });
    pairs.collect()
}

/// `src/api/fetch/read.rs` is part of `Fetch`.
fn api(path: &str) -> String {
    let stem = path.trim_start_matches("src/api/").split(['/', '.']).next().unwrap_or_default();
    stem.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

fn codes(code: &str) -> BTreeSet<String> {
    let names = code.split("ErrorCode::").skip(1).map(|rest| rest.split(|c: char| !c.is_alphanumeric()).next());
    names.flatten().filter(|name| name.starts_with(char::is_uppercase) && *name != NONE).map(str::to_owned).collect()
}

#[test]
fn a_code_without_its_row_is_found() {
    let rows = rows("| API | Code | Provoked by |\n|---|---|---|\n| A, B | One (1), Two (2) | `wire::a` |\n");
    for api in ["A", "B"] {
        assert!(["One", "Two"].iter().all(|code| rows.contains(&(api.to_owned(), (*code).to_owned()))));
    }
    assert_eq!((api("src/api/fetch/read.rs"), api("src/api/end_txn.rs")), ("Fetch".into(), "EndTxn".into()));
    let found = codes("Err(ErrorCode::InvalidRequest) else { ErrorCode::None } ErrorCode::from_wire(1)");
    assert_eq!(found, BTreeSet::from(["InvalidRequest".to_owned()]));
}
