//! Brokers and controllers that start, elections that follow from it, and their blocks of producer ids.
use super::{
    Admission, Admitted, BrokerRegistration, ControllerRegistration, Cordon, PRODUCER_IDS_PER_BLOCK,
    RECORDS_PER_OPERATION_MAX, Refused, operation::Decided,
};
use crate::{
    image::{Broker, Image, Partition},
    types::{ErrorCode, NodeId, Offset, TopicId},
    wire::metadata::{
        BrokerRegistrationChangeRecord, MetadataRecord, PartitionChangeRecord, ProducerIdsRecord, RegisterBrokerRecord,
        RegisterControllerRecord,
    },
};

pub(super) fn register_controller(request: ControllerRegistration) -> Result<Decided<()>, Refused> {
    let record = RegisterControllerRecord {
        controller_id: request.id.0,
        incarnation_id: request.incarnation,
        zk_migration_ready: false,
        end_points: request.endpoints,
        features: request.features,
    };
    Ok((vec![record.into()], ()))
}

/// The broker's epoch is the offset of its registration (CTL-6). It stays fenced until it is admitted.
pub(super) fn register(image: &Image, request: BrokerRegistration, next: Offset) -> Result<Decided<i64>, Refused> {
    if let Some(why) = unsupported(image, &request) {
        return Err(Refused::new(ErrorCode::UnsupportedVersion, why));
    }
    let register = RegisterBrokerRecord {
        broker_id: request.id.0,
        is_migrating_zk_broker: false,
        incarnation_id: request.incarnation,
        broker_epoch: next.get(),
        end_points: request.endpoints,
        features: request.features,
        rack: request.rack,
        fenced: true,
        in_controlled_shutdown: false,
        log_dirs: request.directories,
        cordoned_log_dirs: Some(request.cordoned).filter(|cordoned| !cordoned.is_empty()),
    };
    Ok((vec![register.into()], next.get()))
}

/// A feature that the cluster works at and the broker cannot.
fn unsupported(image: &Image, request: &BrokerRegistration) -> Option<String> {
    image.features.iter().find_map(|(name, level)| {
        let range = request.features.iter().find(|range| range.name == name);
        let fits =
            range.is_some_and(|range| (range.min_supported_version..=range.max_supported_version).contains(&level));
        (!fits).then(|| {
            let id = request.id;
            format!("Unable to register broker {id}: it does not support finalized level {level} of {name}.")
        })
    })
}

/// The broker may lead. Partitions that it leads begin a new term if it may have lost what it did not sync;
/// partitions without a leader that it holds whole get it. The broker is let in with the last of them.
pub(super) fn admit(image: &Image, request: &Admission) -> Result<Decided<Admitted>, Refused> {
    let broker = current(image, request.id, request.epoch)?;
    let mut records: Vec<MetadataRecord> = Vec::new();
    let from = request.from.unwrap_or((TopicId::ZERO, 0));
    for topic in image.topics.by_id_from(from.0) {
        let first = if topic.id == from.0 { from.1 } else { 0 };
        for (number, partition) in topic.partitions.range(first..) {
            let Some(elected) = elect(topic.id, *number, partition, request) else { continue };
            // One place stays free for letting the broker in.
            if records.len() + 1 == RECORDS_PER_OPERATION_MAX {
                return Ok((records, Admitted::UpTo(topic.id, *number)));
            }
            records.push(elected.into());
        }
    }
    if broker.fenced {
        let let_in = BrokerRegistrationChangeRecord {
            broker_id: request.id.0,
            broker_epoch: request.epoch,
            fenced: -1,
            ..BrokerRegistrationChangeRecord::default()
        };
        records.push(let_in.into());
    }
    Ok((records, Admitted::Whole))
}

/// Nothing is written where nothing changes.
pub(super) fn cordon(image: &Image, request: Cordon) -> Result<Decided<()>, Refused> {
    let broker = current(image, request.id, request.epoch)?;
    if broker.cordoned == request.directories {
        return Ok((Vec::new(), ()));
    }
    let change = BrokerRegistrationChangeRecord {
        broker_id: request.id.0,
        broker_epoch: request.epoch,
        cordoned_log_dirs: Some(request.directories),
        ..BrokerRegistrationChangeRecord::default()
    };
    Ok((vec![change.into()], ()))
}

/// From the in-sync replicas, or when there are none from those that have everything all the same (CTL-2).
fn elect(
    topic: TopicId,
    partition_id: i32,
    partition: &Partition,
    request: &Admission,
) -> Option<PartitionChangeRecord> {
    let id = request.id;
    let change =
        PartitionChangeRecord { partition_id, topic_id: topic.0, leader: id.0, ..PartitionChangeRecord::default() };
    match partition.leader {
        Some(leader) if leader == id && request.new_terms => Some(change),
        Some(_) => None,
        None if partition.isr.contains(id) => Some(change),
        None if partition.isr.is_empty() && partition.eligible().contains(id) => {
            let eligible = partition.eligible().as_slice().iter().copied().filter(|other| *other != id.0);
            Some(PartitionChangeRecord {
                isr: Some(vec![id.0]),
                eligible_leader_replicas: Some(eligible.collect()),
                last_known_elr: Some(Vec::new()),
                ..change
            })
        }
        None => None,
    }
}

/// The broker in the life that asks (CTL-6).
fn current(image: &Image, id: NodeId, epoch: i64) -> Result<&Broker, Refused> {
    match image.cluster.broker(id) {
        None => Err(Refused::new(ErrorCode::BrokerIdNotRegistered, format!("No broker with id {id} is registered."))),
        Some(broker) if broker.epoch != epoch => {
            let text = format!("Expected broker epoch {epoch}, but found broker epoch {}.", broker.epoch);
            Err(Refused::new(ErrorCode::StaleBrokerEpoch, text))
        }
        Some(broker) => Ok(broker),
    }
}

/// The next block; the record makes sure that it is given once only (IDEM-13).
pub(super) fn allocate_producer_ids(image: &Image, id: NodeId, epoch: i64) -> Result<Decided<i64>, Refused> {
    current(image, id, epoch)?;
    let first = image.producer_ids.next;
    let Some(next_producer_id) = first.checked_add(PRODUCER_IDS_PER_BLOCK) else {
        return Err(Refused::new(ErrorCode::UnknownServerError, "All producer ids are used up."));
    };
    let record = ProducerIdsRecord { broker_id: id.0, broker_epoch: epoch, next_producer_id };
    Ok((vec![record.into()], first))
}
