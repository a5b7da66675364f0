//! CreateTopics and DeleteTopics (Kafka's `ReplicationControlManager` and `ControllerApis`).
use super::{
    CreateTopics, NewTopic, NewTopicFacts, PARTITIONS_PER_REQUEST_MAX, Refused, Rules, TopicCreated, TopicDeleted,
    TopicSelector, configs,
    names::duplicates,
    operation::Decided,
    partitions::{self, Assigned},
};
use crate::{
    image::{Image, Resource, Settings},
    types::{ErrorCode, TopicId, TopicName},
    wire::metadata::{MetadataRecord, RemoveTopicRecord, TopicRecord},
};
use std::collections::{BTreeMap, BTreeSet};

/// The metadata log's own name: never a topic.
const METADATA_TOPIC: &str = "__cluster_metadata";

/// Each topic is created whole or refused, whatever becomes of the others.
pub(super) fn create(
    image: &Image,
    rules: &Rules,
    request: CreateTopics,
    ids: &[TopicId],
    seed: u64,
) -> Result<Decided<Vec<TopicCreated>>, Refused> {
    assert_eq!(ids.len(), request.topics.len(), "an id for each topic");
    let twice: BTreeSet<String> =
        duplicates(request.topics.iter().map(|topic| topic.name.as_str())).into_iter().map(Into::into).collect();
    // What is refused whatever it asks for does not count.
    let others = request.topics.iter().filter(|topic| !twice.contains(&topic.name) && topic.name != METADATA_TOPIC);
    check_total(others, rules)?;
    let mut records = Vec::new();
    let mut created = Vec::new();
    for (index, (topic, id)) in request.topics.into_iter().zip(ids).enumerate() {
        if twice.contains(&topic.name) {
            // One answer for each name, as Kafka gives.
            if !created.iter().any(|one: &TopicCreated| one.name == topic.name) {
                let refused = Refused::new(ErrorCode::InvalidRequest, "Duplicate topic name.");
                created.push(TopicCreated { name: topic.name, result: Err(refused) });
            }
            continue;
        }
        // Names that collide among themselves are made, as Kafka does: it looks at the topics that exist.
        let result = create_one(image, rules, &topic, *id, seed.wrapping_add(index as u64));
        let result = result.map(|(new, facts)| {
            records.extend(new);
            facts
        });
        created.push(TopicCreated { name: topic.name, result });
    }
    Ok((records, created))
}

/// Before anything is placed, so that a huge number costs nothing.
fn check_total<'a>(topics: impl Iterator<Item = &'a NewTopic>, rules: &Rules) -> Result<(), Refused> {
    let total: i64 = topics
        .map(|topic| match (topic.assignments.len(), topic.partitions) {
            (0, -1) => i64::from(rules.partitions_default),
            (0, count) => i64::from(count.max(0)),
            (assigned, _) => assigned as i64,
        })
        .sum();
    if total > PARTITIONS_PER_REQUEST_MAX as i64 {
        let text = "Excessively large number of partitions per request.";
        return Err(Refused::new(ErrorCode::PolicyViolation, text));
    }
    Ok(())
}

fn create_one(
    image: &Image,
    rules: &Rules,
    topic: &NewTopic,
    id: TopicId,
    seed: u64,
) -> Result<Decided<NewTopicFacts>, Refused> {
    let name = check_name(image, &topic.name)?;
    let settings = check_settings(rules, topic)?;
    let assigned = assign(image, rules, topic, seed)?;
    if image.topics.by_id(id).is_some() {
        return Err(Refused::new(ErrorCode::UnknownServerError, format!("The topic id {id} is taken already.")));
    }
    let mut records = vec![TopicRecord { name: name.as_str().into(), topic_id: id.0 }.into()];
    // Settings before partitions: who opens a partition knows how.
    let resource = Resource::topic(name.as_str());
    records.extend(settings.iter().map(|(key, value)| configs::record(&resource, key, Some(value.clone()))));
    records.extend(assigned.iter().enumerate().map(|(number, one)| one.record(image, id, number as i32)));
    let facts = NewTopicFacts {
        id,
        partitions: assigned.len() as i32,
        replication_factor: assigned.first().map_or(0, |one| one.replicas.len() as i16),
        settings,
    };
    Ok((records, facts))
}

fn check_name(image: &Image, name: &str) -> Result<TopicName, Refused> {
    if name == METADATA_TOPIC {
        let text = format!("Creation of internal topic {METADATA_TOPIC} is prohibited.");
        return Err(Refused::new(ErrorCode::InvalidRequest, text));
    }
    let name = TopicName::parse(name).map_err(|why| Refused::new(ErrorCode::InvalidTopicException, why.to_string()))?;
    if image.topics.by_name(&name).is_some() {
        return Err(Refused::new(ErrorCode::TopicAlreadyExists, format!("Topic '{name}' already exists.")));
    }
    match image.topics.collision(&name) {
        Some(other) => Err(collision(name.as_str(), other.as_str())),
        None => Ok(name),
    }
}

fn collision(name: &str, other: &str) -> Refused {
    let text = format!("Topic '{name}' collides with existing topic: {other}");
    Refused::new(ErrorCode::InvalidTopicException, text)
}

fn check_settings(rules: &Rules, topic: &NewTopic) -> Result<Settings, Refused> {
    let invalid = |text: String| Refused::new(ErrorCode::InvalidConfig, text);
    let nulls: Vec<&str> =
        topic.configs.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| name.as_str()).collect();
    if !nulls.is_empty() {
        return Err(invalid(format!("Null value not supported for topic configs: {}", nulls.join(","))));
    }
    let settings: Settings =
        topic.configs.iter().filter_map(|(name, value)| Some((name.clone(), value.clone()?))).collect();
    configs::check_sizes(&settings)?;
    rules.settings.check(&Resource::topic(&topic.name), &settings)?;
    Ok(settings)
}

