//! Which brokers hold the replicas of new partitions.
use super::Refused;
use crate::{
    image::{Broker, DIRECTORY_MIGRATING, DIRECTORY_UNASSIGNED, Image},
    types::{ErrorCode, NodeId},
};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Replicas of `count` new partitions, preferred leader first. Active brokers come first, racks take turns, leaders
/// go round from a place that `seed` gives, and each lap round the brokers pairs them anew. Fenced brokers only take
/// what the active ones cannot.
pub(super) fn place(image: &Image, count: usize, replication: i16, seed: u64) -> Result<Vec<Vec<NodeId>>, Refused> {
    let usable: Vec<&Broker> = image.cluster.brokers().map(AsRef::as_ref).filter(|broker| has_room(broker)).collect();
    let active = by_turns(usable.iter().copied().filter(|broker| broker.is_active()));
    let others = by_turns(usable.iter().copied().filter(|broker| !broker.is_active()));
    let replicas = usize::try_from(replication).unwrap_or(0);
    let refused = |text: String| Err(Refused::new(ErrorCode::InvalidReplicationFactor, text));
    if replicas == 0 {
        return refused(format!("Invalid replication factor {replication}: the replication factor must be positive."));
    }
    if active.is_empty() {
        return refused("All brokers are currently fenced, or have all their log directories cordoned.".into());
    }
    if replicas > usable.len() {
        return refused(format!(
            "The target replication factor of {replication} cannot be reached because only {} broker(s) are \
             registered or some brokers have all their log directories cordoned.",
            usable.len()
        ));
    }
    let start = (seed % active.len() as u64) as usize;
    let placed = (0..count).map(|partition| {
        let leader = (start + partition) % active.len();
        // With three brokers and two replicas: 1-2, 2-3, 3-1, then 1-3, 2-1, 3-2.
        let lap = partition / active.len();
        let followers = (0..active.len() - 1).map(|step| {
            let shift = 1 + (lap + step) % (active.len() - 1);
            active[(leader + shift) % active.len()]
        });
        std::iter::once(active[leader]).chain(followers).chain(others.iter().copied()).take(replicas).collect()
    });
    Ok(placed.collect())
}

/// The log directory a new replica is in, as far as the controller can say (Kafka's `defaultDir`).
pub(super) fn directory(image: &Image, node: NodeId) -> Uuid {
    let Some(broker) = image.cluster.broker(node) else { return DIRECTORY_MIGRATING };
    let open: Vec<Uuid> =
        broker.directories.iter().copied().filter(|directory| !broker.cordoned.contains(directory)).collect();
    match (broker.directories.is_empty(), open.as_slice()) {
        (true, _) => DIRECTORY_MIGRATING,
        (false, [one]) => *one,
        (false, _) => DIRECTORY_UNASSIGNED,
    }
}

/// Does not have all its log directories cordoned.
pub(super) fn has_room(broker: &Broker) -> bool {
    broker.directories.is_empty() || broker.directories.iter().any(|one| !broker.cordoned.contains(one))
}

/// One of each rack, then the next of each.
fn by_turns<'a>(brokers: impl Iterator<Item = &'a Broker>) -> Vec<NodeId> {
    let mut racks: BTreeMap<Option<&str>, Vec<NodeId>> = BTreeMap::new();
    for broker in brokers {
        racks.entry(broker.rack.as_deref()).or_default().push(broker.id);
    }
    let longest = racks.values().map(Vec::len).max().unwrap_or(0);
    (0..longest).flat_map(|turn| racks.values().filter_map(move |rack| rack.get(turn).copied())).collect()
}
