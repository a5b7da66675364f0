//! Topics and partitions: names, ids, pairs.
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use std::{fmt, sync::Arc};
use uuid::Uuid;

/// A legal topic name: 1 to 249 of `[a-zA-Z0-9._-]`, neither `.` nor `..` (Kafka's `Topic.validate`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName(Arc<str>);

/// Why a string cannot be a topic's name; the text is Kafka's own, so that tools show what users know.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct InvalidTopicName(pub String);

impl TopicName {
    pub const LENGTH_MAX: usize = 249;

    pub fn parse(name: &str) -> Result<TopicName, InvalidTopicName> {
        if name.is_empty() {
            return Err(InvalidTopicName("Topic name is invalid: the empty string is not allowed".into()));
        }
        if name == "." || name == ".." {
            return Err(InvalidTopicName(format!("Topic name is invalid: '{name}' is not allowed")));
        }
        if name.len() > Self::LENGTH_MAX {
            return Err(InvalidTopicName(format!(
                "Topic name is invalid: the length of '{name}' is longer than the max allowed length {}",
                Self::LENGTH_MAX
            )));
        }
        if !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-')) {
            return Err(InvalidTopicName(format!(
                "Topic name is invalid: '{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
            )));
        }
        Ok(TopicName(name.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Topics that only the broker itself writes.
    pub fn is_internal(&self) -> bool {
        matches!(&*self.0, "__consumer_offsets" | "__transaction_state" | "__share_group_state")
    }

    /// Two names that differ only in `.` and `_` collide in metric names (Kafka's `Topic.hasCollision`).
    pub fn collides_with(&self, other: &TopicName) -> bool {
        self.0.replace('.', "_") == other.0.replace('.', "_")
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

/// A topic's identity, also after a topic of the same name was deleted. Printed as URL-safe base64 like Kafka's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicId(pub Uuid);

impl TopicId {
    /// All zero: "no id" on the wire.
    pub const ZERO: TopicId = TopicId(Uuid::nil());
    /// The metadata log's id (Kafka's `Uuid.METADATA_TOPIC_ID`).
    pub const METADATA: TopicId = TopicId(Uuid::from_u128(1));

    pub fn parse(text: &str) -> Option<TopicId> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        Some(TopicId(Uuid::from_slice(&bytes).ok()?))
    }
}

impl fmt::Display for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0.as_bytes()))
    }
}

impl fmt::Debug for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One partition of one topic.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TopicPartition {
    pub topic: TopicName,
    pub partition: i32,
}

impl fmt::Display for TopicPartition {
    /// As Kafka writes it, and as its directory is named: `topic-0`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_kafkas_rules() {
        for good in ["a", "A.b_c-9", "__consumer_offsets", &"x".repeat(249)] {
            assert!(TopicName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "a b", "a/b", "é", "a\n", &"x".repeat(250)] {
            assert!(TopicName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn dots_and_underscores_collide() {
        let name = |n| TopicName::parse(n).unwrap();
        assert!(name("a.b_c").collides_with(&name("a_b.c")));
        assert!(!name("a.b").collides_with(&name("a-b")));
    }

    #[test]
    fn ids_print_as_kafka_prints_them() {
        assert_eq!(TopicId::METADATA.to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
        assert_eq!(TopicId::parse("AAAAAAAAAAAAAAAAAAAAAQ"), Some(TopicId::METADATA));
        assert_eq!(TopicId::parse("not an id"), None);
    }
}
