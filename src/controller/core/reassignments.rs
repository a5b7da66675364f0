//! AlterPartitionReassignments: other brokers for the replicas of a partition, and the way back (KIP-455, CTL-8).
use super::{
    EachPartition, ReassignPartitions, Reassignment, Refused, Rules,
    change::{Change, Election},
    operation::Decided,
    partitions,
};
use crate::{
    image::{Image, Partition, Topic},
    types::ErrorCode,
    wire::metadata::MetadataRecord,
};

pub(super) fn alter(image: &Image, rules: &Rules, request: ReassignPartitions) -> Decided<EachPartition> {
    let mut records: Vec<MetadataRecord> = Vec::new();
    let may_change = request.replication_may_change;
    let altered = request.topics.into_iter().map(|(name, wanted)| {
        let results = wanted.into_iter().map(|one| {
            let result = alter_one(image, rules, &name, &one, may_change).map(|record| records.extend(record));
            (one.partition, result)
        });
        let results = results.collect();
        (name, results)
    });
    let altered = altered.collect();
    (records, altered)
}

/// No record: it is so already.
fn alter_one(
    image: &Image,
    rules: &Rules,
    name: &str,
    wanted: &Reassignment,
    may_change: bool,
) -> Result<Option<MetadataRecord>, Refused> {
    let unknown = |what: String| Refused::new(ErrorCode::UnknownTopicOrPartition, what);
    let number = wanted.partition;
    let topic = image.topics.named(name).ok_or_else(|| unknown(format!("Unable to find a topic named {name}.")))?;
    let partition =
        topic.partitions.get(&number).ok_or_else(|| unknown(format!("Unable to find partition {name}:{number}.")))?;
    let change = Change::of(image, topic.id, number, partition);
    let change = match &wanted.replicas {
        Some(replicas) => begin(image, change, partition, replicas, may_change)?,
        None => take_back(image, rules, change, topic, number, partition)?,
    };
    Ok(change.record().map(MetadataRecord::from))
}

fn begin<'a>(
    image: &Image,
    mut change: Change<'a>,
    partition: &Partition,
    wanted: &[i32],
    may_change: bool,
) -> Result<Change<'a>, Refused> {
    partitions::check_by_hand(image, wanted, None)?;
    let present = partition.replicas.as_slice();
    let staying = present.iter().filter(|replica| !partition.removing().as_slice().contains(replica)).count();
    if !may_change && staying != wanted.len() {
        let text = format!("The replication factor is changed from {staying} to {}", wanted.len());
        return Err(Refused::new(ErrorCode::InvalidReplicationFactor, text));
    }
    let lacking = |of: &[i32], from: &[i32]| -> Vec<i32> {
        let mut lacking: Vec<i32> = of.iter().copied().filter(|replica| !from.contains(replica)).collect();
        lacking.sort_unstable();
        lacking
    };
    let (adding, removing) = (lacking(wanted, present), lacking(present, wanted));
    // Those that go are kept, behind all others, until those that come have everything.
    change.replicas = wanted.iter().copied().chain(removing.iter().copied()).collect();
    if !removing.is_empty() {
        change.removing = removing;
    }
    if !adding.is_empty() {
        change.adding = adding;
    }
    Ok(change)
}

fn take_back<'a>(
    image: &Image,
    rules: &Rules,
    mut change: Change<'a>,
    topic: &Topic,
    number: i32,
    partition: &Partition,
) -> Result<Change<'a>, Refused> {
    let (adding, removing) = (partition.adding(), partition.removing());
    if adding.is_empty() && removing.is_empty() {
        let text = "No partition reassignment is in progress.";
        return Err(Refused::new(ErrorCode::NoReassignmentInProgress, text));
    }
    let old = |list: &[i32]| -> Vec<i32> {
        list.iter().copied().filter(|replica| !adding.as_slice().contains(replica)).collect()
    };
    (change.replicas, change.isr) = (old(partition.replicas.as_slice()), old(partition.isr.as_slice()));
    let unclean_allowed = rules.settings.unclean_election(image, topic.name.as_str());
    if change.isr.is_empty() {
        // Only what was added is in sync: going back loses what was written meanwhile.
        if !unclean_allowed {
            let text = format!(
                "Unable to revert partition assignment for {}:{number} because it would require an unclean leader \
                 election.",
                topic.name
            );
            return Err(Refused::new(ErrorCode::InvalidReplicaAssignment, text));
        }
        change.isr.extend(change.replicas.first());
    }
    if unclean_allowed {
        change.election = Election::Unclean;
    }
    change.adding.clear();
    change.removing.clear();
    Ok(change)
}
