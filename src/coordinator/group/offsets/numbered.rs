//! The committed offsets of one topic, by partition.
use super::state::Committed;

/// A sorted list that has little room to spare: most groups have one partition of a topic, or many that were committed
/// in order, and there may be a million of them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Numbered {
    list: Vec<(i32, Committed)>,
}

impl Numbered {
    pub fn get(&self, partition: i32) -> Option<&Committed> {
        self.place(partition).ok().map(|at| &self.list[at].1)
    }

    pub fn len(&self) -> usize {
        self.list.len()
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// In the order of partitions.
    pub fn iter(&self) -> impl Iterator<Item = (i32, &Committed)> {
        self.list.iter().map(|(partition, committed)| (*partition, committed))
    }

    /// Those behind a partition; all of them behind `None`.
    pub fn after(&self, partition: Option<i32>) -> impl Iterator<Item = (i32, &Committed)> {
        let from = partition.map_or(0, |partition| self.list.partition_point(|(number, _)| *number <= partition));
        self.list[from..].iter().map(|(partition, committed)| (*partition, committed))
    }

    pub(super) fn insert(&mut self, partition: i32, committed: Committed) {
        match self.place(partition) {
            Ok(at) => self.list[at].1 = committed,
            Err(at) => {
                if self.list.len() == self.list.capacity() {
                    self.list.reserve_exact(1 + self.list.len() / 4);
                }
                self.list.insert(at, (partition, committed));
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
        if self.list.last().is_none_or(|(last, _)| *last < partition) {
            return Err(self.list.len());
        }
        self.list.binary_search_by_key(&partition, |(number, _)| *number)
    }
}
