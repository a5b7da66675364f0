//! Finalised feature levels, and how far producer ids were given out.
use super::{Delta, ReplayError};
use crate::wire::metadata::{FeatureLevelRecord, ProducerIdsRecord};
use imbl::OrdMap;

/// The level the whole cluster works at, by feature; a feature that is absent is not in use.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Features {
    levels: OrdMap<String, i16>,
}

impl Features {
    /// The feature that says which records may be written (Kafka's `MetadataVersion`).
    pub const METADATA_VERSION: &str = "metadata.version";
    /// Whether groups of the consumer protocol may be (KIP-848).
    pub const GROUP_VERSION: &str = "group.version";
    /// By which protocol transactions are run (KIP-890).
    pub const TRANSACTION_VERSION: &str = "transaction.version";

    /// Zero: not in use.
    pub fn level(&self, name: &str) -> i16 {
        self.levels.get(name).copied().unwrap_or(0)
    }

    /// In the order of names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, i16)> + '_ {
        self.levels.iter().map(|(name, level)| (name.as_str(), *level))
    }

    pub(super) fn set(&mut self, record: &FeatureLevelRecord, delta: &mut Delta) -> Result<(), ReplayError> {
        match record.feature_level {
            0 => {
                self.levels.remove(&record.name);
            }
            1.. => {
                self.levels.insert(record.name.clone(), record.feature_level);
            }
            level => {
                return Err(ReplayError::Impossible {
                    record: "FeatureLevelRecord",
                    what: "level",
                    value: level.to_string(),
                });
            }
        }
        delta.features = true;
        Ok(())
    }
}

/// Producer ids below `next` belong to some broker already (IDEM-13).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ProducerIds {
    pub next: i64,
}

impl ProducerIds {
    pub(super) fn advance(&mut self, record: &ProducerIdsRecord, delta: &mut Delta) -> Result<(), ReplayError> {
        if record.next_producer_id <= self.next {
            return Err(ReplayError::ProducerIdsWentBack { from: self.next, to: record.next_producer_id });
        }
        self.next = record.next_producer_id;
        delta.producer_ids = true;
        Ok(())
    }
}
