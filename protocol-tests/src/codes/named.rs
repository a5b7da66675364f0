//! No code that the broker's own files name for an API is missing in CODES.md: a test sees only what it provokes.
use super::rows;
use crate::schema::messages;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// Files that decide below the handlers, and the APIs that answer with what they name. `""`: what they name is told to no
/// client, or by those who call them. Handlers are found by their names.
const DECIDE_FOR: &[(&str, &str)] = &[
    ("controller/core/brokers.rs", ""),
    ("controller/core/configs.rs", "AlterConfigs, IncrementalAlterConfigs"),
    ("controller/core/elections.rs", "ElectLeaders"),
    ("controller/core/features.rs", "UpdateFeatures"),
    ("controller/core/machine.rs", "AlterConfigs, IncrementalAlterConfigs"),
    ("controller/core/partitions.rs", "CreatePartitions"),
    ("controller/core/placement.rs", "CreateTopics, CreatePartitions"),
    ("controller/core/reassignments.rs", "AlterPartitionReassignments"),
    ("controller/core/topics.rs", ""),
    ("coordinator/group/classic/commit.rs", "OffsetCommit, TxnOffsetCommit"),
    ("coordinator/group/classic/handover.rs", "JoinGroup, SyncGroup"),
    ("coordinator/group/classic/heartbeat.rs", "Heartbeat"),
    ("coordinator/group/classic/join.rs", "JoinGroup"),
    ("coordinator/group/classic/leave.rs", "LeaveGroup"),
    ("coordinator/group/classic/live.rs", "JoinGroup, SyncGroup, Heartbeat, OffsetCommit, TxnOffsetCommit"),
    ("coordinator/group/classic/mod.rs", "JoinGroup"),
    ("coordinator/group/classic/rebalance.rs", "SyncGroup"),
    ("coordinator/group/classic/step.rs", "JoinGroup"),
    ("coordinator/group/classic/sync.rs", "SyncGroup"),
    ("coordinator/group/consumer/classic/heartbeat.rs", "Heartbeat"),
    ("coordinator/group/consumer/classic/join.rs", "JoinGroup"),
    ("coordinator/group/consumer/classic/leave.rs", "LeaveGroup"),
    ("coordinator/group/consumer/classic/mod.rs", "SyncGroup, Heartbeat"),
    ("coordinator/group/consumer/classic/sync.rs", "SyncGroup"),
    ("coordinator/group/consumer/classic/upgrade.rs", "ConsumerGroupHeartbeat"),
    ("coordinator/group/consumer/commit.rs", "OffsetCommit, TxnOffsetCommit"),
    ("coordinator/group/consumer/heartbeat.rs", "ConsumerGroupHeartbeat"),
    ("coordinator/group/consumer/leave.rs", "ConsumerGroupHeartbeat"),
    ("coordinator/group/consumer/mod.rs", "ConsumerGroupHeartbeat"),
    ("coordinator/group/consumer/reconcile.rs", "ConsumerGroupHeartbeat"),
    ("coordinator/group/consumer/request.rs", "ConsumerGroupHeartbeat"),
    ("coordinator/group/consumer/subscription.rs", "ConsumerGroupHeartbeat"),
    ("coordinator/group/offsets/commit.rs", "OffsetCommit, TxnOffsetCommit"),
    ("coordinator/group/offsets/delete.rs", "OffsetDelete"),
    ("coordinator/group/offsets/fetch.rs", "OffsetFetch"),
    ("coordinator/group/offsets/mod.rs", "OffsetCommit"),
    ("coordinator/group/offsets/standing.rs", "OffsetCommit"),
    ("coordinator/run/marking.rs", "WriteTxnMarkers"),
    // What a marker's answer means to who has sent it.
    ("coordinator/txn/markers.rs", ""),
    ("coordinator/txn/end.rs", "EndTxn"),
    ("coordinator/txn/init.rs", "InitProducerId"),
    ("coordinator/txn/machine.rs", "EndTxn, AddPartitionsToTxn, AddOffsetsToTxn"),
    ("coordinator/txn/partitions.rs", "AddPartitionsToTxn"),
];

