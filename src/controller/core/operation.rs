//! What can be asked of the controller, and what it answers.
use crate::{
    image::{Image, Resource, ResourceKind, Settings},
    types::{ErrorCode, NodeId, TopicId},
    wire::metadata::{Endpoint, FeatureRange},
};
use std::sync::Arc;
use uuid::Uuid;

/// A refusal: Kafka's code and a text for the user.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refused {
    pub code: ErrorCode,
    pub message: String,
}

impl Refused {
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Refused {
        Refused { code, message: message.into() }
    }
}

/// What the controller must know about settings, given by whoever knows them.
pub trait SettingRules: Send + Sync {
    /// All settings that one resource would have after a change; the error tells the user what is wrong.
    fn check(&self, resource: &Resource, settings: &Settings) -> Result<(), Refused>;
    /// For a setting whose value is a list: its default, to which values can be appended. `None`: not a list.
    fn list_default(&self, kind: ResourceKind, name: &str) -> Option<String>;
    /// `unclean.leader.election.enable` of a topic.
    fn unclean_election(&self, image: &Image, topic: &str) -> bool;
}

/// What does not change while the controller runs.
#[derive(Clone)]
pub struct Rules {
    /// `num.partitions`.
    pub partitions_default: i32,
    /// `default.replication.factor`.
    pub replication_default: i16,
    /// `delete.topic.enable`.
    pub topic_deletion: bool,
    pub settings: Arc<dyn SettingRules>,
    /// What this controller can work at, `metadata.version` among them.
    pub features: Vec<FeatureRange>,
}

/// Partitions that one CreateTopics or CreatePartitions may make (Kafka's `MAX_PARTITIONS_PER_BATCH`).
pub const PARTITIONS_PER_REQUEST_MAX: usize = 10_000;
/// Records of one operation: it is written as one batch, which counts whole or not at all (CTL-10).
pub const RECORDS_PER_OPERATION_MAX: usize = 10_000;
/// Producer ids in one block (IDEM-13).
pub const PRODUCER_IDS_PER_BLOCK: i64 = 1_000;

/// One thing asked of the controller. What is random comes with it, so that deciding is not.
#[derive(Clone, Debug)]
pub enum Operation {
    /// First records of an empty log: the levels the cluster works at.
    Bootstrap {
        levels: Vec<(String, i16)>,
    },
    RegisterController(ControllerRegistration),
    RegisterBroker(BrokerRegistration),
    AdmitBroker(Admission),
    CordonDirectories(Cordon),
    /// `ids`: one fresh id for each topic. `seed`: where replicas are placed.
    CreateTopics {
        request: CreateTopics,
        ids: Vec<TopicId>,
        seed: u64,
    },
    CreatePartitions {
        request: CreatePartitions,
        seed: u64,
    },
    DeleteTopics {
        topics: Vec<TopicSelector>,
    },
    AlterConfigs(AlterConfigs),
    AllocateProducerIds {
        broker: NodeId,
        broker_epoch: i64,
    },
    UpdateFeatures(UpdateFeatures),
    ElectLeaders(ElectLeaders),
    ReassignPartitions(ReassignPartitions),
}

impl Operation {
    /// Asks only whether it could be done: nothing is written.
    pub fn validates_only(&self) -> bool {
        match self {
            Operation::CreateTopics { request, .. } => request.validate_only,
            Operation::CreatePartitions { request, .. } => request.validate_only,
            Operation::AlterConfigs(request) => request.validate_only,
            Operation::UpdateFeatures(request) => request.validate_only,
            _ => false,
        }
    }
}

/// One result for each thing that a request named.
pub type Each<K> = Vec<(K, Result<(), Refused>)>;
/// Topics, each with the results of its partitions.
pub type EachPartition = Vec<(String, Each<i32>)>;

/// The answer to an operation, by its sort.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    Done(Result<(), Refused>),
    /// The broker's epoch.
    Registered(Result<i64, Refused>),
    Admitted(Result<Admitted, Refused>),
    Topics(Result<Vec<TopicCreated>, Refused>),
    /// Name and result, in the order of the request.
    Partitions(Result<Each<String>, Refused>),
    Deleted(Result<Vec<TopicDeleted>, Refused>),
    /// In the order of the request.
    Configs(Result<Each<Resource>, Refused>),
    /// First id of a block of `PRODUCER_IDS_PER_BLOCK`.
    ProducerIds(Result<i64, Refused>),
    /// Elections and reassignments, in the order of the request.
    OfPartitions(Result<EachPartition, Refused>),
}

/// A controller that starts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ControllerRegistration {
    pub id: NodeId,
    pub incarnation: Uuid,
    pub endpoints: Vec<Endpoint>,
    pub features: Vec<FeatureRange>,
}

/// A broker that starts. It stays fenced until it is admitted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BrokerRegistration {
    pub id: NodeId,
    pub incarnation: Uuid,
    pub endpoints: Vec<Endpoint>,
    pub features: Vec<FeatureRange>,
    pub rack: Option<String>,
    /// Of its log directories.
    pub directories: Vec<Uuid>,
    /// Those of them that take no new partitions (KIP-1066).
    pub cordoned: Vec<Uuid>,
}

/// From now on these of a broker's log directories take no new partitions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cordon {
    pub id: NodeId,
    pub epoch: i64,
    pub directories: Vec<Uuid>,
}

