//! A crash between the two renames of a move leaves a log in two directories: the one that has the marker is kept.
use super::switch::marked;
use crate::{
    log::{LogDir, LogDirError, LogId, names, scan},
    platform::OpenMode,
    types::Offset,
};
use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Where a log begins and ends.
type Bounds = (Offset, Offset);

/// Answers what is left of what was found, in the order of the directories. Nothing was appended to either copy of a log while both
/// had the name; but a start that had one directory alone went on in that, and then nothing of it is deleted. Two that no move explains are
/// somebody's mistake.
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
        let marks: Vec<(usize, Option<Bounds>)> =
            places.iter().filter_map(|at| Some((*at, marked(&directories[*at], &folder(at))?))).collect();
        let [(copy, then)] = marks[..] else {
            let paths: Vec<PathBuf> = places.iter().map(folder).collect();
            return Err(LogDirError::Twice { log: id.to_string(), paths });
        };
        // A kill may have come before the name in the new place was durable: it is before the other one goes.
        let path = directories[copy].path();
        directories[copy].shared.disk.sync_dir(path).map_err(LogDirError::io("sync", path))?;
        let now_of = |at: &usize| bounds_in(&directories[*at], id, &folder(at));
        let mut kept = copy;
        for at in places.iter().copied().filter(|at| *at != copy) {
            let copied = now_of(&copy).ok();
            let went_on = match (now_of(&at), then.or(copied)) {
                (Ok((start, end)), Some(then)) => start > then.0 || end > then.1,
                // Who cannot be asked may have.
                _ => true,
            };
            if !went_on {
                tracing::warn!(log = %id, kept = %folder(&kept).display(), removed = %folder(&at).display(), "a move was interrupted after its end");
                let left = directories[at].delete_closed(id, 0);
                left.map_err(|error| LogDirError::Leftover { path: folder(&at), error: error.to_string() })?;
                found[at].retain(|other| other != id);
                continue;
            }
            let end_of = |at: &usize| now_of(at).ok().map(|(_, end)| end);
            let has_copy_gone_on = then.is_some_and(|then| copied.is_some_and(|now| now.1 > then.1));
            let farther = !has_copy_gone_on || end_of(&at) > end_of(&kept);
            let (stays, goes) = if farther && now_of(&at).is_ok() { (at, kept) } else { (kept, at) };
            let name = names::of_partition(&id.topic, id.partition);
            let left = directories[goes].set_aside(&name, names::STRAY_DIR);
            let left = left.map_err(LogDirError::io("rename", &folder(&goes)))?;
            directories[goes].forget(id.topic_partition());
            if has_copy_gone_on {
                tracing::error!(log = %id, kept = %folder(&stays).display(), set_aside = %left.display(), "the log went on in two directories, each in a start that had not the other: what is in the one set aside is not served");
            } else {
                tracing::warn!(log = %id, kept = %folder(&stays).display(), set_aside = %left.display(), "a move was interrupted after its end, and the log may have gone on where it was");
            }
            found[goes].retain(|other| other != id);
            kept = stays;
        }
    }
    Ok(found)
}

/// By its notes, its last file and the write-ahead log.
fn bounds_in(directory: &LogDir, id: &LogId, folder: &Path) -> io::Result<Bounds> {
    let disk = &directory.shared.disk;
    let listing = disk.list(folder)?;
    let segments = listing.iter().filter_map(|file| Some((names::offset_of(&file.name, names::LOG)?, file)));
    let noted = directory.checkpoints.lock().starts.get(&id.topic_partition());
    let start = noted.max(directory.logged_start(id)).unwrap_or_default();
    let end = match segments.max_by_key(|(base, _)| *base) {
        Some((base, file)) => {
            scan::end_of_records(&*disk.open(&folder.join(&file.name), OpenMode::Read)?, file.len, base)?
        }
        None => Offset::ZERO,
    };
    Ok((start, end.max(directory.logged_end(id).unwrap_or_default())))
}
