//! The partitions of one topic, by number.
use super::Partition;
use std::ops::{Index, RangeFrom};

/// Sorted by number. A plain list: a topic of one partition, and there may be a hundred thousand of them, pays for
/// one; a topic of ten thousand is copied once for each operation that changes it, which takes less than a
/// millisecond.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Partitions {
    list: Vec<(i32, Partition)>,
}

impl Partitions {
    pub fn get(&self, number: &i32) -> Option<&Partition> {
        self.position(*number).ok().map(|at| &self.list[at].1)
    }

    /// The partition of the lowest number.
    pub fn get_min(&self) -> Option<&(i32, Partition)> {
        self.list.first()
    }

    pub fn len(&self) -> usize {
        self.list.len()
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&i32, &Partition)> + '_ {
        self.list.iter().map(|(number, partition)| (number, partition))
    }

    pub fn keys(&self) -> impl Iterator<Item = &i32> + '_ {
        self.list.iter().map(|(number, _)| number)
    }

    pub fn values(&self) -> impl Iterator<Item = &Partition> + '_ {
        self.list.iter().map(|(_, partition)| partition)
    }

    /// From a number on.
    pub fn range(&self, from: RangeFrom<i32>) -> impl Iterator<Item = (&i32, &Partition)> + '_ {
        let at = self.position(from.start).unwrap_or_else(|at| at);
        self.list[at..].iter().map(|(number, partition)| (number, partition))
    }

    /// What stood there before.
    pub(super) fn insert(&mut self, number: i32, partition: Partition) -> Option<Partition> {
        match self.position(number) {
            Ok(at) => Some(std::mem::replace(&mut self.list[at].1, partition)),
            Err(at) => {
                if self.list.is_empty() {
                    // Most topics have one: a list grows from four otherwise.
                    self.list.reserve_exact(1);
                }
                self.list.insert(at, (number, partition));
                None
            }
        }
    }

    /// Partitions are numbered from 0 without gaps, save in a log that is damaged or half replayed: then searched.
    fn position(&self, number: i32) -> Result<usize, usize> {
        match usize::try_from(number) {
            Ok(at) if self.list.get(at).is_some_and(|(found, _)| *found == number) => Ok(at),
            _ => self.list.binary_search_by_key(&number, |(found, _)| *found),
        }
    }
}

impl Index<&i32> for Partitions {
    type Output = Partition;

    /// Panics when the partition does not exist.
    fn index(&self, number: &i32) -> &Partition {
        self.get(number).expect("a partition that exists")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::metadata::PartitionRecord;

    #[test]
    fn partitions_are_found_by_number_in_whatever_order_they_came() {
        let partition = || Partition::of_record(&PartitionRecord::default(), None).unwrap();
        let mut partitions = Partitions::default();
        for number in [3, 0, 7, 1] {
            assert_eq!(partitions.insert(number, partition()), None);
        }
        assert!(partitions.insert(3, partition()).is_some());
        assert!(partitions.keys().eq(&[0, 1, 3, 7]));
        assert!(partitions.get(&2).is_none() && partitions.get(&-1).is_none() && partitions.get(&7).is_some());
        assert!(partitions.range(2..).map(|(number, _)| number).eq(&[3, 7]));
        assert_eq!(partitions.len(), 4);
    }
}