/// An API that one of its files names a code for, and that never answers it.
const NEVER: &[(&str, &str)] = &[
    // Transactions commit while their group assigns; a stale epoch is told them as an illegal generation.
    ("TxnOffsetCommit", "RebalanceInProgress"),
    ("TxnOffsetCommit", "StaleMemberEpoch"),
];

/// What stands behind `ErrorCode::` before the tests of a file.
fn named(text: &str) -> BTreeSet<&str> {
    let product = text.split("#[cfg(test)]").next().unwrap_or_default();
    let behind = product.split("ErrorCode::").skip(1);
    let names = behind.filter_map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric()).next());
    names.filter(|name| *name != "None" && name.starts_with(|c: char| c.is_ascii_uppercase())).collect()
}

fn files_below(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of the broker").map(|entry| entry.expect("an entry").path())
    {
        match entry.file_name().and_then(|name| name.to_str()) {
            Some("tests" | "tests.rs") => {}
            _ if entry.is_dir() => files_below(&entry, into),
            Some(name) if name.ends_with(".rs") => into.push(entry),
            _ => {}
        }
    }
}

/// `produce/whole.rs` handles Produce as `produce.rs` does.
fn handled_by(path: &Path) -> Option<String> {
    let names = path.iter().filter_map(|part| part.to_str()).map(|part| part.trim_end_matches(".rs").replace('_', ""));
    names
        .filter_map(|name| Some(messages().iter().find(|one| one.name.eq_ignore_ascii_case(&name))?.name.clone()))
        .next()
}

#[test]
fn every_code_that_a_handler_or_what_decides_for_it_names_has_a_row() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../src");
    let known: BTreeSet<(String, String)> = rows()
        .into_iter()
        .map(|row| (row.api, row.code.split(' ').next().unwrap_or_default().to_string()))
        .chain(NEVER.iter().map(|(api, code)| (api.to_string(), code.to_string())))
        .collect();
    let mut files = Vec::new();
    for folder in ["api", "controller/core", "coordinator"] {
        files_below(&source.join(folder), &mut files);
    }
    let mut wrong = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a file of the broker");
        let (codes, path) = (named(&text), file.strip_prefix(&source).expect("below the folder"));
        let apis: Vec<String> = match path.strip_prefix("api") {
            Ok(handler) => handled_by(handler).into_iter().collect(),
            Err(_) if codes.is_empty() => continue,
            Err(_) => match DECIDE_FOR.iter().find(|(known, _)| path == Path::new(known)) {
                Some((_, apis)) => apis.split(", ").filter(|api| !api.is_empty()).map(str::to_string).collect(),
                None => {
                    wrong.push(format!("{} names {codes:?}: which API answers them?", path.display()));
                    continue;
                }
            },
        };
        let pairs = apis.iter().flat_map(|api| codes.iter().map(move |code| (api.clone(), code.to_string())));
        let missing = pairs.filter(|pair| !known.contains(pair));
        wrong.extend(missing.map(|(api, code)| format!("{} names {code}: {api} has no such row", path.display())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn programs_that_ask_an_ottla_of_their_own_also_in_front_of_kafka_are_named() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(folder.join("CODES.md")).expect("CODES.md");
    let introduction = text.split("\n|").next().unwrap_or_default();
    let programs: BTreeSet<String> = rows()
        .into_iter()
        .filter_map(|row| match row.by {
            super::By::Test { program, .. } => Some(program),
            _ => None,
        })
        .collect();
    for program in programs {
        let text = std::fs::read_to_string(folder.join(format!("tests/{program}.rs"))).unwrap_or_default();
        let own = text.contains("Child::start(") && !text.contains("OTTLA_TEST_LIMITED_BROKER");
        assert_eq!(own, introduction.contains(&format!("`{program}`")), "{program}");
    }
}
