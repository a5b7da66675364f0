//! Files and functions stay small; an exception has a reason and a number that may only fall.
use crate::{
    demand_none,
    source::{CODE_FOLDERS, Source, functions, read, rust_files},
};

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
/// Lines of `path lines reason` and `path::function lines reason`.
const EXCEPTIONS: &str = "tests/tidy/exceptions.txt";

struct Exception {
    name: String,
    lines: usize,
}

#[test]
fn files_and_functions_are_small() {
    let mut long = Vec::new();
    for source in rust_files(CODE_FOLDERS) {
        long.extend(too_long(&source));
    }
    demand_none(judge(&long, &exceptions(&read(EXCEPTIONS).expect("the list of exceptions"))));
}

/// What is over its limit: a path or `path::function`, and its lines.
fn too_long(source: &Source) -> Vec<(String, usize)> {
    let mut long = Vec::new();
    let lines = source.text.lines().count();
    if lines > FILE_LINES_MAX {
        long.push((source.path.clone(), lines));
    }
    for function in functions(&source.code) {
        if function.lines > FUNCTION_LINES_MAX {
            long.push((format!("{}::{}", source.path, function.name), function.lines));
        }
    }
    long
}

fn exceptions(text: &str) -> Vec<Exception> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    lines
        .map(|line| {
            let mut words = line.split_whitespace();
            let (name, number) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            assert!(words.count() >= 3, "an exception needs its reason: {line}");
            Exception { name: name.to_string(), lines: number.parse().expect("a number of lines") }
        })
        .collect()
}

fn judge(long: &[(String, usize)], exceptions: &[Exception]) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, lines) in long {
        match exceptions.iter().find(|exception| exception.name == *name) {
            None => faults
                .push(format!("{name}: {lines} lines; files have {FILE_LINES_MAX}, functions {FUNCTION_LINES_MAX}")),
            Some(exception) if *lines > exception.lines => {
                faults.push(format!("{name}: grew to {lines} lines; its exception allows {}", exception.lines));
            }
            Some(exception) if *lines < exception.lines => {
                faults.push(format!("{name}: has shrunk; lower its number in {EXCEPTIONS} to {lines}"));
            }
            Some(_) => {}
        }
    }
    let gone = exceptions.iter().filter(|exception| !long.iter().any(|(name, _)| *name == exception.name));
    faults.extend(gone.map(|exception| format!("{}: needs no exception any more", exception.name)));
    faults
}

#[test]
fn long_files_and_functions_are_found() {
    let long = Source::new("src/log/a.rs", &"// a line\n".repeat(501));
    assert_eq!(too_long(&long), [("src/log/a.rs".to_string(), 501)]);
    let body = "        let brace = \"}\"; // }\n".repeat(69);
    let text =
        format!("impl A {{\n    pub(crate) fn far(a: [u8; 4]) -> [u8; 2] {{\n{body}    }}\n    fn near() {{}}\n}}\n");
    assert_eq!(too_long(&Source::new("src/log/a.rs", &text)), [("src/log/a.rs::far".to_string(), 71)]);
}

#[test]
fn exceptions_only_fall() {
    let list = exceptions("# head\nsrc/a.rs 600 one table of all names\n");
    let of = |lines: usize| judge(&[("src/a.rs".to_string(), lines)], &list);
    assert!(of(600).is_empty());
    assert!(of(601)[0].contains("grew"));
    assert!(of(599)[0].contains("lower its number"));
    assert!(judge(&[], &list)[0].contains("no exception any more"));
    assert!(judge(&[("src/b.rs".to_string(), 501)], &[])[0].contains("501 lines"));
}
