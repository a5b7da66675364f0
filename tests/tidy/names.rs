//! Names say what a thing is: no empty words in types and modules.
use crate::{
    demand_none,
    source::{CODE_FOLDERS, Source, identifier, rust_files},
};

/// Words that say nothing, as the parts of a type's name.
const EMPTY_WORDS: &[&str] = &["Data", "Helper", "Helpers", "Impl", "Manager", "Util", "Utils"];
/// The same for files and folders.
const EMPTY_FILES: &[&str] = &["common", "data", "helper", "helpers", "manager", "misc", "util", "utils"];

#[test]
fn names_say_something() {
    demand_none(rust_files(CODE_FOLDERS).iter().flat_map(faults).collect());
}

fn faults(source: &Source) -> Vec<String> {
    let mut faults = Vec::new();
    let parts = source.path.trim_end_matches(".rs").split('/');
    for part in parts.filter(|part| EMPTY_FILES.contains(part)) {
        faults.push(format!("{}: `{part}` says nothing; name it after what it holds", source.path));
    }
    for keyword in ["struct ", "enum ", "trait ", "type "] {
        for rest in source.code.split(keyword).skip(1) {
            let name = identifier(rest);
            for word in camel_words(&name).iter().filter(|word| EMPTY_WORDS.contains(&word.as_str())) {
                faults.push(format!("{}: `{word}` says nothing in `{name}`", source.path));
            }
        }
    }
    faults
}

fn camel_words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for c in name.chars() {
        match words.last_mut() {
            Some(word) if !c.is_uppercase() => word.push(c),
            _ => words.push(c.to_string()),
        }
    }
    words
}

#[test]
fn empty_names_are_found() {
    let of = |path: &str, text: &str| faults(&Source::new(path, text)).len();
    assert_eq!(of("src/log/segment.rs", "struct Metadata;\nenum Database { A }\ntype Managed = u8;\n"), 0);
    assert_eq!(of("src/log/utils.rs", ""), 1);
    assert_eq!(of("src/log/a.rs", "pub struct LogManager;\n"), 1);
    assert_eq!(of("src/log/a.rs", "pub(crate) trait PageHelper {}\nstruct TopicData;\nenum DiskImpl { A }\n"), 3);
}
