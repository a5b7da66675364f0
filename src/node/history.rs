//! What the metadata log tells that no image keeps: of topics that are gone, and of this broker's earlier registrations.
use crate::{
    log::{AskEarlier, Earlier, LogId},
    quorum::{MetadataLog, MetadataReadError},
    types::{NodeId, Offset, TopicId},
    wire::metadata::MetadataRecord,
};
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

fn each_record(log: &dyn MetadataLog, mut see: impl FnMut(&MetadataRecord)) -> Result<(), MetadataReadError> {
    each_from(log, Offset::ZERO, |_, record| see(record)).map(|_| ())
}

/// With the offset of the group that a record is in. Where to go on one day.
fn each_from(
    log: &dyn MetadataLog,
    mut from: Offset,
    mut see: impl FnMut(Offset, &MetadataRecord),
) -> Result<Offset, MetadataReadError> {
    while from < log.end() {
        let groups = log.read(from)?;
        let Some(last) = groups.last() else { break };
        from = last.end;
        groups.iter().for_each(|group| group.records.iter().for_each(|record| see(group.base, record)));
    }
    Ok(from)
}

/// Topics that were deleted.
pub fn removed_topics(log: &dyn MetadataLog) -> Result<BTreeSet<TopicId>, MetadataReadError> {
    let mut removed = BTreeSet::new();
    each_record(log, |record| {
        if let MetadataRecord::RemoveTopic(record) = record {
            removed.insert(TopicId(record.topic_id));
        }
    })?;
    Ok(removed)
}

/// The log directories that a broker ever said it has, by their ids: one that was offline at a start is not in what it said then.
pub fn directories_ever(log: &dyn MetadataLog, node: NodeId) -> Result<BTreeSet<TopicId>, MetadataReadError> {
    let mut directories = BTreeSet::new();
    each_record(log, |record| match record {
        MetadataRecord::RegisterBroker(record) if record.broker_id == node.0 => {
            directories.extend(record.log_dirs.iter().copied().map(TopicId));
        }
        _ => {}
    })?;
    Ok(directories)
}

/// The topics that there ever were, as far as the metadata log was read for it.
#[derive(Default)]
struct TopicsEver {
    read_to: Offset,
    by_name: BTreeMap<String, Vec<TopicId>>,
    created: BTreeMap<TopicId, Offset>,
    deleted: BTreeSet<TopicId>,
    /// Where the life of this broker began that came before the present one.
    last_life: Offset,
}

impl TopicsEver {
    fn read_on(&mut self, log: &dyn MetadataLog, node: NodeId, this_life: Offset) -> Result<(), MetadataReadError> {
        self.read_to = each_from(log, self.read_to, |at, record| match record {
            MetadataRecord::Topic(record) => {
                let id = TopicId(record.topic_id);
                self.by_name.entry(record.name.clone()).or_default().push(id);
                self.created.insert(id, at);
            }
            MetadataRecord::RemoveTopic(record) => {
                self.deleted.insert(TopicId(record.topic_id));
            }
            MetadataRecord::RegisterBroker(record) if record.broker_id == node.0 && at < this_life => {
                self.last_life = at;
            }
            _ => {}
        })?;
        Ok(())
    }

    fn before(&self, id: &LogId) -> Earlier {
        let namesakes = self.by_name.get(id.topic.as_str()).into_iter().flatten();
        let deleted = namesakes.filter(|topic| **topic != id.topic_id && self.deleted.contains(topic));
        let created = self.created.get(&id.topic_id);
        Earlier {
            deleted: deleted.copied().collect(),
            is_young: created.is_some_and(|created| *created >= self.last_life),
        }
    }
}

/// For the log directories. To be made before this life of the broker is registered. The log is read when somebody asks, once.
pub fn ask_of_earlier(log: Arc<dyn MetadataLog>, node: NodeId) -> AskEarlier {
    let this_life = log.end();
    // Guards what was read: who asks while another reads on waits for it.
    let ever = Mutex::new(TopicsEver::default());
    Arc::new(move |id| {
        let mut ever = ever.lock();
        if let Err(error) = ever.read_on(&*log, node, this_life) {
            tracing::warn!(%error, "cannot look for deleted topics of the name {}", id.topic);
            return Earlier::default();
        }
        ever.before(id)
    })
}
