//! Which topics members subscribe to, and whether those have changed.
use super::{
    Matched, Refused, Stop,
    group::{Group, Index},
    member::Metadata,
    records::Records,
    topics::Topics,
};
use crate::{
    image::Image,
    types::{ErrorCode, TopicId},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

/// What a regular expression stands for (record type 16).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Pattern {
    pub topics: BTreeSet<String>,
    /// The metadata's offset.
    pub version: i64,
    pub resolved_at_ms: i64,
}

/// The subscriptions of a group after one of its members changed or went.
pub struct Subscriptions<'a> {
    group: &'a Group,
    /// Expressions that were resolved anew; over those of the group.
    resolved: BTreeMap<String, Pattern>,
    /// How many members use each expression now.
    counts: BTreeMap<&'a str, i64>,
    names: BTreeMap<&'a str, i64>,
}

impl<'a> Subscriptions<'a> {
    /// `before` and `after` are what the group counts and what it shall count instead.
    pub fn new(
        group: &'a Group,
        before: impl IntoIterator<Item = &'a Metadata>,
        after: Option<&'a Metadata>,
    ) -> Subscriptions<'a> {
        let Index { names, patterns, .. } = &group.index;
        let counts = |counts: &'a BTreeMap<String, u32>| {
            counts.iter().map(|(name, count)| (name.as_str(), i64::from(*count))).collect::<BTreeMap<_, _>>()
        };
        let (mut names, mut patterns) = (counts(names), counts(patterns));
        let changes = before.into_iter().map(|metadata| (metadata, -1)).chain(after.map(|metadata| (metadata, 1)));
        for (metadata, change) in changes {
            metadata.topics.iter().for_each(|name| *names.entry(name).or_default() += change);
            metadata.pattern().into_iter().for_each(|pattern| *patterns.entry(pattern).or_default() += change);
        }
        names.retain(|_, count| *count > 0);
        patterns.retain(|_, count| *count > 0);
        Subscriptions { group, resolved: BTreeMap::new(), counts: patterns, names }
    }

    pub fn has_patterns(&self) -> bool {
        !self.counts.is_empty()
    }

    /// Expressions that nobody uses any more.
    pub fn forget_unused(&self, records: &mut Records<'_>) {
        let unused = self.group.patterns.keys().filter(|text| !self.counts.contains_key(text.as_str()));
        unused.for_each(|text| records.pattern_gone(text));
    }

    /// The next few of the expressions behind one of them, in order.
    pub fn patterns_behind(&self, last: Option<&str>, count_max: usize) -> Vec<&'a str> {
        let from = last.map_or(Bound::Unbounded, Bound::Excluded);
        self.counts.range::<str, _>((from, Bound::Unbounded)).map(|(text, _)| *text).take(count_max).collect()
    }

    /// Resolves expressions that are new, and those whose turn it is since the topics changed. Whether what any of them
    /// stands for changed.
    pub fn resolve(
        &mut self,
        matched: &Matched,
        at_ms: i64,
        due: &[&str],
        records: &mut Records<'_>,
    ) -> Result<bool, Stop> {
        let group = self.group;
        let mut changed = false;
        let is_due = |text: &str| due.binary_search(&text).is_ok() || !group.patterns.contains_key(text);
        let due: Vec<&str> = self.counts.keys().copied().filter(|text| is_due(text)).collect();
        let unmatched: Vec<String> =
            due.iter().filter(|text| matched.of(text).is_none()).map(|text| (*text).to_owned()).collect();
        if !unmatched.is_empty() {
            return Err(Stop::Unmatched(unmatched));
        }
        for (text, found) in due.into_iter().filter_map(|text| Some((text, matched.of(text)?))) {
            let known = group.patterns.get(text);
            let topics = match (found, known) {
                (Ok(topics), _) => topics,
                (Err(fault), None) => {
                    return Err(Refused::new(ErrorCode::InvalidRegularExpression, fault.to_string()).into());
                }
                // Taken by another version, or in time: what it stood for stays.
                (Err(_), Some(_)) => continue,
            };
            if known.is_none_or(|known| known.topics != *topics) {
                changed |= known.map_or(!topics.is_empty(), |_| true);
                let pattern = Pattern { topics: topics.clone(), version: matched.version(), resolved_at_ms: at_ms };
                records.pattern(text, &pattern);
                self.resolved.insert(text.to_owned(), pattern);
            }
        }
        Ok(changed)
    }

    pub fn has_resolved(&self) -> bool {
        !self.resolved.is_empty()
    }

    fn pattern(&self, text: &str) -> Option<&Pattern> {
        self.resolved.get(text).or_else(|| self.group.patterns.get(text))
    }

    /// Over all topics of the group that exist (record type 3).
    pub fn hash(&self, image: &Image, topics: &mut Topics) -> i64 {
        let mut names: BTreeSet<&str> = self.names.keys().copied().collect();
        for text in self.counts.keys() {
            names.extend(self.pattern(text).into_iter().flat_map(|pattern| pattern.topics.iter().map(String::as_str)));
        }
        topics.hash(image, names)
    }

    /// The topics of one member that exist.
    pub fn topic_ids(&self, metadata: &Metadata, image: &Image) -> BTreeSet<TopicId> {
        let by_pattern = metadata.pattern().and_then(|text| self.pattern(text));
        let names = metadata.topics.iter().chain(by_pattern.into_iter().flat_map(|pattern| &pattern.topics));
        names.filter_map(|name| Some(image.topics.named(name)?.id)).collect()
    }
}
