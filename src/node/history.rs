//! What the metadata log tells that no image keeps: of topics that are gone, and of this broker's earlier registrations.
use crate::{
    quorum::{MetadataLog, MetadataReadError},
    types::{NodeId, Offset, TopicId},
    wire::metadata::MetadataRecord,
};
use std::collections::BTreeSet;

fn each_record(log: &dyn MetadataLog, mut see: impl FnMut(&MetadataRecord)) -> Result<(), MetadataReadError> {
    let mut from = Offset::ZERO;
    while from < log.end() {
        let groups = log.read(from)?;
        let Some(last) = groups.last() else { break };
        from = last.end;
        groups.iter().flat_map(|group| &group.records).for_each(&mut see);
    }
    Ok(())
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
