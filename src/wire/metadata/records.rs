//! The metadata records themselves, after Kafka's schemas (`metadata/src/main/resources/common/metadata/*.json`).
use crate::wire::structure::structures;
use uuid::Uuid;

structures! {
    /// Where one listener of a broker or controller is reached.
    pub struct Endpoint {
        /// The listener's name.
        name: String,
        host: String,
        port: u16,
        /// Kafka's `SecurityProtocol`: 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL.
        security_protocol: i16,
    } tagged {}

    /// The levels of one feature that a node can work at.
    pub struct FeatureRange {
        name: String,
        min_supported_version: i16,
        max_supported_version: i16,
    } tagged {}

    /// A broker (re)started; it stands for all it was registered with before.
    pub struct RegisterBrokerRecord {
        broker_id: i32,
        is_migrating_zk_broker: bool [2],
        /// Drawn anew by every start of the process.
        incarnation_id: Uuid,
        /// The offset of this record.
        broker_epoch: i64,
        end_points: Vec<Endpoint>,
        features: Vec<FeatureRange>,
        rack: Option<String>,
        fenced: bool,
        in_controlled_shutdown: bool [1],
    } tagged {
        0 => log_dirs: Vec<Uuid> [3] = Vec::new(),
        1 => cordoned_log_dirs: Option<Vec<Uuid>> [4] = None,
    }

    /// A broker was taken out of the cluster.
    pub struct UnregisterBrokerRecord {
        broker_id: i32,
        broker_epoch: i64,
    } tagged {}

    /// A topic exists; its partitions follow.
    pub struct TopicRecord {
        name: String,
        topic_id: Uuid,
    } tagged {}

    /// A partition exists, with all there is to know about it.
    pub struct PartitionRecord {
        partition_id: i32,
        topic_id: Uuid,
        /// Preferred leader first.
        replicas: Vec<i32>,
        isr: Vec<i32>,
        removing_replicas: Vec<i32>,
        adding_replicas: Vec<i32>,
        /// -1: none.
        leader: i32,
        leader_epoch: i32,
        partition_epoch: i32,
        /// One for each replica, in their order.
        directories: Vec<Uuid> [1],
    } tagged {
        0 => leader_recovery_state: i8 [0] = 0,
        1 => eligible_leader_replicas: Option<Vec<i32>> [2] = None,
        2 => last_known_elr: Option<Vec<i32>> [2] = None,
    }

    /// A setting of a topic, a broker or another resource was set, or with no value removed.
    pub struct ConfigRecord {
        /// Kafka's `ConfigResource.Type`: 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
        resource_type: i8,
        /// Empty for the defaults of all brokers.
        resource_name: String,
        name: String,
        value: Option<String>,
    } tagged {}

    /// Something about a partition changed; what is absent stayed.
    pub struct PartitionChangeRecord {
        partition_id: i32,
        topic_id: Uuid,
    } tagged {
        0 => isr: Option<Vec<i32>> [0] = None,
        /// -2: unchanged; -1: none. Any other value is a new term of leadership, also for the same broker.
        1 => leader: i32 [0] = -2,
        2 => replicas: Option<Vec<i32>> [0] = None,
        3 => removing_replicas: Option<Vec<i32>> [0] = None,
        4 => adding_replicas: Option<Vec<i32>> [0] = None,
        /// -1: unchanged.
        5 => leader_recovery_state: i8 [0] = -1,
        6 => eligible_leader_replicas: Option<Vec<i32>> [2] = None,
        7 => last_known_elr: Option<Vec<i32>> [2] = None,
        8 => directories: Option<Vec<Uuid>> [1] = None,
    }

    /// A broker was fenced (before `BrokerRegistrationChangeRecord` existed).
    pub struct FenceBrokerRecord {
        id: i32,
        epoch: i64,
    } tagged {}

    /// A broker was let in (before `BrokerRegistrationChangeRecord` existed).
    pub struct UnfenceBrokerRecord {
        id: i32,
        epoch: i64,
    } tagged {}

    /// A topic and all its partitions are gone; its settings too.
    pub struct RemoveTopicRecord {
        topic_id: Uuid,
    } tagged {}

    /// The cluster works at this level of a feature; 0: not at all.
    pub struct FeatureLevelRecord {
        name: String,
        feature_level: i16,
    } tagged {}

    /// Producer ids below `next_producer_id` were given to brokers.
    pub struct ProducerIdsRecord {
        broker_id: i32,
        broker_epoch: i64,
        next_producer_id: i64,
    } tagged {}

    /// Something about a registered broker changed.
    pub struct BrokerRegistrationChangeRecord {
        broker_id: i32,
        broker_epoch: i64,
    } tagged {
        /// -1: let in; 0: unchanged; 1: fenced.
        0 => fenced: i8 [0] = 0,
        /// 1: shutting down; 0: unchanged.
        1 => in_controlled_shutdown: i8 [1] = 0,
        2 => log_dirs: Vec<Uuid> [2] = Vec::new(),
        3 => cordoned_log_dirs: Option<Vec<Uuid>> [3] = None,
    }

    /// Nothing; keeps time with offsets.
    pub struct NoOpRecord {
    } tagged {}

    /// The records up to `EndTransactionRecord` count all or not at all (KIP-868).
    pub struct BeginTransactionRecord {
    } tagged {
        0 => name: Option<String> [0] = None,
    }

    /// See `BeginTransactionRecord`.
    pub struct EndTransactionRecord {
    } tagged {}

    /// The records since `BeginTransactionRecord` do not count.
    pub struct AbortTransactionRecord {
    } tagged {
        0 => reason: Option<String> [0] = None,
    }

    /// A controller (re)started.
    pub struct RegisterControllerRecord {
        controller_id: i32,
        incarnation_id: Uuid,
        zk_migration_ready: bool,
        end_points: Vec<Endpoint>,
        features: Vec<FeatureRange>,
    } tagged {}

    /// Eligible leader replicas are forgotten, of one topic or (empty name) of all.
    pub struct ClearElrRecord {
        topic_name: String,
    } tagged {}
}
