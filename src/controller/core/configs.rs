//! AlterConfigs and IncrementalAlterConfigs (Kafka's `ConfigurationControlManager` and `ConfigAdminManager`).
use super::{AlterConfigs, ConfigChange, ConfigStep, Each, Refused, Rules, names::duplicates, operation::Decided};
use crate::{
    config::{list_with, list_without},
    image::{Image, Resource, ResourceKind, Settings},
    types::{ErrorCode, NodeId, TopicName},
    wire::metadata::{ConfigRecord, MetadataRecord},
};
use std::collections::{BTreeMap, BTreeSet};

/// Longest value of a setting, in bytes: what the old encoding of strings can carry.
const VALUE_BYTES_MAX: usize = i16::MAX as usize;

pub(super) fn record(resource: &Resource, name: &str, value: Option<String>) -> MetadataRecord {
    ConfigRecord {
        resource_type: resource.kind.number(),
        resource_name: resource.name.to_string(),
        name: name.to_owned(),
        value,
    }
    .into()
}

/// Each resource is changed whole or refused.
pub(super) fn alter(image: &Image, rules: &Rules, request: AlterConfigs) -> Result<Decided<Each<Resource>>, Refused> {
    let twice: BTreeSet<Resource> =
        duplicates(request.resources.iter().map(|(resource, _)| resource)).into_iter().cloned().collect();
    let mut records = Vec::new();
    let mut altered = Vec::new();
    for (resource, change) in request.resources {
        let result = if twice.contains(&resource) {
            Err(Refused::new(ErrorCode::InvalidRequest, "Each resource must appear at most once."))
        } else {
            alter_one(image, rules, &resource, &change).map(|new| records.extend(new))
        };
        altered.push((resource, result));
    }
    Ok((records, altered))
}

fn alter_one(
    image: &Image,
    rules: &Rules,
    resource: &Resource,
    change: &ConfigChange,
) -> Result<Vec<MetadataRecord>, Refused> {
    check_shape(change)?;
    let none = Settings::new();
    let before = image.configs.of(resource).map_or(&none, |settings| settings);
    let after = match change {
        ConfigChange::Replace(settings) => {
            settings.iter().filter_map(|(name, value)| Some((name.clone(), value.clone()?))).collect()
        }
        ConfigChange::Each(steps) => stepped(rules, resource, before, steps)?,
    };
    check_sizes(&after)?;
    check_name(resource)?;
    rules.settings.check(resource, &after)?;
    check_exists(image, resource)?;
    Ok(difference(resource, before, &after, change))
}

/// No key twice, no value missing.
fn check_shape(change: &ConfigChange) -> Result<(), Refused> {
    let (names, missing): (Vec<&str>, Vec<&str>) = match change {
        ConfigChange::Replace(settings) => (
            settings.iter().map(|(name, _)| name.as_str()).collect(),
            settings.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| name.as_str()).collect(),
        ),
        ConfigChange::Each(steps) => {
            use ConfigStep::{Append, Set, Subtract};
            let missing = steps.iter().filter(|(_, step)| matches!(step, Set(None) | Append(None) | Subtract(None)));
            (steps.iter().map(|(name, _)| name.as_str()).collect(), missing.map(|(name, _)| name.as_str()).collect())
        }
    };
    if !duplicates(names.into_iter()).is_empty() {
        return Err(Refused::new(ErrorCode::InvalidRequest, "Error due to duplicate config keys"));
    }
    if !missing.is_empty() {
        let text = format!("Null value not supported for : {}", missing.join(", "));
        return Err(Refused::new(ErrorCode::InvalidRequest, text));
    }
    Ok(())
}

fn stepped(
    rules: &Rules,
    resource: &Resource,
    before: &Settings,
    steps: &[(String, ConfigStep)],
) -> Result<Settings, Refused> {
    let mut after = before.clone();
    for (name, step) in steps {
        match step {
            ConfigStep::Set(value) => {
                after.insert(name.clone(), value.clone().unwrap_or_default());
            }
            ConfigStep::Delete => {
                after.remove(name);
            }
            ConfigStep::Append(value) | ConfigStep::Subtract(value) => {
                let appends = matches!(step, ConfigStep::Append(_));
                let Some(default) = rules.settings.list_default(resource.kind, name) else {
                    let what = if appends { "APPEND" } else { "SUBTRACT" };
                    let text = format!("Can't {what} to key {name} because its type is not LIST.");
                    return Err(Refused::new(ErrorCode::InvalidConfig, text));
                };
                let list = before.get(name).unwrap_or(&default);
                let change = if appends { list_with } else { list_without };
                after.insert(name.clone(), change(list, value.as_deref().unwrap_or_default()));
            }
        }
    }
    Ok(after)
}

pub(super) fn check_sizes(settings: &Settings) -> Result<(), Refused> {
    if settings.iter().any(|(name, value)| value.len() > VALUE_BYTES_MAX || name.len() > VALUE_BYTES_MAX) {
        let text = format!(
            "The configuration value cannot be added because it exceeds the maximum value size of {VALUE_BYTES_MAX} bytes."
        );
        return Err(Refused::new(ErrorCode::InvalidConfig, text));
    }
    Ok(())
}

fn check_name(resource: &Resource) -> Result<(), Refused> {
    if resource.kind != ResourceKind::Topic {
        return Ok(());
    }
    if resource.name.is_empty() {
        return Err(Refused::new(ErrorCode::InvalidRequest, "Default topic resources are not allowed."));
    }
    let parsed = TopicName::parse(&resource.name);
    parsed.map(drop).map_err(|fault| Refused::new(ErrorCode::InvalidTopicException, fault.to_string()))
}

fn check_exists(image: &Image, resource: &Resource) -> Result<(), Refused> {
    match resource.kind {
        ResourceKind::Topic if image.topics.named(&resource.name).is_none() => {
            let text = format!("The topic '{}' does not exist.", resource.name);
            Err(Refused::new(ErrorCode::UnknownTopicOrPartition, text))
        }
        ResourceKind::Broker if !resource.name.is_empty() => {
            let Ok(id) = resource.name.parse::<i32>() else {
                let text = format!("Invalid broker name {}", resource.name);
                return Err(Refused::new(ErrorCode::InvalidRequest, text));
            };
            let known = image.cluster.broker(NodeId(id)).is_some()
                || image.cluster.controllers().any(|controller| controller.id == NodeId(id));
            if known {
                return Ok(());
            }
            Err(Refused::new(ErrorCode::BrokerIdNotRegistered, format!("No node with id {id} found.")))
        }
        _ => Ok(()),
    }
}

/// What makes `before` into `after`. A broker's settings that are named again are written although they are the
/// same, so that it reads files they point to once more (KAFKA-14136).
fn difference(resource: &Resource, before: &Settings, after: &Settings, change: &ConfigChange) -> Vec<MetadataRecord> {
    let named: BTreeSet<&str> = match change {
        ConfigChange::Replace(settings) => settings.iter().map(|(name, _)| name.as_str()).collect(),
        ConfigChange::Each(steps) => steps.iter().map(|(name, _)| name.as_str()).collect(),
    };
    let again = |name: &str| resource.kind == ResourceKind::Broker && named.contains(name);
    let mut changes: BTreeMap<&str, Option<&String>> = BTreeMap::new();
    for (name, value) in after {
        if before.get(name) != Some(value) || again(name) {
            changes.insert(name, Some(value));
        }
    }
    for name in before.keys() {
        if !after.contains_key(name) {
            changes.insert(name, None);
        }
    }
    changes.into_iter().map(|(name, value)| record(resource, name, value.cloned())).collect()
}
