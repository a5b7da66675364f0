//! The committed offsets of one topic, by partition.
use super::kept::{Committed, Kept};
use uuid::Uuid;

/// A sorted list that has little room to spare: most groups have one partition of a topic, or many that were committed
/// in order, and there may be a million of them.
#[derive(Clone, Debug, Default)]
pub struct Numbered {
    /// Of the first that was put here: a topic rarely gets another.
    usual_id: Uuid,
    list: Vec<Kept>,
}

/// What is told counts, not how it is kept.
impl PartialEq for Numbered {
    fn eq(&self, other: &Numbered) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Numbered {}

impl Numbered {
    pub fn get(&self, partition: i32) -> Option<Committed<'_>> {
        self.place(partition).ok().map(|at| self.list[at].told(self.usual_id))
    }

    pub fn len(&self) -> usize {
        self.list.len()
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// In the order of partitions.
    pub fn iter(&self) -> impl Iterator<Item = (i32, Committed<'_>)> {
        self.after(None)
    }

    /// Those behind a partition; all of them behind `None`.
    pub fn after(&self, partition: Option<i32>) -> impl Iterator<Item = (i32, Committed<'_>)> {
        let from = partition.map_or(0, |partition| self.list.partition_point(|kept| kept.partition <= partition));
        self.list[from..].iter().map(|kept| (kept.partition, kept.told(self.usual_id)))
    }

    /// For the first, of which many come together; later ones may be the same once more.
    pub(super) fn reserve(&mut self, count: usize) {
        if self.list.is_empty() {
            self.list.reserve_exact(count);
        }
    }

    pub(super) fn insert(&mut self, partition: i32, committed: Committed<'_>) {
        if self.list.is_empty() {
            self.usual_id = committed.topic_id;
        }
        let kept = Kept::new(partition, committed, self.usual_id);
        match self.place(partition) {
            Ok(at) => self.list[at] = kept,
            Err(at) => {
                if self.list.len() == self.list.capacity() {
                    self.list.reserve_exact(1 + self.list.len() / 3);
                }
                self.list.insert(at, kept);
            }
        }
    }

    pub(super) fn remove(&mut self, partition: i32) {
        if let Ok(at) = self.place(partition) {
            self.list.remove(at);
        }
    }

    fn place(&self, partition: i32) -> Result<usize, usize> {
        // Most are committed in order.
        if self.list.last().is_none_or(|last| last.partition < partition) {
            return Err(self.list.len());
        }
        self.list.binary_search_by_key(&partition, |kept| kept.partition)
    }
}
