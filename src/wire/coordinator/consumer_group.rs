//! Groups of the consumer protocol (KIP-848): record types 3 to 8 and 16. Values have one version, 0, which is flexible.
use crate::wire::structure::{Blob, nullable_structures, structures};
use uuid::Uuid;

structures! {
    /// Which member of which group: the key of record types 5, 7 and 8.
    pub struct GroupMemberKey {
        group: String,
        member_id: String,
    } tagged {}

    /// The key of record type 16.
    pub struct RegularExpressionKey {
        group: String,
        regular_expression: String,
    } tagged {}

    /// Type 3: a consumer group exists, at this epoch.
    pub struct ConsumerGroupMetadataValue {
        epoch: i32,
    } tagged {
        /// Over all topics that are subscribed to (KIP-1101): it changes when they do.
        0 => metadata_hash: i64 [0] = 0,
    }

    /// Type 4, written by brokers before 4.1 only.
    pub struct ConsumerGroupPartitionMetadataValue {
        topics: Vec<SubscribedTopic>,
    } tagged {}

    /// A topic as members saw it.
    pub struct SubscribedTopic {
        topic_id: Uuid,
        topic_name: String,
        partition_count: i32,
        partition_metadata: Vec<PartitionRacks>,
    } tagged {}

    /// Where the replicas of one partition are.
    pub struct PartitionRacks {
        partition: i32,
        racks: Vec<String>,
    } tagged {}

    /// Type 5: a member, and what it subscribes to.
    pub struct ConsumerGroupMemberMetadataValue {
        instance_id: Option<String>,
        rack_id: Option<String>,
        client_id: String,
        client_host: String,
        subscribed_topic_names: Vec<String>,
        subscribed_topic_regex: Option<String>,
        rebalance_timeout_ms: i32 = -1,
        server_assignor: Option<String>,
    } tagged {
        /// Of a member that speaks the classic protocol.
        0 => classic_member_metadata: Option<ClassicMemberMetadata> [0] = None,
    }

    /// What a member of the classic protocol joined with.
    pub struct ClassicMemberMetadata {
        session_timeout_ms: i32,
        supported_protocols: Vec<ClassicProtocol>,
    } tagged {}

    /// A protocol that a member supports, with its metadata.
    pub struct ClassicProtocol {
        name: String,
        metadata: Blob,
    } tagged {}

    /// Type 6: the group epoch for which the target assignment was computed.
    pub struct ConsumerGroupTargetAssignmentMetadataValue {
        assignment_epoch: i32,
    } tagged {
        /// Milliseconds since 1970 when it was finished (KIP-1263).
        0 => assignment_timestamp: i64 [0] = 0,
    }

    /// Type 7: what a member shall have.
    pub struct ConsumerGroupTargetAssignmentMemberValue {
        topic_partitions: Vec<TargetPartitions>,
    } tagged {}

    /// Partitions of one topic.
    pub struct TargetPartitions {
        topic_id: Uuid,
        partitions: Vec<i32>,
    } tagged {}

    /// Type 8: what a member has, and must give back.
    pub struct ConsumerGroupCurrentMemberAssignmentValue {
        member_epoch: i32,
        previous_member_epoch: i32,
        /// Kafka's `MemberState`: 0 STABLE, 1 UNREVOKED_PARTITIONS, 2 UNRELEASED_PARTITIONS, 127 UNKNOWN.
        state: i8,
        assigned_partitions: Vec<CurrentPartitions>,
        partitions_pending_revocation: Vec<CurrentPartitions>,
    } tagged {}

    /// Partitions of one topic.
    pub struct CurrentPartitions {
        topic_id: Uuid,
        partitions: Vec<i32>,
    } tagged {
        /// Since which member epoch each was assigned (KIP-1251); none: by an older broker.
        0 => assignment_epochs: Option<Vec<i32>> [0] = None,
    }

    /// Type 16: the topics that a regular expression stands for.
    pub struct RegularExpressionValue {
        topics: Vec<String>,
        /// The offset of the metadata they were found in.
        version: i64,
        /// Milliseconds since 1970.
        timestamp: i64,
    } tagged {}
}

nullable_structures! { ClassicMemberMetadata }
