//! New partitions: their replicas, by hand or placed, and CreatePartitions.
use super::{
    CreatePartitions, Each, MorePartitions, PARTITIONS_PER_REQUEST_MAX, Refused, names::duplicates, operation::Decided,
    placement,
};
use crate::{
    image::Image,
    types::{ErrorCode, NodeId, TopicId},
    wire::metadata::{MetadataRecord, PartitionRecord},
};
use std::collections::BTreeSet;

/// The replicas of one new partition, proven to be possible.
#[derive(Debug)]
pub(super) struct Assigned {
    pub(super) replicas: Vec<NodeId>,
    /// Those of them that are active: never empty.
    isr: Vec<NodeId>,
}

impl Assigned {
    fn new(image: &Image, replicas: Vec<NodeId>) -> Option<Assigned> {
        let active = |node: &NodeId| image.cluster.broker(*node).is_some_and(|broker| broker.is_active());
        let isr: Vec<NodeId> = replicas.iter().copied().filter(active).collect();
        (!isr.is_empty()).then_some(Assigned { replicas, isr })
    }

    pub(super) fn record(&self, image: &Image, topic: TopicId, partition_id: i32) -> MetadataRecord {
        let numbers = |nodes: &[NodeId]| nodes.iter().map(|node| node.0).collect();
        PartitionRecord {
            partition_id,
            topic_id: topic.0,
            replicas: numbers(&self.replicas),
            isr: numbers(&self.isr),
            leader: self.isr.first().expect("someone is in sync").0,
            directories: self.replicas.iter().map(|node| placement::directory(image, *node)).collect(),
            ..PartitionRecord::default()
        }
        .into()
    }
}

/// Lets the controller choose.
pub(super) fn place(image: &Image, count: usize, replication: i16, seed: u64) -> Result<Vec<Assigned>, Refused> {
    let placed = placement::place(image, count, replication, seed)?;
    placed
        .into_iter()
        .map(|replicas| {
            Assigned::new(image, replicas).ok_or_else(|| {
                let text = "All brokers are currently fenced or in controlled shutdown.";
                Refused::new(ErrorCode::InvalidReplicationFactor, text)
            })
        })
        .collect()
}

/// Checks what a user chose. `replication`: of the partitions before it.
pub(super) fn by_hand(
    image: &Image,
    partition: i32,
    replicas: &[i32],
    replication: Option<usize>,
) -> Result<Assigned, Refused> {
    check_by_hand(image, replicas, replication)?;
    Assigned::new(image, replicas.iter().map(|id| NodeId(*id)).collect()).ok_or_else(|| {
        let text = format!(
            "All brokers specified in the manual partition assignment for partition {partition} are fenced or in \
             controlled shutdown."
        );
        Refused::new(ErrorCode::InvalidReplicaAssignment, text)
    })
}

/// Whether replicas that a user chose can be, now or when their brokers are back.
pub(super) fn check_by_hand(image: &Image, replicas: &[i32], replication: Option<usize>) -> Result<(), Refused> {
    let invalid = |text: String| Err(Refused::new(ErrorCode::InvalidReplicaAssignment, text));
    if replicas.is_empty() {
        return invalid("The manual partition assignment includes an empty replica list.".into());
    }
    let mut sorted = replicas.to_vec();
    sorted.sort_unstable();
    for (index, id) in sorted.iter().enumerate() {
        let Some(broker) = image.cluster.broker(NodeId(*id)) else {
            return invalid(format!(
                "The manual partition assignment includes broker {id}, but no such broker is registered."
            ));
        };
        if !placement::has_room(broker) {
            return invalid(format!(
                "The manual partition assignment includes broker {id}, but all its log directories are cordoned."
            ));
        }
        if index > 0 && sorted[index - 1] == *id {
            return invalid(format!("The manual partition assignment includes the broker {id} more than once."));
        }
    }
    if let Some(before) = replication
        && before != replicas.len()
    {
        return invalid(format!(
            "The manual partition assignment includes a partition with {} replica(s), but this is not consistent \
             with previous partitions, which have {before} replica(s).",
            replicas.len()
        ));
    }
    Ok(())
}

