//! Proves the layers: a module uses lower rows only, and what decides knows no clock, disk, network or lock.
mod source;

use source::{CODE_FOLDERS, Source, has_word, identifier, rust_files};
use std::collections::BTreeSet;

/// Bottom to top. A module uses rows below its own, never a neighbour. Change it only with a decision record.
const LAYERS: &[&[&str]] = &[
    &["types"],
    &["config", "metrics", "platform", "wire"],
    &["image", "net", "record"],
    &["log", "quota", "store"],
    &["machine"],
    &["quorum", "replica", "security"],
    &["controller", "coordinator"],
    &["api"],
    &["cli", "http", "server"],
    &["node"],
];

/// Folders that decide and never act: the same input gives the same output.
const PURE: &[&str] = &[
    "types",
    "wire",
    "record",
    "image",
    "controller/core",
    "log/compaction/core",
    "coordinator/group",
    "coordinator/txn",
    "quorum/core",
    "replica/core",
];

/// Within them, what carries decisions out.
const RUNNERS: &[&str] = &["controller/run", "coordinator/run"];

/// What pure code has no word for.
const IMPURE: &[&str] = &[
    ".await",
    "DashMap",
    "HashMap",
    "HashSet",
    "Instant::now",
    "Mutex",
    "RwLock",
    "SystemTime",
    "TcpListener",
    "TcpStream",
    "UdpSocket",
    "Uuid::new_v4",
    "async",
    "crate::platform",
    "parking_lot",
    "rand",
    "rustix",
    "std::env",
    "std::fs",
    "std::process",
    "std::thread",
    "tokio",
];

#[test]
fn modules_use_lower_layers_only_and_pure_folders_stay_pure() {
    let sources = rust_files(&["src"]);
    assert!(sources.len() > 20, "the source tree was not found");
    let faults: Vec<String> = sources.iter().flat_map(faults).collect();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn every_folder_with_code_is_checked() {
    for folder in ["src", "protocol-tests", "bench", "tests"] {
        assert!(CODE_FOLDERS.contains(&folder));
        assert!(!rust_files(&[folder]).is_empty(), "{folder}");
    }
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|row| row.contains(&module))
}

fn faults(source: &Source) -> Vec<String> {
    let path = source.path.trim_start_matches("src/").trim_end_matches(".rs");
    let mut parts: Vec<&str> = path.split('/').collect();
    if parts.last() == Some(&"mod") {
        parts.pop();
    }
    if matches!(parts[..], ["lib"] | ["main"]) {
        return Vec::new();
    }
    let code = source.production();
    let mut faults = purity_faults(path, &code);
    faults.extend(layer_faults(&parts, &code));
    faults.into_iter().map(|fault| format!("{}: {fault}", source.path)).collect()
}

fn layer_faults(parts: &[&str], code: &str) -> Vec<String> {
    let me = parts[0];
    let Some(mine) = layer(me) else {
        return vec![format!("module `{me}` has no layer")];
    };
    let mut faults = Vec::new();
    if code.contains(&"super::".repeat(parts.len())) && parts.len() > 1 || parts.len() == 1 && code_leaves_root(code) {
        faults.push("`super` reaches the root of the crate; write `crate::`".to_string());
    }
    for used in crate_uses(code) {
        match layer(&used) {
            _ if used == me => {}
            Some(theirs) if theirs < mine => {}
            Some(_) => faults.push(format!("`{me}` may not use `{used}`: it is not in a lower layer")),
            None => faults.push(format!("`crate::{used}` is no module with a layer")),
        }
    }
    faults
}

/// In `src/name/mod.rs` a single `super::` is the root, unless it stands in a module inside that file.
fn code_leaves_root(code: &str) -> bool {
    code.lines().any(|line| !line.starts_with(' ') && line.contains("super::"))
}

fn purity_faults(path: &str, code: &str) -> Vec<String> {
    let within =
        |folders: &[&str]| folders.iter().any(|folder| path == *folder || path.starts_with(&format!("{folder}/")));
    let pure = within(PURE) && !within(RUNNERS);
    let words = IMPURE.iter().filter(|word| pure && has_word(code, word));
    words.map(|word| format!("`{word}` in a pure folder")).collect()
}

