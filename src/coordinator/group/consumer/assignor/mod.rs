//! Server-side assignors: who of a group shall have which partitions. Functions of their input alone.
mod range;
mod uniform;

use super::group::Partitions;
use crate::types::TopicId;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// One of the built-in assignors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Assignor {
    /// Even numbers, as few moves as possible.
    Uniform,
    /// Neighbouring partitions; the same numbers of all topics to the same member.
    Range,
}

/// What an assignor knows.
pub struct Situation<'a> {
    /// In the order of their ids.
    pub members: Vec<Candidate<'a>>,
    /// How many partitions each topic has that anybody subscribes to.
    pub topics: BTreeMap<TopicId, i32>,
}

/// One member of the group.
pub struct Candidate<'a> {
    pub id: &'a str,
    pub instance_id: Option<&'a str>,
    /// Its topics that exist. Members of the same subscription share one.
    pub topics: Arc<BTreeSet<TopicId>>,
    /// What it should have until now.
    pub before: Option<&'a Partitions>,
}

impl Assignor {
    pub const ALL: [Assignor; 2] = [Assignor::Uniform, Assignor::Range];

    pub fn name(self) -> &'static str {
        match self {
            Assignor::Uniform => "uniform",
            Assignor::Range => "range",
        }
    }

    pub fn from_name(name: &str) -> Option<Assignor> {
        Assignor::ALL.into_iter().find(|assignor| assignor.name() == name)
    }

    /// What each member shall have, in the order of `members`: every partition of a topic that anybody subscribes
    /// to, once, to somebody who does.
    pub fn assign(self, situation: &Situation<'_>) -> Vec<Partitions> {
        match self {
            Assignor::Uniform => uniform::assign(situation),
            Assignor::Range => range::assign(situation),
        }
    }
}

impl Situation<'_> {
    /// The members that subscribe to each topic, by their places in `members`.
    fn subscribers(&self) -> BTreeMap<TopicId, Vec<usize>> {
        let mut subscribers: BTreeMap<TopicId, Vec<usize>> = BTreeMap::new();
        for (place, member) in self.members.iter().enumerate() {
            member.topics.iter().for_each(|topic| subscribers.entry(*topic).or_default().push(place));
        }
        subscribers
    }
}

#[cfg(test)]
mod tests;
