//! Brokers and controllers that registered.
use super::{Delta, ReplayError};
use crate::{
    types::NodeId,
    wire::metadata::{
        BrokerRegistrationChangeRecord, Endpoint, FeatureRange, RegisterBrokerRecord, RegisterControllerRecord,
        UnregisterBrokerRecord,
    },
};
use imbl::OrdMap;
use std::sync::Arc;
use uuid::Uuid;

/// A registered broker.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broker {
    pub id: NodeId,
    /// Offset of its registration: tells one life of the broker from another (CTL-6).
    pub epoch: i64,
    /// Drawn anew by every start of the process.
    pub incarnation: Uuid,
    pub endpoints: Vec<Endpoint>,
    pub features: Vec<FeatureRange>,
    pub rack: Option<String>,
    /// Not let in yet, or lost: leads nothing (CTL-7).
    pub fenced: bool,
    pub in_controlled_shutdown: bool,
    /// Its log directories that are in order; empty when it does not say.
    pub directories: Vec<Uuid>,
    /// Of them, those that take no new partitions.
    pub cordoned: Vec<Uuid>,
}

impl Broker {
    /// May lead and be in sync.
    pub fn is_active(&self) -> bool {
        !self.fenced && !self.in_controlled_shutdown
    }

    /// Where it is reached through the listener of this name.
    pub fn endpoint(&self, listener: &str) -> Option<&Endpoint> {
        self.endpoints.iter().find(|endpoint| endpoint.name == listener)
    }
}

/// A registered controller.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Controller {
    pub id: NodeId,
    pub incarnation: Uuid,
    pub endpoints: Vec<Endpoint>,
    pub features: Vec<FeatureRange>,
}

/// All nodes.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Cluster {
    brokers: OrdMap<NodeId, Arc<Broker>>,
    controllers: OrdMap<NodeId, Arc<Controller>>,
}

impl Cluster {
    pub fn broker(&self, id: NodeId) -> Option<&Arc<Broker>> {
        self.brokers.get(&id)
    }

    /// In the order of their numbers, fenced ones too.
    pub fn brokers(&self) -> impl Iterator<Item = &Arc<Broker>> + '_ {
        self.brokers.values()
    }

    pub fn controllers(&self) -> impl Iterator<Item = &Arc<Controller>> + '_ {
        self.controllers.values()
    }

    pub(super) fn register_broker(
        &mut self,
        record: &RegisterBrokerRecord,
        delta: &mut Delta,
    ) -> Result<(), ReplayError> {
        let broker = Broker {
            id: node("RegisterBrokerRecord", record.broker_id)?,
            epoch: record.broker_epoch,
            incarnation: record.incarnation_id,
            endpoints: record.end_points.clone(),
            features: record.features.clone(),
            rack: record.rack.clone(),
            fenced: record.fenced,
            in_controlled_shutdown: record.in_controlled_shutdown,
            directories: record.log_dirs.clone(),
            cordoned: record.cordoned_log_dirs.clone().unwrap_or_default(),
        };
        delta.broker(broker.id);
        self.brokers.insert(broker.id, Arc::new(broker));
        Ok(())
    }

    pub(super) fn unregister_broker(
        &mut self,
        record: &UnregisterBrokerRecord,
        delta: &mut Delta,
    ) -> Result<(), ReplayError> {
        let broker = self.of_epoch("UnregisterBrokerRecord", record.broker_id, record.broker_epoch)?;
        let id = broker.id;
        self.brokers.remove(&id);
        delta.broker(id);
        Ok(())
    }

    pub(super) fn change_broker(
        &mut self,
        record: &BrokerRegistrationChangeRecord,
        delta: &mut Delta,
    ) -> Result<(), ReplayError> {
        let broker = self.of_epoch("BrokerRegistrationChangeRecord", record.broker_id, record.broker_epoch)?;
        match record.fenced {
            0 => {}
            change => broker.fenced = change > 0,
        }
        if record.in_controlled_shutdown > 0 {
            broker.in_controlled_shutdown = true;
        }
        if !record.log_dirs.is_empty() {
            broker.directories = record.log_dirs.clone();
        }
        if let Some(cordoned) = &record.cordoned_log_dirs {
            broker.cordoned = cordoned.clone();
        }
        delta.broker(NodeId(record.broker_id));
        Ok(())
    }

    pub(super) fn fence(
        &mut self,
        record: &'static str,
        id: i32,
        epoch: i64,
        fenced: bool,
        delta: &mut Delta,
    ) -> Result<(), ReplayError> {
        self.of_epoch(record, id, epoch)?.fenced = fenced;
        delta.broker(NodeId(id));
        Ok(())
    }

    pub(super) fn register_controller(
        &mut self,
        record: &RegisterControllerRecord,
        delta: &mut Delta,
    ) -> Result<(), ReplayError> {
        let controller = Controller {
            id: node("RegisterControllerRecord", record.controller_id)?,
            incarnation: record.incarnation_id,
            endpoints: record.end_points.clone(),
            features: record.features.clone(),
        };
        delta.controllers = true;
        self.controllers.insert(controller.id, Arc::new(controller));
        Ok(())
    }

    /// The broker, if it is in the life that the record speaks of.
    fn of_epoch(&mut self, record: &'static str, broker: i32, epoch: i64) -> Result<&mut Broker, ReplayError> {
        match self.brokers.get_mut(&NodeId(broker)) {
            Some(found) if found.epoch == epoch => Ok(Arc::make_mut(found)),
            _ => Err(ReplayError::UnknownBroker { record, broker, epoch }),
        }
    }
}

fn node(record: &'static str, id: i32) -> Result<NodeId, ReplayError> {
    if id < 0 {
        return Err(ReplayError::Impossible { record, what: "node id", value: id.to_string() });
    }
    Ok(NodeId(id))
}
