//! One partition's metadata, kept small: there may be hundreds of thousands.
use crate::{
    types::{LeaderEpoch, NodeId},
    wire::metadata::{PartitionChangeRecord, PartitionRecord},
};
use std::{fmt, sync::Arc};
use uuid::Uuid;

/// The replica's broker has several log directories and chose none yet (Kafka's `DirectoryId`).
pub const DIRECTORY_UNASSIGNED: Uuid = Uuid::nil();
/// The replica's log directory is offline.
pub const DIRECTORY_LOST: Uuid = Uuid::from_u128(1);
/// The replica's broker does not say where it is.
pub const DIRECTORY_MIGRATING: Uuid = Uuid::from_u128(2);

/// A few broker numbers in 16 bytes: up to three without a further allocation.
#[derive(Clone)]
pub struct NodeList(Numbers);

#[derive(Clone)]
enum Numbers {
    Few {
        count: u8,
        ids: [i32; 3],
    },
    #[expect(clippy::box_collection, reason = "two pointers instead of three words keep the list at 16 bytes")]
    Many(Box<Vec<i32>>),
}

impl NodeList {
    pub fn new(ids: &[i32]) -> NodeList {
        if ids.len() > 3 {
            return NodeList(Numbers::Many(Box::new(ids.to_vec())));
        }
        let mut few = [0; 3];
        few[..ids.len()].copy_from_slice(ids);
        NodeList(Numbers::Few { count: ids.len() as u8, ids: few })
    }

    pub fn as_slice(&self) -> &[i32] {
        match &self.0 {
            Numbers::Few { count, ids } => &ids[..usize::from(*count)],
            Numbers::Many(ids) => ids,
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.as_slice().iter().map(|id| NodeId(*id))
    }

    pub fn contains(&self, node: NodeId) -> bool {
        self.as_slice().contains(&node.0)
    }

    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    pub fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }
}

impl Default for NodeList {
    fn default() -> NodeList {
        NodeList::new(&[])
    }
}

impl PartialEq for NodeList {
    fn eq(&self, other: &NodeList) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for NodeList {}

impl fmt::Debug for NodeList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(f)
    }
}

/// Who holds a partition and who leads it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Partition {
    /// Preferred leader first.
    pub replicas: NodeList,
    pub isr: NodeList,
    /// The log directory of each replica, in their order; shared among the partitions of a topic that have the same.
    pub directories: Arc<[Uuid]>,
    pub leader: Option<NodeId>,
    /// Rises with every new term of leadership (CTL-5).
    pub leader_epoch: LeaderEpoch,
    /// Rises with every change.
    pub partition_epoch: i32,
    /// Led since an unclean election, with records possibly lost.
    pub recovering: bool,
    moving: Option<Box<Moving>>,
}

/// What most partitions do not have.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Moving {
    adding: NodeList,
    removing: NodeList,
    eligible: NodeList,
    last_known_eligible: NodeList,
}

impl Moving {
    fn boxed(self) -> Option<Box<Moving>> {
        (self != Moving::default()).then(|| Box::new(self))
    }
}

const NONE: &NodeList = &NodeList(Numbers::Few { count: 0, ids: [0; 3] });

impl Partition {
    /// As created; `same` is a partition whose list of directories is shared when equal.
    pub(super) fn of_record(record: &PartitionRecord, same: Option<&Partition>) -> Option<Partition> {
        Some(Partition {
            replicas: NodeList::new(&record.replicas),
            isr: NodeList::new(&record.isr),
            directories: shared(&record.directories, same),
            leader: leader(record.leader)?,
            leader_epoch: LeaderEpoch::from_wire(record.leader_epoch)?,
            partition_epoch: record.partition_epoch,
            recovering: record.leader_recovery_state != 0,
            moving: Moving {
                adding: NodeList::new(&record.adding_replicas),
                removing: NodeList::new(&record.removing_replicas),
                eligible: NodeList::new(record.eligible_leader_replicas.as_deref().unwrap_or_default()),
                last_known_eligible: NodeList::new(record.last_known_elr.as_deref().unwrap_or_default()),
            }
            .boxed(),
        })
    }

