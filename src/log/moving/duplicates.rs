//! A crash between the two renames of a move leaves a log in two directories: the one that has the marker is kept.
use super::switch::is_marked;
use crate::{
    log::{LogDir, LogDirError, LogId, names, scan},
    platform::OpenMode,
    types::Offset,
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Answers what is left of what was found, in the order of the directories. Nothing was appended to either copy of a log while both
/// had the name, unless a start has found one directory alone, and went on in that. Two that no move explains are somebody's mistake.
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
        let mut farthest = (end_in(&directories[kept], id, &folder(&kept))?, kept);
        for at in places.iter().filter(|at| **at != kept) {
            let end = end_in(&directories[*at], id, &folder(at))?;
            if end > farthest.0 {
                farthest = (end, *at);
            }
        }
        let (_, farthest) = farthest;
        if farthest != kept {
            let left = directories[kept].set_aside(&names::of_partition(&id.topic, id.partition), names::STRAY_DIR);
            let left = left.map_err(LogDirError::io("rename", &folder(&kept)))?;
            directories[kept].forget(id.topic_partition());
            tracing::warn!(log = %id, kept = %folder(&farthest).display(), set_aside = %left.display(), "the log had moved, but went on where it was, in a start that had not the other directory");
            found[kept].retain(|other| other != id);
            continue;
        }
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

/// Where the log ends in this directory, by its last file and the write-ahead log.
fn end_in(directory: &LogDir, id: &LogId, folder: &Path) -> Result<Offset, LogDirError> {
    let disk = &directory.shared.disk;
    let listing = disk.list(folder).map_err(LogDirError::io("list", folder))?;
    let last = listing
        .iter()
        .filter_map(|file| Some((names::offset_of(&file.name, names::LOG)?, file)))
        .max_by_key(|(base, _)| *base);
    let logged = directory.logged_end(id);
    let Some((base, file)) = last else { return Ok(logged.unwrap_or_default()) };
    let path = folder.join(&file.name);
    let read = || scan::end_of_records(&*disk.open(&path, OpenMode::Read)?, file.len, base);
    Ok(read().map_err(LogDirError::io("read", &path))?.max(logged.unwrap_or_default()))
}
