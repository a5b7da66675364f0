//! Topics whose deletion nobody has looked at yet. Who deletes a topic and looks whether it is gone is told that it is, also when the
//! question makes it anew, as Apache Kafka does with every topic.
use crate::types::TopicName;
use parking_lot::Mutex;
use std::collections::BTreeSet;

/// Names that are remembered at most; of what is beyond, the first question is answered with the new topic.
const NAMES_MAX: usize = 10_000;

#[derive(Default)]
pub struct JustDeleted(Mutex<BTreeSet<TopicName>>);

impl JustDeleted {
    pub fn note(&self, names: impl Iterator<Item = TopicName>) {
        let mut all = self.0.lock();
        for name in names {
            if all.len() < NAMES_MAX {
                all.insert(name);
            }
        }
    }

    /// Whether one of these was deleted and not asked for since; from now on it was.
    pub fn is_first_question(&self, names: &[TopicName]) -> bool {
        let mut all = self.0.lock();
        // Every one of them is asked for now.
        names.iter().filter(|name| all.remove(*name)).count() > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(range: std::ops::Range<usize>) -> Vec<TopicName> {
        range.map(|number| TopicName::parse(&format!("t{number}")).unwrap()).collect()
    }

    #[test]
    fn a_deletion_is_looked_at_once() {
        let all = JustDeleted::default();
        all.note(names(0..3).into_iter());
        assert!(!all.is_first_question(&names(5..9)));
        assert!(all.is_first_question(&names(1..9)));
        assert!(!all.is_first_question(&names(1..9)), "all of them were asked for");
        assert!(all.is_first_question(&names(0..1)));
    }

    #[test]
    fn what_is_remembered_has_an_end() {
        let all = JustDeleted::default();
        all.note(names(0..NAMES_MAX + 1).into_iter());
        assert!(!all.is_first_question(&names(NAMES_MAX..NAMES_MAX + 1)));
        assert!(all.is_first_question(&names(0..1)));
    }
}
