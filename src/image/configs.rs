//! Settings that were set on topics, brokers and other resources; defaults are not in here.
use super::{Delta, ReplayError};
use crate::wire::metadata::ConfigRecord;
use imbl::OrdMap;
use std::{collections::BTreeMap, fmt, sync::Arc};

/// What sort of thing has settings; numbers are those of Kafka's `ConfigResource.Type`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(i8)]
pub enum ResourceKind {
    Topic = 2,
    Broker = 4,
    BrokerLogger = 8,
    ClientMetrics = 16,
    Group = 32,
}

impl ResourceKind {
    pub fn from_wire(kind: i8) -> Option<ResourceKind> {
        Some(match kind {
            2 => ResourceKind::Topic,
            4 => ResourceKind::Broker,
            8 => ResourceKind::BrokerLogger,
            16 => ResourceKind::ClientMetrics,
            32 => ResourceKind::Group,
            _ => return None,
        })
    }

    pub fn number(self) -> i8 {
        self as i8
    }
}

/// One thing that has settings.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Resource {
    pub kind: ResourceKind,
    /// A topic's or group's name, a broker's number as text, or empty for the defaults of all brokers.
    pub name: Arc<str>,
}

impl Resource {
    pub fn topic(name: &str) -> Resource {
        Resource { kind: ResourceKind::Topic, name: name.into() }
    }

    pub fn broker(id: crate::types::NodeId) -> Resource {
        Resource { kind: ResourceKind::Broker, name: id.to_string().into() }
    }

    pub fn group(name: &str) -> Resource {
        Resource { kind: ResourceKind::Group, name: name.into() }
    }

    /// A subscription to metrics of clients.
    pub fn client_metrics(name: &str) -> Resource {
        Resource { kind: ResourceKind::ClientMetrics, name: name.into() }
    }

    /// The dynamic defaults of all brokers.
    pub fn all_brokers() -> Resource {
        Resource { kind: ResourceKind::Broker, name: "".into() }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?}", self.kind, self.name)
    }
}

/// Settings of one resource, as they were set.
pub type Settings = BTreeMap<String, String>;

/// The settings of all resources that have any.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Configs {
    of: OrdMap<Resource, Arc<Settings>>,
}

impl Configs {
    /// `None` when nothing was set.
    pub fn of(&self, resource: &Resource) -> Option<&Arc<Settings>> {
        self.of.get(resource)
    }

    pub fn value(&self, resource: &Resource, name: &str) -> Option<&str> {
        self.of.get(resource)?.get(name).map(String::as_str)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Resource, &Arc<Settings>)> + '_ {
        self.of.iter()
    }

    pub(super) fn set(&mut self, record: &ConfigRecord, delta: &mut Delta) -> Result<(), ReplayError> {
        let kind = ResourceKind::from_wire(record.resource_type).ok_or_else(|| ReplayError::Impossible {
            record: "ConfigRecord",
            what: "resource type",
            value: record.resource_type.to_string(),
        })?;
        let resource = Resource { kind, name: record.resource_name.as_str().into() };
        match &record.value {
            Some(value) => {
                let settings = self.of.entry(resource.clone()).or_default();
                Arc::make_mut(settings).insert(record.name.clone(), value.clone());
            }
            None => {
                if let Some(settings) = self.of.get_mut(&resource) {
                    Arc::make_mut(settings).remove(&record.name);
                    if settings.is_empty() {
                        self.of.remove(&resource);
                    }
                }
            }
        }
        delta.config(resource);
        Ok(())
    }

    pub(super) fn remove(&mut self, resource: &Resource, delta: &mut Delta) {
        if self.of.remove(resource).is_some() {
            delta.config(resource.clone());
        }
    }
}
