//! What a question names twice, as Apache Kafka takes it: it keys partitions by topic and number, so the last of each counts
//! and stands where the first stood, and a topic without partitions is not there.
use std::collections::BTreeMap;

/// The topics of a request, each once, with each of its partitions once.
pub fn merged<T, P, K: Ord>(
    topics: Vec<T>,
    key: impl Fn(&T) -> K,
    partitions: impl Fn(&mut T) -> &mut Vec<P>,
    number: impl Fn(&P) -> i32,
) -> Vec<T> {
    let mut places: BTreeMap<K, usize> = BTreeMap::new();
    let mut merged: Vec<T> = Vec::with_capacity(topics.len());
    for mut topic in topics {
        if partitions(&mut topic).is_empty() {
            continue;
        }
        let place = *places.entry(key(&topic)).or_insert(merged.len());
        match merged.get_mut(place) {
            Some(known) => partitions(known).append(partitions(&mut topic)),
            None => merged.push(topic),
        }
    }
    merged.iter_mut().for_each(|topic| last_of_each(partitions(topic), &number));
    merged
}

/// The last of those with the same key, where the first of them stood.
pub fn last_of_each<P, K: Ord>(all: &mut Vec<P>, key: impl Fn(&P) -> K) {
    // Nearly every request: one partition, or numbers that rise.
    if all.windows(2).all(|pair| key(&pair[0]) < key(&pair[1])) {
        return;
    }
    let mut places: BTreeMap<K, usize> = BTreeMap::new();
    let mut kept: Vec<P> = Vec::with_capacity(all.len());
    for one in all.drain(..) {
        let place = *places.entry(key(&one)).or_insert(kept.len());
        match kept.get_mut(place) {
            Some(known) => *known = one,
            None => kept.push(one),
        }
    }
    *all = kept;
}

#[cfg(test)]
mod tests {
    use super::*;

    type Topic = (&'static str, Vec<(i32, char)>);

    fn of(topics: Vec<Topic>) -> Vec<Topic> {
        merged(topics, |topic| topic.0, |topic| &mut topic.1, |partition| partition.0)
    }

    #[test]
    fn the_last_of_each_counts_and_stands_where_the_first_stood() {
        let plain: Vec<Topic> = vec![("b", vec![(0, 'a'), (1, 'b')]), ("a", vec![(7, 'c')])];
        assert_eq!(of(plain.clone()), plain);
        let twice = vec![
            ("b", vec![(1, 'a'), (0, 'b'), (1, 'c')]),
            ("e", vec![]),
            ("a", vec![(0, 'd')]),
            ("b", vec![(2, 'e'), (0, 'f')]),
        ];
        assert_eq!(of(twice), [("b", vec![(1, 'c'), (0, 'f'), (2, 'e')]), ("a", vec![(0, 'd')])]);
    }
}
