//! What regular expressions stand for among the topics of one moment. Found by who asks a shard, not by the shard: one
//! expression may take longer than all else that its groups ask for (CG-8).
use super::pattern::{InvalidPattern, Matcher};
use crate::image::{Image, Topics};
use std::collections::{BTreeMap, BTreeSet};

type Found = Result<BTreeSet<String>, InvalidPattern>;

#[derive(Clone, Debug, Default)]
pub struct Matched {
    of: BTreeMap<String, Found>,
    topics: Topics,
    version: i64,
}

impl Matched {
    /// Matches every expression with every topic; one is given up once `is_late` says so.
    pub fn find(texts: Vec<String>, image: &Image, is_late: &dyn Fn() -> bool) -> Matched {
        let find = |text: String| {
            let found = find_one(&text, image, is_late);
            (text, found)
        };
        let version = image.at().map_or(0, |at| at.offset.get());
        Matched { of: texts.into_iter().map(find).collect(), topics: image.topics.clone(), version }
    }

    pub(super) fn of(&self, text: &str) -> Option<&Found> {
        self.of.get(text)
    }

    /// Among which it was looked.
    pub(super) fn topics(&self) -> &Topics {
        &self.topics
    }

    /// The offset of the metadata that told of those.
    pub(super) fn version(&self) -> i64 {
        self.version
    }

    /// Whether those are the topics there are.
    pub(super) fn is_of(&self, image: &Image) -> bool {
        self.topics.have_same_names(&image.topics)
    }
}

fn find_one(text: &str, image: &Image, is_late: &dyn Fn() -> bool) -> Found {
    let matcher = Matcher::compile(text)?;
    let mut found = BTreeSet::new();
    for topic in image.topics.iter() {
        if is_late() {
            return Err(InvalidPattern::too_costly(text));
        }
        let name = topic.name.as_str();
        if matcher.is_match(name) {
            found.insert(name.to_owned());
        }
    }
    Ok(found)
}
