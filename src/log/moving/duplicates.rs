//! A crash between the two renames of a move leaves a log in two directories: the one that has the marker is kept.
use super::switch::is_marked;
use crate::log::{LogDir, LogDirError, LogId, names};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

/// Answers what is left of what was found, in the order of the directories. Nothing was appended to either copy of a log while both
/// had the name. Two that no move explains are somebody's mistake.
pub fn settle_duplicates(
    directories: &[Arc<LogDir>],
    mut found: Vec<Vec<LogId>>,
) -> Result<Vec<Vec<LogId>>, LogDirError> {
    let mut places: BTreeMap<LogId, Vec<usize>> = BTreeMap::new();
    for (at, ids) in found.iter().enumerate() {
        ids.iter().for_each(|id| places.entry(id.clone()).or_default().push(at));
    }
    for (id, places) in places.iter().filter(|(_, places)| places.len() > 1) {
        let folder = |at: &usize| directories[*at].path().join(names::of_partition(&id.topic, id.partition));
        let marked: Vec<usize> =
            places.iter().copied().filter(|at| is_marked(&directories[*at], &folder(at))).collect();
        let [kept] = marked[..] else {
            let paths: Vec<PathBuf> = places.iter().map(folder).collect();
            return Err(LogDirError::Twice { log: id.to_string(), paths });
        };
        // A kill may have come before the name in the new place was durable: it is before the other one goes.
        let path = directories[kept].path();
        directories[kept].shared.disk.sync_dir(path).map_err(LogDirError::io("sync", path))?;
        for at in places.iter().copied().filter(|at| *at != kept) {
            tracing::warn!(log = %id, kept = %folder(&kept).display(), removed = %folder(&at).display(), "a move was interrupted after its end");
            let left = directories[at].delete_closed(id, 0);
            left.map_err(|error| LogDirError::Leftover { path: folder(&at), error: error.to_string() })?;
            found[at].retain(|other| other != id);
        }
    }
    Ok(found)
}
