//! A hash over topics, so that a group learns when one of its own changed (KIP-1101). The algorithm is Kafka's.
use crate::image::{Image, Topic};
use std::{collections::BTreeMap, sync::Arc};
use twox_hash::XxHash3_64;

/// The version of the algorithm.
const MAGIC: u8 = 0;

/// Topics that are gone and still remembered, before all are forgotten.
const FORGOTTEN_MAX: usize = 1_000;

/// Hashes of topics as they were last seen, so that a topic is hashed once for each of its changes.
#[derive(Default)]
pub struct Topics {
    hashed: BTreeMap<String, (Arc<Topic>, i64)>,
}

impl Topics {
    /// Of the topics with these names, in this order, that exist.
    pub fn hash<'a>(&mut self, image: &Image, names: impl IntoIterator<Item = &'a str>) -> i64 {
        if self.hashed.len() > image.topics.len() + FORGOTTEN_MAX {
            self.hashed.clear();
        }
        let mut hashes = Vec::new();
        for name in names {
            let Some(topic) = image.topics.named(name) else {
                self.hashed.remove(name);
                continue;
            };
            let known = self.hashed.get(name).filter(|(seen, _)| Arc::ptr_eq(seen, topic)).map(|(_, hash)| *hash);
            let hash = known.unwrap_or_else(|| {
                let hash = hash_of(topic, image);
                self.hashed.insert(name.to_owned(), (topic.clone(), hash));
                hash
            });
            hashes.extend_from_slice(&hash.to_le_bytes());
        }
        if hashes.is_empty() { 0 } else { XxHash3_64::oneshot(&hashes).cast_signed() }
    }
}

fn hash_of(topic: &Topic, image: &Image) -> i64 {
    let mut bytes = vec![MAGIC];
    let (most, least) = topic.id.0.as_u64_pair();
    bytes.extend_from_slice(&most.to_le_bytes());
    bytes.extend_from_slice(&least.to_le_bytes());
    put_text(&mut bytes, topic.name.as_str());
    put_number(&mut bytes, topic.partitions.len());
    for (number, partition) in topic.partitions.iter() {
        bytes.extend_from_slice(&number.to_le_bytes());
        let broker = |id| image.cluster.broker(id).and_then(|broker| broker.rack.as_deref());
        let mut racks: Vec<&str> = partition.replicas.iter().filter_map(broker).collect();
        racks.sort_unstable_by(|one, other| one.encode_utf16().cmp(other.encode_utf16()));
        for rack in racks {
            put_number(&mut bytes, rack.encode_utf16().count());
            put_text(&mut bytes, rack);
        }
    }
    XxHash3_64::oneshot(&bytes).cast_signed()
}

/// As hash4j hashes a Java string: its UTF-16 units, then how many.
fn put_text(bytes: &mut Vec<u8>, text: &str) {
    let before = bytes.len();
    text.encode_utf16().for_each(|unit| bytes.extend_from_slice(&unit.to_le_bytes()));
    let units = (bytes.len() - before) / 2;
    put_number(bytes, units);
}

fn put_number(bytes: &mut Vec<u8>, number: usize) {
    bytes.extend_from_slice(&(number as i32).to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        image::Delta,
        types::TopicId,
        wire::metadata::{PartitionRecord, TopicRecord},
    };

    #[test]
    fn cg_3_the_hash_is_that_of_apache_kafka() {
        let topic_id = TopicId::parse("vwPxgs73SRmyBAXE-QtZKA").unwrap().0;
        let mut image = Image::default();
        let mut apply = |record| image.apply(&record, &mut Delta::default()).unwrap();
        apply(TopicRecord { name: "hashed".into(), topic_id }.into());
        for partition_id in 0..3 {
            let at = PartitionRecord { partition_id, topic_id, replicas: vec![1], isr: vec![1], ..Default::default() };
            apply(PartitionRecord { leader: 1, directories: vec![uuid::Uuid::from_u128(7)], ..at }.into());
        }
        let mut topics = Topics::default();
        // What a broker of release 4.3.1 wrote for a group that subscribes to this topic.
        assert_eq!(topics.hash(&image, ["hashed"]), 4_078_616_514_750_745_001);
        assert_eq!(topics.hash(&image, ["hashed", "missing"]), 4_078_616_514_750_745_001);
        assert_eq!(topics.hash(&image, ["missing"]), 0);
    }
}
