//! The records of the metadata log (`__cluster_metadata-0`) and the frame around each of them.
mod records;

pub use records::*;

use super::{
    Version,
    structure::{Reader, Unreadable, Value, Writer},
};

/// Why a value of the metadata log is no record we can take part in.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MetadataRecordError {
    #[error("frame version {0}: only 1 exists")]
    FrameVersion(u32),
    #[error("record type {0} is unknown to this version of Ottla")]
    UnknownType(u32),
    #[error("{name} has no version {version} in this version of Ottla")]
    UnknownVersion { name: &'static str, version: u32 },
    #[error("{name}: {why}")]
    Content { name: &'static str, why: Unreadable },
    #[error("frame: {0}")]
    Frame(#[from] Unreadable),
}

/// The only frame version (Kafka's `MetadataRecordSerde`).
const FRAME_VERSION: u32 = 1;

macro_rules! metadata_records {
    ($($key:literal $max:literal $name:ident($type:ident);)*) => {
        /// One change of the cluster's metadata.
        #[derive(Clone, PartialEq, Eq, Debug)]
        pub enum MetadataRecord { $($name($type),)* }

        impl MetadataRecord {
            /// Kafka's number of the record type.
            pub fn key(&self) -> u16 {
                match self { $(MetadataRecord::$name(_) => $key,)* }
            }

            /// Kafka's name of the record type.
            pub fn name(&self) -> &'static str {
                match self { $(MetadataRecord::$name(_) => stringify!($type),)* }
            }

            /// The version written: the newest that metadata.version 30 (Kafka 4.3) has.
            pub fn version(&self) -> Version {
                match self { $(MetadataRecord::$name(_) => $max,)* }
            }

            fn put_body(&self, to: &mut Writer) {
                match self { $(MetadataRecord::$name(body) => body.put(to),)* }
            }

            fn take_body(key: u32, version: u32, from: &mut Reader<'_>) -> Result<MetadataRecord, MetadataRecordError> {
                match key {
                    $($key => {
                        let name = stringify!($type);
                        if version > $max {
                            return Err(MetadataRecordError::UnknownVersion { name, version });
                        }
                        let content = |why| MetadataRecordError::Content { name, why };
                        let body = $type::read(from).map_err(content)?;
                        from.finish().map_err(content)?;
                        Ok(MetadataRecord::$name(body))
                    })*
                    _ => Err(MetadataRecordError::UnknownType(key)),
                }
            }
        }

        $(impl From<$type> for MetadataRecord {
            fn from(body: $type) -> MetadataRecord {
                MetadataRecord::$name(body)
            }
        })*
    };
}

metadata_records! {
    0 4 RegisterBroker(RegisterBrokerRecord);
    1 0 UnregisterBroker(UnregisterBrokerRecord);
    2 0 Topic(TopicRecord);
    3 2 Partition(PartitionRecord);
    4 0 Config(ConfigRecord);
    5 2 PartitionChange(PartitionChangeRecord);
    7 0 FenceBroker(FenceBrokerRecord);
    8 0 UnfenceBroker(UnfenceBrokerRecord);
    9 0 RemoveTopic(RemoveTopicRecord);
    12 0 FeatureLevel(FeatureLevelRecord);
    15 0 ProducerIds(ProducerIdsRecord);
    17 3 BrokerRegistrationChange(BrokerRegistrationChangeRecord);
    20 0 NoOp(NoOpRecord);
    23 0 BeginTransaction(BeginTransactionRecord);
    24 0 EndTransaction(EndTransactionRecord);
    25 0 AbortTransaction(AbortTransactionRecord);
    27 0 RegisterController(RegisterControllerRecord);
    28 0 ClearElr(ClearElrRecord);
}

impl MetadataRecord {
    /// The value of a record of the metadata log: frame version, type, version, body; all records are flexible.
    pub fn encode(&self) -> Vec<u8> {
        self.encode_at(self.version())
    }

    fn encode_at(&self, version: Version) -> Vec<u8> {
        let mut to = Writer::new(version, true);
        to.unsigned_varint(FRAME_VERSION);
        to.unsigned_varint(u32::from(self.key()));
        to.unsigned_varint(version as u32);
        self.put_body(&mut to);
        to.into_bytes()
    }

    /// Reads such a value to its last byte; never panics, never allocates more than a small multiple of `value`.
    pub fn decode(value: &[u8]) -> Result<MetadataRecord, MetadataRecordError> {
        Ok(Self::decode_versioned(value)?.0)
    }

    fn decode_versioned(value: &[u8]) -> Result<(MetadataRecord, Version), MetadataRecordError> {
        let mut from = Reader::new(value, 0, true);
        let frame_version = from.unsigned_varint()?;
        if frame_version != FRAME_VERSION {
            return Err(MetadataRecordError::FrameVersion(frame_version));
        }
        let key = from.unsigned_varint()?;
        let version = from.unsigned_varint()?;
        // Numbers past 16 bits are refused by the match below; the reader only compares.
        from.version = Version::try_from(version).unwrap_or(Version::MAX);
        Ok((Self::take_body(key, version, &mut from)?, from.version))
    }
}

#[cfg(test)]
mod tests;
