//! Topic names, each kept once however many groups commit offsets of it.
use std::{collections::BTreeSet, sync::Arc};

/// The names in use by a shard's groups. It says nothing of its own, so two of them are always equal.
#[derive(Clone, Default, Debug)]
pub struct TopicNames {
    names: BTreeSet<Arc<str>>,
}

impl PartialEq for TopicNames {
    fn eq(&self, _: &TopicNames) -> bool {
        true
    }
}

impl Eq for TopicNames {}

impl TopicNames {
    pub fn intern(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.names.get(name) {
            return known.clone();
        }
        let name: Arc<str> = name.into();
        self.names.insert(name.clone());
        name
    }

    /// Lets go of a name that nobody else holds.
    pub fn release(&mut self, name: &str) {
        if self.names.get(name).is_some_and(|known| Arc::strong_count(known) == 1) {
            self.names.remove(name);
        }
    }

    pub fn len(&self) -> usize {
        self.names.len()
    }
}