/// The replicas of all partitions, in the order of their numbers.
fn assign(image: &Image, rules: &Rules, topic: &NewTopic, seed: u64) -> Result<Vec<Assigned>, Refused> {
    if !topic.assignments.is_empty() {
        return assign_by_hand(image, topic);
    }
    if topic.replication_factor < -1 || topic.replication_factor == 0 {
        let text = "Replication factor must be larger than 0, or -1 to use the default value.";
        return Err(Refused::new(ErrorCode::InvalidReplicationFactor, text));
    }
    if topic.partitions < -1 || topic.partitions == 0 {
        let text = "Number of partitions was set to an invalid non-positive value.";
        return Err(Refused::new(ErrorCode::InvalidPartitions, text));
    }
    let count = if topic.partitions == -1 { rules.partitions_default } else { topic.partitions };
    let replication = if topic.replication_factor == -1 { rules.replication_default } else { topic.replication_factor };
    partitions::place(image, count.max(0) as usize, replication, seed).map_err(|refused| {
        let text = format!("Unable to replicate the partition {replication} time(s): {}", refused.message);
        Refused::new(refused.code, text)
    })
}

fn assign_by_hand(image: &Image, topic: &NewTopic) -> Result<Vec<Assigned>, Refused> {
    let invalid = |text: String| Err(Refused::new(ErrorCode::InvalidReplicaAssignment, text));
    if topic.replication_factor != -1 {
        let text = "A manual partition assignment was specified, but replication factor was not set to -1.";
        return Err(Refused::new(ErrorCode::InvalidRequest, text));
    }
    if topic.partitions != -1 {
        let text = "A manual partition assignment was specified, but numPartitions was not set to -1.";
        return Err(Refused::new(ErrorCode::InvalidRequest, text));
    }
    let mut by_number: BTreeMap<i32, Assigned> = BTreeMap::new();
    let mut replication = None;
    for (number, replicas) in &topic.assignments {
        if by_number.contains_key(number) {
            return invalid(format!("Found multiple manual partition assignments for partition {number}"));
        }
        let assigned = partitions::by_hand(image, *number, replicas, replication)?;
        replication = Some(replicas.len());
        by_number.insert(*number, assigned);
    }
    if !by_number.keys().copied().eq(0..by_number.len() as i32) {
        return invalid("partitions should be a consecutive 0-based integer sequence".into());
    }
    Ok(by_number.into_values().collect())
}

/// Each topic by name or id; whatever is named twice, also once by name and once by id, is refused.
pub(super) fn delete(
    image: &Image,
    rules: &Rules,
    topics: Vec<TopicSelector>,
) -> Result<Decided<Vec<TopicDeleted>>, Refused> {
    if !rules.topic_deletion {
        return Err(Refused::new(ErrorCode::TopicDeletionDisabled, "Topic deletion is disabled."));
    }
    let twice: BTreeSet<TopicSelector> = duplicates(topics.iter()).into_iter().cloned().collect();
    let named: Vec<TopicId> = topics.iter().filter_map(|one| Some(find(image, one).ok()?.1)).collect();
    let mut told = BTreeSet::new();
    let mut records: Vec<MetadataRecord> = Vec::new();
    let mut deleted = Vec::new();
    for selector in topics {
        if twice.contains(&selector) {
            if told.insert(selector.clone()) {
                deleted.push(named_twice(selector));
            }
            continue;
        }
        let refused = |result| match &selector {
            TopicSelector::Name(name) => TopicDeleted { name: Some(name.clone()), id: TopicId::ZERO, result },
            TopicSelector::Id(id) => TopicDeleted { name: None, id: *id, result },
        };
        deleted.push(match find(image, &selector) {
            Err(error) => refused(Err(error)),
            Ok((name, id)) if named.iter().filter(|other| **other == id).count() > 1 => {
                // One answer for the topic, with both, as Kafka gives.
                if !told.insert(TopicSelector::Id(id)) {
                    continue;
                }
                let text = "The provided topic name maps to an ID that was already supplied.";
                let result = Err(Refused::new(ErrorCode::InvalidRequest, text));
                TopicDeleted { name: Some(name.to_string()), id, result }
            }
            Ok((name, id)) => {
                records.push(RemoveTopicRecord { topic_id: id.0 }.into());
                TopicDeleted { name: Some(name.to_string()), id, result: Ok(()) }
            }
        });
    }
    Ok((records, deleted))
}

fn named_twice(selector: TopicSelector) -> TopicDeleted {
    let refused = |text: &str| Err(Refused::new(ErrorCode::InvalidRequest, text));
    match selector {
        TopicSelector::Name(name) => {
            TopicDeleted { name: Some(name), id: TopicId::ZERO, result: refused("Duplicate topic name.") }
        }
        TopicSelector::Id(id) => TopicDeleted { name: None, id, result: refused("Duplicate topic id.") },
    }
}

fn find<'a>(image: &'a Image, selector: &TopicSelector) -> Result<(&'a TopicName, TopicId), Refused> {
    let (topic, code, text) = match selector {
        TopicSelector::Name(name) => (
            image.topics.named(name),
            ErrorCode::UnknownTopicOrPartition,
            "This server does not host this topic-partition.",
        ),
        TopicSelector::Id(id) => {
            (image.topics.by_id(*id), ErrorCode::UnknownTopicId, "This server does not host this topic ID.")
        }
    };
    topic.map(|topic| (&topic.name, topic.id)).ok_or_else(|| Refused::new(code, text))
}
