//! Reads the repository's own source for the tests that check it: files, code without comments, functions.
#![allow(dead_code, reason = "each test crate uses its part")]
#![expect(clippy::disallowed_methods, reason = "reads the source tree, not a broker's files")]
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The folders that hold our Rust code.
pub const CODE_FOLDERS: &[&str] = &["src", "protocol-tests", "bench", "tests", "compat", "fuzz", "sim", "benches"];

/// One Rust file: its path from the root of the repository, its text, and its text with comments and literals blanked.
pub struct Source {
    pub path: String,
    pub text: String,
    pub code: String,
    /// All of it is compiled for tests only.
    pub is_test: bool,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Source {
        Source { path: path.to_string(), text: text.to_string(), code: blank(text), is_test: !path.starts_with("src/") }
    }

    /// The code that is part of the product: without comments, literals and `#[cfg(test)]` items.
    pub fn production(&self) -> String {
        if self.is_test { String::new() } else { without_tests(&self.code) }
    }
}

/// Every Rust file of the given folders, in order of path.
pub fn rust_files(folders: &[&str]) -> Vec<Source> {
    let mut sources: Vec<Source> = files(folders)
        .into_iter()
        .filter(|path| path.ends_with(".rs"))
        .map(|path| Source::new(&path, &fs::read_to_string(root().join(&path)).expect("a file that was just listed")))
        .collect();
    let tests: BTreeSet<String> = sources.iter().flat_map(test_modules).collect();
    for source in &mut sources {
        let stem = source.path.trim_end_matches(".rs").trim_end_matches("/mod");
        source.is_test |= tests.iter().any(|test| stem == test || stem.starts_with(&format!("{test}/")));
    }
    sources
}

/// Every file below the given folders and files, from the root, without what builds leave behind.
pub fn files(from: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for start in from {
        visit(&root().join(start), &mut found);
    }
    found.sort();
    found.iter().map(|path| path.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned()).collect()
}

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub fn read(path: &str) -> Option<String> {
    fs::read_to_string(root().join(path)).ok()
}

fn visit(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_file() {
        found.push(path.to_path_buf());
    } else if path.is_dir() && !path.ends_with("target") {
        for entry in fs::read_dir(path).expect("a folder of the repository") {
            visit(&entry.expect("an entry").path(), found);
        }
    }
}

/// The modules that a file declares for tests only, as paths without `.rs`.
fn test_modules(source: &Source) -> Vec<String> {
    let folder = match source.path.strip_suffix("/mod.rs").or_else(|| source.path.strip_suffix("/lib.rs")) {
        Some(folder) => folder.to_string(),
        None => source.path.trim_end_matches(".rs").to_string(),
    };
    let mut modules = Vec::new();
    for rest in source.code.split("#[cfg(test)]").skip(1) {
        let head: Vec<&str> = rest.split(['{', ';']).next().unwrap_or("").split_whitespace().collect();
        if let Some(at) = head.iter().position(|word| *word == "mod")
            && let Some(name) = head.get(at + 1)
        {
            modules.push(format!("{folder}/{name}"));
        }
    }
    modules
}

/// The text with comments, strings and characters replaced by spaces; lines stay where they are.
pub fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = literal_end(text, at);
        if end > at {
            out.extend(text[at..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            at = end;
        } else {
            let c = text[at..].chars().next().expect("inside the text");
            out.push(c);
            at += c.len_utf8();
        }
    }
    out
}

/// Where the comment or literal that begins here ends; `at` itself if none begins.
fn literal_end(text: &str, at: usize) -> usize {
    let rest = &text[at..];
    let previous = text[..at].chars().next_back().unwrap_or(' ');
    let in_word = previous.is_alphanumeric() || previous == '_';
    let end = |length: Option<usize>| length.map_or(text.len(), |length| at + length);
    if rest.starts_with("//") {
        return end(rest.find('\n'));
    }
    if rest.starts_with("/*") {
        return end(rest.find("*/").map(|length| length + 2));
    }
    if rest.starts_with('"') {
        return at + quoted(rest, '"');
    }
    if !in_word || previous == 'b' {
        let hashes = rest.trim_start_matches('r').bytes().take_while(|byte| *byte == b'#').count();
        if rest.starts_with('r') && rest[1 + hashes..].starts_with('"') {
            let close = format!("\"{}", "#".repeat(hashes));
            return end(rest[2 + hashes..].find(&close).map(|length| 2 + hashes + length + close.len()));
        }
    }
    if let Some(inside) = rest.strip_prefix('\'') {
        let mut chars = inside.chars();
        let (first, second) = (chars.next(), chars.next());
        if first == Some('\\') || second == Some('\'') {
            return at + quoted(rest, '\'');
        }
    }
    at
}

/// The length of a quoted literal with its quotes.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (index, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return index + 1,
            _ => {}
        }
    }
    rest.len()
}

/// Blanked code without the items under `#[cfg(test)]`; lines stay where they are.
pub fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(at) = rest.find(MARK) {
        out.push_str(&rest[..at]);
        let item = at + MARK.len();
        let length = item_length(&rest[item..]);
        out.extend(rest[at..item + length].chars().filter(|c| *c == '\n'));
        rest = &rest[item + length..];
    }
    out.push_str(rest);
    out
}

/// The length of an item: to its `;`, or to the brace that closes it.
pub fn item_length(code: &str) -> usize {
    let (mut braces, mut brackets) = (0i32, 0i32);
    for (index, c) in code.char_indices() {
        match c {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets -= 1,
            ';' if braces == 0 && brackets == 0 => return index + 1,
            '{' => braces += 1,
            '}' => {
                braces -= 1;
                if braces == 0 && brackets == 0 {
                    return index + 1;
                }
            }
            _ => {}
        }
    }
    code.len()
}

/// A function: its name, the line where it begins (from 1) and how many lines it has.
#[derive(Debug, PartialEq)]
pub struct Function {
    pub name: String,
    pub line: usize,
    pub lines: usize,
}

/// Every function with a body in blanked code, those in traits and other functions included.
pub fn functions(code: &str) -> Vec<Function> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let before = code[..at].chars().next_back().unwrap_or(' ');
        let name = identifier(&code[at + 3..]);
        if before.is_alphanumeric() || before == '_' || name.is_empty() {
            continue;
        }
        let body = &code[at..at + item_length(&code[at..])];
        if body.ends_with('}') {
            let line = code[..at].lines().count() + usize::from(code[..at].ends_with('\n'));
            found.push(Function { name, line: line.max(1), lines: body.lines().count() });
        }
    }
    found
}

/// The identifier at the beginning of the text, after spaces.
pub fn identifier(text: &str) -> String {
    text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// Whether the code has this word with no letter directly before or behind it.
pub fn has_word(code: &str, word: &str) -> bool {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    code.match_indices(word).any(|(at, _)| {
        let open = word.starts_with(|c: char| c.is_alphanumeric()) && part(code[..at].chars().next_back());
        let close = word.ends_with(|c: char| c.is_alphanumeric()) && part(code[at + word.len()..].chars().next());
        !open && !close
    })
}