/// A broker that knows all metadata up to its registration asks to be let in, and to lead.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Admission {
    pub id: NodeId,
    pub epoch: i64,
    /// Its last life did not end in order: the partitions it leads begin a new term, so that readers notice if
    /// records that were never synced are gone (KIP-101).
    pub new_terms: bool,
    /// Where the last answer ended.
    pub from: Option<(TopicId, i32)>,
}

/// How far a broker is let in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Admitted {
    Whole,
    /// There is more to elect than one operation may write: ask again from here.
    UpTo(TopicId, i32),
}

/// CreateTopics, as every version of it says it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CreateTopics {
    pub topics: Vec<NewTopic>,
    pub validate_only: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewTopic {
    pub name: String,
    /// -1: the default, or given by the assignments.
    pub partitions: i32,
    /// -1: the default, or given by the assignments.
    pub replication_factor: i16,
    /// Partition number and its replicas; empty when the controller shall place them.
    pub assignments: Vec<(i32, Vec<i32>)>,
    pub configs: Vec<(String, Option<String>)>,
}

impl NewTopic {
    /// With the defaults of the cluster: auto-creation.
    pub fn named(name: &str) -> NewTopic {
        NewTopic {
            name: name.to_owned(),
            partitions: -1,
            replication_factor: -1,
            assignments: Vec::new(),
            configs: Vec::new(),
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicCreated {
    pub name: String,
    pub result: Result<NewTopicFacts, Refused>,
}

/// What a created (or validated) topic is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewTopicFacts {
    pub id: TopicId,
    pub partitions: i32,
    pub replication_factor: i16,
    /// As they were set; defaults are for the caller to add.
    pub settings: Settings,
}

/// CreatePartitions.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CreatePartitions {
    pub topics: Vec<MorePartitions>,
    pub validate_only: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MorePartitions {
    pub name: String,
    /// Partitions afterwards, those that exist among them.
    pub count: i32,
    /// Replicas of each new partition; `None` when the controller shall place them.
    pub assignments: Option<Vec<Vec<i32>>>,
}

/// How a topic to delete is named.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum TopicSelector {
    Name(String),
    Id(TopicId),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicDeleted {
    /// As far as known.
    pub name: Option<String>,
    /// `TopicId::ZERO` when not known.
    pub id: TopicId,
    pub result: Result<(), Refused>,
}

/// AlterConfigs and IncrementalAlterConfigs.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AlterConfigs {
    pub resources: Vec<(Resource, ConfigChange)>,
    pub validate_only: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConfigChange {
    /// Exactly these settings, all others removed (AlterConfigs).
    Replace(Vec<(String, Option<String>)>),
    /// Each for itself (IncrementalAlterConfigs).
    Each(Vec<(String, ConfigStep)>),
}

/// One operation on one setting (Kafka's `AlterConfigOp.OpType`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConfigStep {
    Set(Option<String>),
    Delete,
    Append(Option<String>),
    Subtract(Option<String>),
}

impl ConfigStep {
    /// `None` when the operation does not exist.
    pub fn from_wire(operation: i8, value: Option<String>) -> Option<ConfigStep> {
        Some(match operation {
            0 => ConfigStep::Set(value),
            1 => ConfigStep::Delete,
            2 => ConfigStep::Append(value),
            3 => ConfigStep::Subtract(value),
            _ => return None,
        })
    }
}

/// UpdateFeatures.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct UpdateFeatures {
    pub updates: Vec<FeatureUpdate>,
    pub validate_only: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FeatureUpdate {
    pub name: String,
    pub level: i16,
    pub kind: FeatureUpdateKind,
}

/// Kafka's `FeatureUpdate.UpgradeType`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FeatureUpdateKind {
    Upgrade,
    SafeDowngrade,
    UnsafeDowngrade,
    /// A number that stands for none of them.
    Unknown,
}

impl FeatureUpdateKind {
    pub fn from_wire(number: i8) -> FeatureUpdateKind {
        match number {
            1 => FeatureUpdateKind::Upgrade,
            2 => FeatureUpdateKind::SafeDowngrade,
            3 => FeatureUpdateKind::UnsafeDowngrade,
            _ => FeatureUpdateKind::Unknown,
        }
    }
}

/// ElectLeaders (KIP-460).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ElectLeaders {
    pub kind: ElectionKind,
    /// `None`: every partition there is; those that need no election are then not told.
    pub partitions: Option<Vec<(String, Vec<i32>)>>,
}

/// Kafka's `ElectionType`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ElectionKind {
    /// The first replica shall lead.
    Preferred,
    /// A partition without a leader gets one, if need be with records lost.
    Unclean,
}

impl ElectionKind {
    pub fn from_wire(number: i8) -> Option<ElectionKind> {
        match number {
            0 => Some(ElectionKind::Preferred),
            1 => Some(ElectionKind::Unclean),
            _ => None,
        }
    }
}

/// AlterPartitionReassignments (KIP-455, KIP-860).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReassignPartitions {
    pub topics: Vec<(String, Vec<Reassignment>)>,
    pub replication_may_change: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reassignment {
    pub partition: i32,
    /// `None` takes a reassignment back that is under way.
    pub replicas: Option<Vec<i32>>,
}

/// What one rule decided about one part of a request: records and an answer, or a refusal that leaves no record.
pub(super) type Decided<T> = (Vec<crate::wire::metadata::MetadataRecord>, T);
