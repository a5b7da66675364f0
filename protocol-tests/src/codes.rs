//! Which error codes the answers of each test held, judged against CODES.md when the test program ends: a row whose test
//! ran and never got its code is wrong, and so is a code that stands in no row. `OTTLA_CODES_SEEN` names a file for what was seen.
#![expect(clippy::disallowed_methods, reason = "the table is a file of this crate")]
use crate::{
    broker::{on_kafka, stop_own},
    code_name,
    schema::{decode::error_codes, messages},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{Mutex, Once},
};

/// An API's name and a code as `code_name` tells it.
type Pair = (String, String);

/// The codes by test; the library names the thread of each test after it.
static SEEN: Mutex<BTreeMap<String, BTreeSet<(i16, i16)>>> = Mutex::new(BTreeMap::new());

/// One row of CODES.md.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    pub api: String,
    /// `FencedInstanceId (82)`.
    pub code: String,
    pub by: By,
    /// Apache Kafka answers something else there: DIFFERENCES.md says what.
    pub here_alone: bool,
}

/// What provokes a code.
#[derive(Debug, PartialEq, Eq)]
pub enum By {
    /// The test program and the test in it.
    Test { program: String, name: String },
    /// The title of a case of the golden answers.
    Golden(String),
    /// Nothing can, for the reason that the row gives.
    Nobody,
}

/// Notes the codes of an answer.
pub(crate) fn note_answer(key: i16, version: i16, body: &[u8]) {
    let Some(message) = messages().iter().find(|message| message.key == key && !message.is_request) else { return };
    // What is malformed is told by whoever decodes the answer.
    let Ok(codes) = error_codes(message, version, body) else { return };
    codes.into_iter().for_each(|code| note(key, code));
}

/// Notes a code as one that the test of this thread was answered.
///
/// # Panics
/// When a test panicked while it noted one.
pub fn note(key: i16, code: i16) {
    static AT_THE_END: Once = Once::new();
    // SAFETY: `judge` is a plain function that lives as long as the program.
    AT_THE_END.call_once(|| unsafe {
        atexit(judge);
    });
    let test = std::thread::current().name().unwrap_or_default().to_string();
    let mut seen = SEEN.lock().unwrap();
    let of_test = seen.entry(test).or_default();
    if code != 0 {
        of_test.insert((key, code));
    }
}

unsafe extern "C" {
    fn atexit(function: extern "C" fn()) -> std::ffi::c_int;
    fn _exit(status: std::ffi::c_int) -> !;
}

/// Runs when the test program ends, since only then every test has ended.
extern "C" fn judge() {
    let Ok(seen) = SEEN.lock() else { return };
    let program = std::env::current_exe().ok().and_then(|path| Some(path.file_stem()?.to_str()?.to_string()));
    let program = program.as_deref().and_then(|name| name.rsplit_once('-')).map(|(name, _)| name.to_string());
    let Some(program) = program else { return };
    if let Some(path) = std::env::var_os("OTTLA_CODES_SEEN") {
        let lines = seen.iter().flat_map(|(test, pairs)| pairs.iter().map(move |pair| (test, pair)));
        let lines = lines.map(|(test, pair)| {
            let (api, code) = named(*pair);
            format!("{api} | {code} | {program}::{test}\n")
        });
        let _ = std::fs::write(path, lines.collect::<String>());
    }
    let seen: BTreeMap<String, BTreeSet<Pair>> =
        seen.iter().map(|(test, pairs)| (test.clone(), pairs.iter().copied().map(named).collect())).collect();
    let wrong = faults(&rows(), &program, &seen, on_kafka());
    if !wrong.is_empty() {
        eprintln!("\nprotocol-tests/CODES.md against what {program} saw:\n{}\n", wrong.join("\n"));
        stop_own();
        // SAFETY: the program is ending already; only its status changes.
        unsafe { _exit(101) }
    }
}

fn named((key, code): (i16, i16)) -> Pair {
    let message = messages().iter().find(|message| message.key == key);
    (message.map(|message| message.name.clone()).unwrap_or_default(), code_name(code))
}

/// What is wrong with the rows, by what the tests of one program saw. Tests that did not run prove nothing.
fn faults(rows: &[Row], program: &str, seen: &BTreeMap<String, BTreeSet<Pair>>, on_kafka: bool) -> Vec<String> {
    let mut faults = Vec::new();
    for row in rows.iter().filter(|row| !(on_kafka && row.here_alone)) {
        let By::Test { program: of, name } = &row.by else { continue };
        let pair = (row.api.clone(), row.code.clone());
        if of == program && seen.get(name).is_some_and(|pairs| !pairs.contains(&pair)) {
            faults.push(format!("{name} ran, and {} never answered it {}", row.api, row.code));
        }
    }
    if !on_kafka {
        let known: BTreeSet<Pair> = rows.iter().map(|row| (row.api.clone(), row.code.clone())).collect();
        for (test, pairs) in seen {
            let strange = pairs.difference(&known);
            faults.extend(strange.map(|(api, code)| format!("{api} answered {test} {code}, which has no row")));
        }
    }
    faults
}

