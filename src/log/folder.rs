//! The directory of one partition, with what all its files share: the disk, the descriptors, the loaded indexes.
use crate::{
    log::{file_cache::FileCache, index::IndexEntry},
    platform::Disk,
};
use parking_lot::{Mutex, RwLock};
use std::{
    collections::{BTreeMap, VecDeque},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// One partition's directory. Its path changes when the log is deleted.
pub struct Folder {
    path: RwLock<PathBuf>,
    disk: Arc<dyn Disk>,
    cache: RwLock<Arc<FileCache>>,
    indexes: Arc<IndexCache>,
}

impl Folder {
    pub fn new(path: PathBuf, cache: Arc<FileCache>, indexes: Arc<IndexCache>) -> Arc<Folder> {
        Arc::new(Folder { path: RwLock::new(path), disk: cache.disk().clone(), cache: RwLock::new(cache), indexes })
    }

    pub fn path(&self) -> PathBuf {
        self.path.read().clone()
    }

    pub fn file(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.read().join(name)
    }

    pub fn moved(&self, path: PathBuf) {
        *self.path.write() = path;
    }

    /// To another log directory, where files are counted for that.
    pub fn moved_to(&self, path: PathBuf, cache: Arc<FileCache>) {
        *self.cache.write() = cache;
        self.moved(path);
    }

    pub fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    pub fn files(&self) -> Arc<FileCache> {
        self.cache.read().clone()
    }

    pub fn indexes(&self) -> &Arc<IndexCache> {
        &self.indexes
    }
}

/// Entries of a whole index file.
pub type LoadedIndex = Arc<Vec<IndexEntry>>;

/// Loaded indexes of segments that are read but no longer written, up to a number of bytes; the oldest go first.
pub struct IndexCache {
    bytes_max: usize,
    next_id: AtomicU64,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    bytes: usize,
    by_segment: BTreeMap<u64, LoadedIndex>,
    order: VecDeque<u64>,
}

impl IndexCache {
    pub fn new(bytes_max: usize) -> Arc<IndexCache> {
        Arc::new(IndexCache { bytes_max, next_id: AtomicU64::new(1), held: Mutex::default() })
    }

    /// A key for one segment, never given out again.
    pub fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    pub fn get(&self, segment: u64) -> Option<LoadedIndex> {
        self.held.lock().by_segment.get(&segment).cloned()
    }

    pub fn put(&self, segment: u64, index: LoadedIndex) {
        let mut held = self.held.lock();
        held.remove(segment);
        held.bytes += size(&index);
        held.by_segment.insert(segment, index);
        held.order.push_back(segment);
        while held.bytes > self.bytes_max && held.order.len() > 1 {
            let Some(oldest) = held.order.front().copied() else { break };
            held.remove(oldest);
        }
    }

    #[cfg(test)]
    pub fn forget_all(&self) {
        *self.held.lock() = Held::default();
    }

    pub fn forget(&self, segment: u64) {
        self.held.lock().remove(segment);
    }
}

impl Held {
    fn remove(&mut self, segment: u64) {
        if let Some(index) = self.by_segment.remove(&segment) {
            self.bytes -= size(&index);
            self.order.retain(|other| *other != segment);
        }
    }
}

fn size(index: &LoadedIndex) -> usize {
    index.len() * size_of::<IndexEntry>() + 64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loaded_indexes_are_bounded() {
        let cache = IndexCache::new(10_000);
        for segment in 0..100 {
            cache.put(segment, Arc::new(vec![IndexEntry { relative: 1, position: 0 }; 100]));
        }
        assert!(cache.get(0).is_none() && cache.get(99).is_some());
        assert!(cache.held.lock().bytes <= 10_000);
        cache.forget(99);
        assert!(cache.get(99).is_none());
    }
}