/// The first name after every `crate::`, with `crate::{a, b::c}` opened up.
fn crate_uses(code: &str) -> BTreeSet<String> {
    let mut uses = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        let rest = rest.trim_start();
        let Some(tree) = rest.strip_prefix('{') else {
            let name = identifier(rest);
            uses.insert(if name.is_empty() { "*".to_string() } else { name });
            continue;
        };
        let mut depth = 0;
        let mut first = true;
        for (index, c) in tree.char_indices() {
            if first && depth == 0 && (c.is_alphabetic() || c == '_' || c == '*') {
                let name = identifier(&tree[index..]);
                uses.insert(if name.is_empty() { "*".to_string() } else { name });
                first = false;
            }
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => first = true,
                _ => {}
            }
        }
    }
    uses
}

/// The faults of one planted file.
fn planted(path: &str, text: &str) -> Vec<String> {
    faults(&Source::new(path, text))
}

#[test]
fn the_checker_is_green_on_lawful_code() {
    let lawful = [
        (
            "src/log/append.rs",
            "use crate::{platform::Disk, record::{BatchHeader, header}, types::Offset};\nfn f() {}\n",
        ),
        ("src/log/mod.rs", "mod append;\nmod inner {\n    use super::append;\n}\n"),
        ("src/log/a/b.rs", "use super::super::append;\nuse crate::log::append;\n"),
        ("src/types/offset.rs", "// tokio::spawn and .await in a comment\nconst A: &str = \"std::fs crate::node\";\n"),
        (
            "src/types/clock.rs",
            "fn f() {}\n#[cfg(test)]\nmod tests {\n    use crate::node::Node;\n    use std::fs;\n}\n",
        ),
        ("src/wire/brand.rs", "struct Random;\nfn operand() {}\nfn async_like() {}\n"),
        ("src/controller/run/mod.rs", "async fn f() { g().await }\n"),
        ("src/main.rs", "use ottla::node;\n"),
    ];
    for (path, text) in lawful {
        assert_eq!(planted(path, text), Vec::<String>::new(), "{path}");
    }
}

#[test]
fn the_checker_is_red_on_planted_faults() {
    let unlawful = [
        ("src/log/append.rs", "use crate::replica::Partition;\n", "`log` may not use `replica`"),
        ("src/log/append.rs", "use crate::{types::Offset, record::{a, b}, node};\n", "`log` may not use `node`"),
        ("src/log/append.rs", "fn f() { crate::api::table(); }\n", "`log` may not use `api`"),
        ("src/record/a.rs", "use crate::net::Frame;\n", "`record` may not use `net`"),
        ("src/server/a.rs", "use crate::http::Page;\n", "`server` may not use `http`"),
        ("src/log/a.rs", "use crate::*;\n", "`crate::*` is no module"),
        ("src/log/a.rs", "use crate::nonsense;\n", "`crate::nonsense` is no module"),
        ("src/log/a.rs", "use super::super::node;\n", "`super` reaches the root"),
        ("src/log/mod.rs", "use super::node;\n", "`super` reaches the root"),
        ("src/stray/mod.rs", "fn f() {}\n", "module `stray` has no layer"),
        ("src/types/a.rs", "use tokio::sync::Notify;\n", "`tokio` in a pure folder"),
        ("src/record/a.rs", "async fn f() { g().await }\n", "`.await` in a pure folder"),
        ("src/image/a.rs", "use std::collections::HashMap;\n", "`HashMap` in a pure folder"),
        ("src/controller/core/a.rs", "use crate::platform::Clock;\n", "`crate::platform` in a pure folder"),
        ("src/wire/a.rs", "fn f() { std::time::Instant::now(); }\n", "`Instant::now` in a pure folder"),
        ("src/coordinator/group/a.rs", "static A: Mutex<u8> = Mutex::new(0);\n", "`Mutex` in a pure folder"),
        (
            "src/log/a.rs",
            "#[cfg(test)]\nmod tests {\n    fn f() { \"}\"; }\n}\nuse crate::node;\n",
            "`log` may not use `node`",
        ),
    ];
    for (path, text, expected) in unlawful {
        let found = planted(path, text);
        assert!(found.iter().any(|fault| fault.contains(expected)), "{path} {text:?}: {found:?}");
    }
}