/// The rows of CODES.md.
///
/// # Panics
/// When it is not there, or a line of its tables is no row.
pub fn rows() -> Vec<Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("CODES.md");
    let text = std::fs::read_to_string(path).expect("CODES.md");
    let lines = text.lines().filter(|line| line.starts_with('|') && !line.starts_with("|---"));
    lines.filter(|line| !line.starts_with("| API |")).flat_map(parse).collect()
}

/// `| APIs | codes | what provokes them |`: several of the former two stand for each pair of them.
fn parse(line: &str) -> Vec<Row> {
    let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
    let &[apis, codes, what] = &cells[..] else { panic!("{line:?} is no row of three cells") };
    let (what, here_alone) = what.strip_suffix(", here alone").map_or((what, false), |what| (what, true));
    let by = || match what.strip_prefix('`').and_then(|what| what.strip_suffix('`')) {
        None => By::Nobody,
        Some(what) => match what.strip_prefix("golden: ") {
            Some(title) => By::Golden(title.to_string()),
            None => {
                let (program, name) = what.split_once("::").unwrap_or_else(|| panic!("{what:?} names no test"));
                By::Test { program: program.to_string(), name: name.to_string() }
            }
        },
    };
    let pairs = apis.split(", ").flat_map(|api| codes.split(", ").map(move |code| (api, code)));
    pairs.map(|(api, code)| Row { api: api.to_string(), code: code.to_string(), by: by(), here_alone }).collect()
}

#[cfg(test)]
mod named;
#[cfg(test)]
mod tests {
    use super::*;
    use crate::Code;

    fn seen(test: &str, pairs: &[(&str, &str)]) -> BTreeMap<String, BTreeSet<Pair>> {
        let pairs = pairs.iter().map(|(api, code)| (api.to_string(), code.to_string())).collect();
        BTreeMap::from([(test.to_string(), pairs)])
    }

    #[test]
    fn a_row_whose_test_did_not_see_its_code_is_found_and_a_code_without_a_row() {
        let mut rows = parse("| A, B | One (1) | `wire::a::test` |");
        rows.extend(parse("| A | Two (2) | no other broker |"));
        rows.extend(parse("| A | Three (3) | `wire::a::test`, here alone |"));
        let all = [("A", "One (1)"), ("B", "One (1)"), ("A", "Three (3)")];
        assert_eq!(faults(&rows, "wire", &seen("a::test", &all), false), Vec::<String>::new());
        assert_eq!(faults(&rows, "wire", &seen("a::test", &all[..2]), true), Vec::<String>::new());
        assert_eq!(faults(&rows, "wire", &seen("a::test", &all[..2]), false).len(), 1);
        assert_eq!(faults(&rows, "wire", &seen("a::test", &all[1..]), false).len(), 1);
        assert_eq!(faults(&rows, "other", &seen("a::test", &[]), false), Vec::<String>::new());
        assert_eq!(faults(&rows, "wire", &seen("a::other", &[]), false), Vec::<String>::new(), "it did not run");
        let strange = seen("a::other", &[("A", "Two (2)"), ("B", "Two (2)")]);
        assert_eq!(faults(&rows, "wire", &strange, false), ["B answered a::other Two (2), which has no row"]);
    }

    #[test]
    fn every_row_names_an_api_and_a_code_that_exist_and_no_pair_has_two() {
        let mut pairs = BTreeSet::new();
        let codes: BTreeSet<String> =
            (-1..200).filter_map(Code::try_from_code).map(|code| code_name(code.code())).collect();
        for row in rows() {
            assert!(messages().iter().any(|message| message.name == row.api), "{}", row.api);
            assert!(codes.contains(&row.code), "{}", row.code);
            assert!(pairs.insert((row.api.clone(), row.code.clone())), "{} {} stands twice", row.api, row.code);
        }
    }

    #[test]
    fn every_test_that_a_row_names_is_there() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
        for row in rows() {
            let By::Test { program, name } = &row.by else { continue };
            let (file, function) = match name.rsplit_once("::") {
                Some((module, function)) => {
                    (here.join(program).join(format!("{}.rs", module.replace("::", "/"))), function)
                }
                None if here.join(program).is_dir() => (here.join(program).join("main.rs"), name.as_str()),
                None => (here.join(format!("{program}.rs")), name.as_str()),
            };
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            assert!(text.contains(&format!("fn {function}()")), "{program}::{name} is no test");
        }
    }
}