/// CreatePartitions: each topic is extended whole or refused, as long as there is room for it in one request.
pub(super) fn create(image: &Image, request: CreatePartitions, seed: u64) -> Result<Decided<Each<String>>, Refused> {
    let twice: BTreeSet<String> =
        duplicates(request.topics.iter().map(|topic| topic.name.as_str())).into_iter().map(Into::into).collect();
    let mut records = Vec::new();
    let mut extended: Each<String> = Vec::new();
    for (index, topic) in request.topics.into_iter().enumerate() {
        if twice.contains(&topic.name) {
            if !extended.iter().any(|(name, _)| *name == topic.name) {
                let refused = Refused::new(ErrorCode::InvalidRequest, "Duplicate topic name.");
                extended.push((topic.name, Err(refused)));
            }
            continue;
        }
        let room = PARTITIONS_PER_REQUEST_MAX - records.len();
        let result = extend(image, &topic, seed.wrapping_add(index as u64), room).map(|new| records.extend(new));
        extended.push((topic.name, result));
    }
    Ok((records, extended))
}

/// `room`: for so many partitions.
fn extend(image: &Image, request: &MorePartitions, seed: u64, room: usize) -> Result<Vec<MetadataRecord>, Refused> {
    let invalid = |text: String| Refused::new(ErrorCode::InvalidPartitions, text);
    let Some(topic) = image.topics.named(&request.name) else {
        let text = "This server does not host this topic-partition.";
        return Err(Refused::new(ErrorCode::UnknownTopicOrPartition, text));
    };
    if topic.name.is_internal() {
        return Err(of_a_coordinator(&request.name));
    }
    let have = topic.partitions.len() as i32;
    if request.count == have {
        return Err(invalid(format!("Topic already has {have} partition(s).")));
    }
    if request.count < have {
        return Err(invalid(format!(
            "The topic {} currently has {have} partition(s); {} would not be an increase.",
            request.name, request.count
        )));
    }
    let more = (request.count - have) as usize;
    let replication = topic.replication_factor();
    let assigned = match &request.assignments {
        Some(assignments) if assignments.len() != more => {
            return Err(Refused::new(
                ErrorCode::InvalidReplicaAssignment,
                format!(
                    "Attempted to add {more} additional partition(s), but only {} assignment(s) were specified.",
                    assignments.len()
                ),
            ));
        }
        // Before anything is placed, so that a huge number costs nothing.
        _ if more > room => {
            let text = "Excessively large number of partitions per request.";
            return Err(Refused::new(ErrorCode::PolicyViolation, text));
        }
        Some(assignments) => assignments
            .iter()
            .zip(have..)
            .map(|(replicas, number)| by_hand(image, number, replicas, Some(replication)))
            .collect::<Result<Vec<_>, _>>()?,
        None => place(image, more, i16::try_from(replication).unwrap_or(i16::MAX), seed.wrapping_add(have as u64))?,
    };
    Ok(assigned.iter().zip(have..).map(|(one, number)| one.record(image, topic.id, number)).collect())
}

/// Whose transactional id or group lies in which partition follows from their number (TXN-19): with one more of them,
/// producers would not be fenced and committed offsets not be found.
fn of_a_coordinator(name: &str) -> Refused {
    let setting = match name {
        "__consumer_offsets" => "offsets.topic.num.partitions",
        "__transaction_state" => "transaction.state.log.num.partitions",
        _ => "share.coordinator.state.topic.num.partitions",
    };
    let text = format!(
        "The number of partitions of {name} cannot change while it exists: what its coordinator keeps is found by that \
         number. A broker that has not made it yet makes it with {setting}."
    );
    Refused::new(ErrorCode::InvalidRequest, text)
}
