//! All partitions on this broker, by topic name and by topic id: looked up without a lock.
use super::{Moves, Partition, TopicSettings};
use crate::{
    log::{Closed, LogDir, LogId},
    types::{NodeId, TopicId, TopicName},
};
use arc_swap::ArcSwap;
use imbl::HashMap;
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::Notify;

/// One topic as this broker holds it. Partitions that live elsewhere are `None`.
pub struct Topic {
    pub name: TopicName,
    pub id: TopicId,
    pub partitions: Vec<Option<Arc<Partition>>>,
    pub settings: Arc<TopicSettings>,
}

impl Topic {
    pub fn partition(&self, index: i32) -> Option<&Arc<Partition>> {
        self.partitions.get(usize::try_from(index).ok()?)?.as_ref()
    }
}

#[derive(Clone, Default)]
struct Maps {
    by_name: HashMap<String, Arc<Topic>>,
    by_id: HashMap<TopicId, Arc<Topic>>,
}

/// What the log directories held at the start.
#[derive(Clone, Default, Debug)]
pub struct Found {
    /// Partitions by the places of their directories; empty when there is only one directory.
    pub held: BTreeMap<(TopicId, i32), usize>,
    /// Those of which only the name is known: their directories do not say any more which topic they are of.
    pub nameless: BTreeMap<(TopicName, i32), usize>,
    /// Directories that could not be opened: what is nowhere else is taken to be there (OPS-2).
    pub offline: Vec<PathBuf>,
}

/// The partitions of this broker. Readers see one consistent set; the metadata publisher replaces it.
pub struct Partitions {
    maps: ArcSwap<Maps>,
    /// Held by whoever changes the set: one publisher at a time.
    changing: Mutex<()>,
    directories: Vec<Arc<LogDir>>,
    found: Found,
    /// All partitions of before this start have their place: what comes now is new.
    settled: AtomicBool,
    this_node: NodeId,
    moves: OnceLock<Arc<Moves>>,
    /// Directories that get no new partitions, nor any by a move (KIP-1066).
    cordoned: ArcSwap<BTreeSet<PathBuf>>,
    cordons: Notify,
}

impl Partitions {
    pub fn new(this_node: NodeId, directories: Vec<Arc<LogDir>>, found: Found) -> Arc<Partitions> {
        assert!(!directories.is_empty(), "a broker has a log directory");
        Arc::new(Partitions {
            maps: ArcSwap::from_pointee(Maps::default()),
            changing: Mutex::new(()),
            directories,
            found,
            settled: AtomicBool::new(false),
            this_node,
            moves: OnceLock::new(),
            cordoned: ArcSwap::default(),
            cordons: Notify::new(),
        })
    }

    /// Set once, at the start.
    pub fn set_moves(&self, moves: Arc<Moves>) {
        let _ = self.moves.set(moves);
    }

    /// Partitions on their way to another directory.
    pub fn moves(&self) -> Option<&Arc<Moves>> {
        self.moves.get()
    }

    pub fn set_cordoned(&self, paths: impl IntoIterator<Item = PathBuf>) {
        self.cordoned.store(Arc::new(paths.into_iter().collect()));
        self.cordons.notify_one();
    }

    /// Other directories may be cordoned now; for one who waits.
    pub async fn cordons_changed(&self) {
        self.cordons.notified().await;
    }

    pub fn is_cordoned(&self, path: &Path) -> bool {
        self.cordoned.load().contains(path)
    }

    pub fn this_node(&self) -> NodeId {
        self.this_node
    }

    pub fn directories(&self) -> &[Arc<LogDir>] {
        &self.directories
    }

    /// Directories that could not be opened at the start.
    pub fn offline(&self) -> &[PathBuf] {
        &self.found.offline
    }

    /// The partitions that there were before this start have been placed.
    pub fn settle(&self) {
        self.settled.store(true, Ordering::Release);
    }

    pub fn topic(&self, name: &str) -> Option<Arc<Topic>> {
        self.maps.load().by_name.get(name).cloned()
    }

    pub fn topic_by_id(&self, id: TopicId) -> Option<Arc<Topic>> {
        self.maps.load().by_id.get(&id).cloned()
    }

    /// One partition by the names of a request.
    pub fn partition(&self, topic: &str, index: i32) -> Option<Arc<Partition>> {
        self.maps.load().by_name.get(topic)?.partition(index).cloned()
    }

    pub fn topics(&self) -> Vec<Arc<Topic>> {
        self.maps.load().by_name.values().cloned().collect()
    }

    pub fn count(&self) -> usize {
        self.maps.load().by_name.values().map(|topic| topic.partitions.iter().flatten().count()).sum()
    }

    /// The directory that a new partition goes to: the one with the fewest, among those that work. `beside`: its topic's
    /// other partitions, which are not known here before all of them have their place. `None`: it is in a directory that is
    /// offline, and must not begin anew elsewhere.
    pub fn place(&self, id: &LogId, beside: &[Option<Arc<Partition>>]) -> Option<Arc<LogDir>> {
        let held = self.found.held.get(&(id.topic_id, id.partition));
        let held = held.or_else(|| self.found.nameless.get(&(id.topic.clone(), id.partition)));
        let found = held.and_then(|index| self.directories.get(*index));
        if found.is_none() && !self.found.offline.is_empty() && !self.settled.load(Ordering::Acquire) {
            return None;
        }
        let found = found.or(self.directories.first().filter(|_| self.directories.len() == 1));
        let emptiest = || {
            let load = |directory: &&Arc<LogDir>| {
                let is_last_choice = (directory.failure().is_some(), self.is_cordoned(directory.path()));
                (is_last_choice, self.count_in(directory, id, beside))
            };
            self.directories.iter().min_by_key(load)
        };
        found.or_else(emptiest).cloned()
    }

    fn count_in(&self, directory: &Arc<LogDir>, id: &LogId, beside: &[Option<Arc<Partition>>]) -> usize {
        let maps = self.maps.load();
        let others = maps.by_name.values().filter(|topic| topic.id != id.topic_id);
        let partitions = others.flat_map(|topic| &topic.partitions).chain(beside).flatten();
        partitions.filter(|partition| partition.is_in(directory)).count()
    }

    /// Sets or replaces a topic.
    pub fn put(&self, topic: Topic) {
        let _changing = self.changing.lock();
        let mut maps = Maps::clone(&self.maps.load());
        let topic = Arc::new(topic);
        maps.by_name.insert(topic.name.as_str().to_owned(), topic.clone());
        maps.by_id.insert(topic.id, topic);
        self.maps.store(Arc::new(maps));
    }

    /// Takes a topic away; the caller deletes its partitions' logs.
    pub fn remove(&self, id: TopicId) -> Option<Arc<Topic>> {
        let _changing = self.changing.lock();
        let mut maps = Maps::clone(&self.maps.load());
        let topic = maps.by_id.remove(&id)?;
        // A topic of the same name may have been made again.
        if maps.by_name.get(topic.name.as_str()).is_some_and(|named| named.id == id) {
            maps.by_name.remove(topic.name.as_str());
        }
        self.maps.store(Arc::new(maps));
        Some(topic)
    }

    /// Wakes everyone who waits anywhere.
    pub fn close_marks(&self, why: Closed) {
        for topic in self.topics() {
            for partition in topic.partitions.iter().flatten() {
                partition.close_marks(why);
            }
        }
    }
}