    /// After a change (Kafka's `PartitionRegistration.merge`): the partition's epoch rises, and the leader's with
    /// each leader that is named, be it the same.
    pub(super) fn changed(&self, record: &PartitionChangeRecord) -> Option<Partition> {
        let mut next = self.clone();
        let list = |ids: &Option<Vec<i32>>, to: &mut NodeList| {
            if let Some(ids) = ids {
                *to = NodeList::new(ids);
            }
        };
        list(&record.replicas, &mut next.replicas);
        list(&record.isr, &mut next.isr);
        let mut moving = next.moving.take().map(|moving| *moving).unwrap_or_default();
        list(&record.adding_replicas, &mut moving.adding);
        list(&record.removing_replicas, &mut moving.removing);
        list(&record.eligible_leader_replicas, &mut moving.eligible);
        list(&record.last_known_elr, &mut moving.last_known_eligible);
        next.moving = moving.boxed();
        if let Some(directories) = &record.directories {
            next.directories = shared(directories, Some(self));
        }
        if record.leader != -2 {
            next.leader = leader(record.leader)?;
            next.leader_epoch = LeaderEpoch::from_wire(self.leader_epoch.get().checked_add(1)?)?;
        }
        match record.leader_recovery_state {
            -1 => {}
            state => next.recovering = state != 0,
        }
        next.partition_epoch = self.partition_epoch.checked_add(1)?;
        Some(next)
    }

    pub(super) fn without_eligible(&self) -> Option<Partition> {
        let moving = self.moving.as_deref()?;
        if moving.eligible.is_empty() && moving.last_known_eligible.is_empty() {
            return None;
        }
        self.changed(&PartitionChangeRecord {
            eligible_leader_replicas: Some(Vec::new()),
            last_known_elr: Some(Vec::new()),
            ..PartitionChangeRecord::default()
        })
    }

    /// Replicas being added by a reassignment.
    pub fn adding(&self) -> &NodeList {
        self.moving.as_ref().map_or(NONE, |moving| &moving.adding)
    }

    /// Replicas being removed by a reassignment.
    pub fn removing(&self) -> &NodeList {
        self.moving.as_ref().map_or(NONE, |moving| &moving.removing)
    }

    /// Eligible leader replicas (KIP-966).
    pub fn eligible(&self) -> &NodeList {
        self.moving.as_ref().map_or(NONE, |moving| &moving.eligible)
    }

    /// Last known eligible leader replicas (KIP-966).
    pub fn last_known_eligible(&self) -> &NodeList {
        self.moving.as_ref().map_or(NONE, |moving| &moving.last_known_eligible)
    }

    /// The log directory of this broker's replica; `None` when it has none or the record did not say.
    pub fn directory(&self, node: NodeId) -> Option<Uuid> {
        let index = self.replicas.as_slice().iter().position(|id| *id == node.0)?;
        self.directories.get(index).copied()
    }
}

fn leader(id: i32) -> Option<Option<NodeId>> {
    match id {
        -1 => Some(None),
        0.. => Some(Some(NodeId(id))),
        _ => None,
    }
}

fn shared(directories: &[Uuid], same: Option<&Partition>) -> Arc<[Uuid]> {
    match same {
        Some(same) if *same.directories == *directories => same.directories.clone(),
        _ => directories.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_stays_small() {
        assert_eq!(size_of::<NodeList>(), 16);
        assert!(size_of::<Partition>() <= 80, "{}", size_of::<Partition>());
        for ids in [&[][..], &[1], &[1, 2, 3], &[1, 2, 3, 4]] {
            assert_eq!(NodeList::new(ids).as_slice(), ids);
        }
    }

    #[test]
    fn ctl_5_the_leaders_epoch_rises_with_each_leader_named_and_the_partitions_with_each_change() {
        let record = PartitionRecord { replicas: vec![1], isr: vec![1], leader: 1, ..PartitionRecord::default() };
        let partition = Partition::of_record(&record, None).unwrap();
        let changed = partition.changed(&PartitionChangeRecord::default()).unwrap();
        assert_eq!((changed.leader_epoch.get(), changed.partition_epoch), (0, 1));
        let led = changed.changed(&PartitionChangeRecord { leader: 1, ..PartitionChangeRecord::default() }).unwrap();
        assert_eq!((led.leader, led.leader_epoch.get(), led.partition_epoch), (Some(NodeId(1)), 1, 2));
        let none = PartitionChangeRecord {
            leader: -1,
            isr: Some(vec![]),
            eligible_leader_replicas: Some(vec![1]),
            ..PartitionChangeRecord::default()
        };
        let none = led.changed(&none).unwrap();
        assert_eq!((none.leader, none.leader_epoch.get(), none.eligible().as_slice()), (None, 2, &[1][..]));
        assert_eq!(none.without_eligible().unwrap().eligible(), NONE);
        assert_eq!(led.without_eligible(), None);
        assert_eq!(led.changed(&PartitionChangeRecord { leader: -3, ..PartitionChangeRecord::default() }), None);
    }
}
