//! Broker settings of share groups and their coordinator.
use crate::config::setting::Valid::{Any, AtLeast, Between, Elements};
use crate::config::setting::settings;

settings! {
    Int "group.share.assignment.interval.ms" = Some("1000"), AtLeast(0), Medium, ClusterWide, NoEffect,
        "Shortest time between two assignments of a share group; 0 is none.";
    List "group.share.assignors" = Some("simple"), Elements { of: &[], empty_allowed: false }, Medium, Fixed, NoEffect,
        "Assignors that share groups may use.";
    Int "group.share.delivery.count.limit" = Some("5"), Between(2, 10), Medium, Fixed, NoEffect,
        "How often a record is handed out before it counts as undeliverable.";
    Int "group.share.heartbeat.interval.ms" = Some("5000"), AtLeast(1), Medium, Fixed, NoEffect,
        "Heartbeat interval given to members of share groups.";
    Int "group.share.initialize.retry.interval.ms" = Some("30000"), AtLeast(1), Low, Fixed, NoEffect,
        "Pause before a share partition is initialised again.";
    Int "group.share.max.assignment.interval.ms" = Some("15000"), AtLeast(0), Medium, Fixed, NoEffect,
        "Upper bound of a group's own assignment interval.";
    Int "group.share.max.delivery.count.limit" = Some("10"), Between(5, 25), Medium, Fixed, NoEffect,
        "Upper bound of a group's own delivery count.";
    Int "group.share.max.heartbeat.interval.ms" = Some("15000"), AtLeast(1), Medium, Fixed, NoEffect,
        "Upper bound of a group's own heartbeat interval.";
    Int "group.share.max.partition.max.record.locks" = Some("4000"), Between(2000, 10000), Medium, Fixed, NoEffect,
        "Upper bound of a group's own number of locked records.";
    Int "group.share.max.record.lock.duration.ms" = Some("60000"), Between(30000, 3_600_000), Medium, Fixed, NoEffect,
        "Upper bound of a group's own lock time.";
    Int "group.share.max.session.timeout.ms" = Some("60000"), AtLeast(1), Medium, Fixed, NoEffect,
        "Upper bound of a group's own session timeout.";
    Int "group.share.max.share.sessions" = Some("2000"), AtLeast(1), Medium, Fixed, NoEffect,
        "Share sessions per broker.";
    Int "group.share.max.size" = Some("200"), Between(1, 1000), Medium, Fixed, NoEffect,
        "Members a share group may have.";
    Int "group.share.min.assignment.interval.ms" = Some("0"), AtLeast(0), Medium, Fixed, NoEffect,
        "Lower bound of a group's own assignment interval.";
    Int "group.share.min.delivery.count.limit" = Some("2"), Between(2, 5), Medium, Fixed, NoEffect,
        "Lower bound of a group's own delivery count.";
    Int "group.share.min.heartbeat.interval.ms" = Some("5000"), AtLeast(1), Medium, Fixed, NoEffect,
        "Lower bound of a group's own heartbeat interval.";
    Int "group.share.min.partition.max.record.locks" = Some("100"), Between(100, 2000), Medium, Fixed, NoEffect,
        "Lower bound of a group's own number of locked records.";
    Int "group.share.min.record.lock.duration.ms" = Some("15000"), Between(1000, 30000), Medium, Fixed, NoEffect,
        "Lower bound of a group's own lock time.";
    Int "group.share.min.session.timeout.ms" = Some("45000"), AtLeast(1), Medium, Fixed, NoEffect,
        "Lower bound of a group's own session timeout.";
    Int "group.share.partition.max.record.locks" = Some("2000"), Between(100, 10000), Medium, Fixed, NoEffect,
        "Records of a partition that may be locked at once.";
    String "group.share.persister.class.name" = Some("org.apache.kafka.server.share.persister.DefaultStatePersister"),
        Any, Medium, Fixed, NoEffect,
        "Java class that stores the state of share groups.";
    Int "group.share.record.lock.duration.ms" = Some("30000"), Between(1000, 3_600_000), Medium, Fixed, NoEffect,
        "How long a member may hold a record before it goes to another.";
    Int "group.share.session.timeout.ms" = Some("45000"), AtLeast(1), Medium, Fixed, NoEffect,
        "A member of a share group that is silent for this long is out.";
    Int "share.coordinator.append.linger.ms" = Some("-1"), AtLeast(-1), Medium, Fixed, NoEffect,
        "How long the share coordinator gathers records before it writes them; -1 adapts.";
    Int "share.coordinator.cached.buffer.max.bytes" = Some("1048588"), AtLeast(524_288), Medium, ClusterWide, NoEffect,
        "Size up to which the share coordinator keeps its write buffers.";
    Int "share.coordinator.cold.partition.snapshot.interval.ms" = Some("300000"), AtLeast(1), Low, Fixed, NoEffect,
        "How often the state of quiet share partitions is written whole.";
    Int "share.coordinator.load.buffer.size" = Some("5242880"), AtLeast(1), High, Fixed, NoEffect,
        "Bytes read at once when share state is loaded.";
    Int "share.coordinator.snapshot.update.records.per.snapshot" = Some("500"),
        Between(0, 500), Medium, Fixed, NoEffect,
        "Updates of share state between two whole ones.";
    Int "share.coordinator.state.topic.compression.codec" = Some("0"), Any, High, Fixed, NoEffect,
        "Codec of __share_group_state, by number.";
    Short "share.coordinator.state.topic.min.isr" = Some("2"), AtLeast(1), High, Fixed, NoEffect,
        "In-sync replicas that __share_group_state needs.";
    Int "share.coordinator.state.topic.num.partitions" = Some("50"), AtLeast(1), High, Fixed, NoEffect,
        "Partitions of __share_group_state.";
    Int "share.coordinator.state.topic.prune.interval.ms" = Some("300000"), AtLeast(1), Low, Fixed, NoEffect,
        "How often records of __share_group_state that nobody needs are deleted.";
    Short "share.coordinator.state.topic.replication.factor" = Some("3"), AtLeast(1), High, Fixed, NoEffect,
        "Replicas of __share_group_state.";
    Int "share.coordinator.state.topic.segment.bytes" = Some("104857600"), AtLeast(1), High, Fixed, NoEffect,
        "Segment size of __share_group_state.";
    Int "share.coordinator.threads" = Some("1"), AtLeast(1), Medium, Fixed, NoEffect,
        "Threads of the share coordinator; here the machine's cores decide.";
    Int "share.coordinator.write.timeout.ms" = Some("5000"), AtLeast(1), High, Fixed, NoEffect,
        "How long a write of share state waits for the replicas.";
    Int "share.fetch.purgatory.purge.interval.requests" = Some("1000"), Any, Medium, Fixed, NoEffect,
        "Housekeeping of Kafka's queue of waiting share fetches; there is none here.";
}
