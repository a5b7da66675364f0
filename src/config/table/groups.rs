//! Broker settings of groups: classic, consumer and streams, and of committed offsets.
use crate::config::setting::Valid::{Any, AtLeast, Elements, OneOfAnyCase};
use crate::config::setting::settings;

settings! {
    Int "group.consumer.assignment.interval.ms" = Some("1000"), AtLeast(0), Medium, ClusterWide, Honoured,
        "Shortest time between two assignments of a consumer group; 0 is none.";
    List "group.consumer.assignors" = Some("uniform,range"),
        Elements { of: &[], empty_allowed: false }, Medium, Fixed, Honoured,
        "Assignors that consumer groups may use; the first is the default.";
    Int "group.consumer.heartbeat.interval.ms" = Some("5000"), AtLeast(1), Medium, Fixed, Honoured,
        "Heartbeat interval given to members of consumer groups.";
    Int "group.consumer.max.assignment.interval.ms" = Some("15000"), AtLeast(0), Medium, Fixed, Honoured,
        "Upper bound of a group's own assignment interval.";
    Int "group.consumer.max.heartbeat.interval.ms" = Some("15000"), AtLeast(1), Medium, Fixed, Honoured,
        "Upper bound of a group's own heartbeat interval.";
    Int "group.consumer.max.session.timeout.ms" = Some("60000"), AtLeast(1), Medium, Fixed, Honoured,
        "Upper bound of a group's own session timeout.";
    Int "group.consumer.max.size" = Some("2147483647"), AtLeast(1), Medium, Fixed, Honoured,
        "Members a consumer group may have.";
    String "group.consumer.migration.policy" = Some("bidirectional"),
        OneOfAnyCase(&["DISABLED", "DOWNGRADE", "UPGRADE", "BIDIRECTIONAL"]), Medium, Fixed, Honoured,
        "May classic groups become consumer groups while they run, and back?";
    Int "group.consumer.min.assignment.interval.ms" = Some("0"), AtLeast(0), Medium, Fixed, Honoured,
        "Lower bound of a group's own assignment interval.";
    Int "group.consumer.min.heartbeat.interval.ms" = Some("5000"), AtLeast(1), Medium, Fixed, Honoured,
        "Lower bound of a group's own heartbeat interval.";
    Int "group.consumer.min.session.timeout.ms" = Some("45000"), AtLeast(1), Medium, Fixed, Honoured,
        "Lower bound of a group's own session timeout.";
    Int "group.consumer.regex.refresh.interval.ms" = Some("600000"), AtLeast(10000), Medium, Fixed, Honoured,
        "How often topic patterns of subscriptions are matched anew.";
    Int "group.consumer.session.timeout.ms" = Some("45000"), AtLeast(1), Medium, Fixed, Honoured,
        "A member of a consumer group that is silent for this long is out.";
    Int "group.coordinator.append.linger.ms" = Some("-1"), AtLeast(-1), Medium, Fixed, NoEffect,
        "How long the coordinator gathers records before it writes them; -1 adapts.";
    Int "group.coordinator.background.threads" = Some("2"), AtLeast(1), High, Fixed, NoEffect,
        "Threads for the coordinator's chores; here the machine's cores decide.";
    Int "group.coordinator.cached.buffer.max.bytes" = Some("1048588"), AtLeast(524_288), Medium, ClusterWide, NoEffect,
        "Size up to which the coordinator keeps its write buffers.";
    List "group.coordinator.rebalance.protocols" = Some("classic,consumer,streams"),
        Elements { of: &["consumer", "classic", "share", "streams"], empty_allowed: false }, Medium, Fixed, Honoured,
        "Group protocols that are served; classic must be among them.";
    Int "group.coordinator.threads" = Some("4"), AtLeast(1), High, Fixed, NoEffect,
        "Threads of the coordinator; here the machine's cores decide.";
    Int "group.initial.rebalance.delay.ms" = Some("3000"), Any, Medium, Fixed, Honoured,
        "How long an empty group waits for more members before its first assignment.";
    Int "group.max.session.timeout.ms" = Some("1800000"), Any, Medium, Fixed, Honoured,
        "The longest session timeout a member may ask for.";
    Int "group.max.size" = Some("2147483647"), AtLeast(1), Medium, Fixed, Honoured,
        "Members a classic group may have.";
    Int "group.min.session.timeout.ms" = Some("6000"), Any, Medium, Fixed, Honoured,
        "The shortest session timeout a member may ask for.";
    Int "group.streams.assignment.interval.ms" = Some("1000"), AtLeast(0), Medium, ClusterWide, NoEffect,
        "Shortest time between two assignments of a streams group; 0 is none.";
    Int "group.streams.heartbeat.interval.ms" = Some("5000"), AtLeast(1), Medium, Fixed, NoEffect,
        "Heartbeat interval given to members of streams groups.";
    Int "group.streams.initial.rebalance.delay.ms" = Some("3000"), AtLeast(0), Medium, Fixed, NoEffect,
        "How long a new streams group waits for more members.";
    Int "group.streams.max.assignment.interval.ms" = Some("15000"), AtLeast(0), Medium, Fixed, NoEffect,
        "Upper bound of a group's own assignment interval.";
    Int "group.streams.max.heartbeat.interval.ms" = Some("15000"), AtLeast(1), Medium, Fixed, NoEffect,
        "Upper bound of a group's own heartbeat interval.";
    Int "group.streams.max.session.timeout.ms" = Some("60000"), AtLeast(1), Medium, Fixed, NoEffect,
        "Upper bound of a group's own session timeout.";
    Int "group.streams.max.size" = Some("2147483647"), AtLeast(1), Medium, Fixed, NoEffect,
        "Members a streams group may have.";
    Int "group.streams.max.standby.replicas" = Some("2"), AtLeast(0), Medium, Fixed, NoEffect,
        "Upper bound of a group's own number of standby tasks.";
    Int "group.streams.min.assignment.interval.ms" = Some("0"), AtLeast(0), Medium, Fixed, NoEffect,
        "Lower bound of a group's own assignment interval.";
    Int "group.streams.min.heartbeat.interval.ms" = Some("5000"), AtLeast(1), Medium, Fixed, NoEffect,
        "Lower bound of a group's own heartbeat interval.";
    Int "group.streams.min.session.timeout.ms" = Some("45000"), AtLeast(1), Medium, Fixed, NoEffect,
        "Lower bound of a group's own session timeout.";
    Int "group.streams.num.standby.replicas" = Some("0"), AtLeast(0), Medium, Fixed, NoEffect,
        "Standby tasks per task of a streams group.";
    Int "group.streams.session.timeout.ms" = Some("45000"), AtLeast(1), Medium, Fixed, NoEffect,
        "A member of a streams group that is silent for this long is out.";
    Int "offset.metadata.max.bytes" = Some("4096"), Any, High, Fixed, Honoured,
        "The longest text a client may store with an offset.";
    Int "offsets.commit.timeout.ms" = Some("5000"), AtLeast(1), High, Fixed, NoEffect,
        "How long a commit waits for the replicas.";
    Int "offsets.load.buffer.size" = Some("5242880"), AtLeast(1), High, Fixed, NoEffect,
        "Bytes read at once when committed offsets are loaded.";
    Long "offsets.retention.check.interval.ms" = Some("600000"), AtLeast(1), High, Fixed, Honoured,
        "How often expired offsets are looked for.";
    Int "offsets.retention.minutes" = Some("10080"), AtLeast(1), High, Fixed, Honoured,
        "How long offsets of a group without members are kept.";
    Int "offsets.topic.compression.codec" = Some("0"), Any, High, Fixed, NoEffect,
        "Codec of __consumer_offsets, by number.";
    Int "offsets.topic.num.partitions" = Some("50"), AtLeast(1), High, Fixed, Honoured,
        "Partitions of __consumer_offsets.";
    Short "offsets.topic.replication.factor" = Some("3"), AtLeast(1), High, Fixed, Honoured,
        "Replicas of __consumer_offsets; when not set, no more than there are brokers.";
    Int "offsets.topic.segment.bytes" = Some("104857600"), AtLeast(1), High, Fixed, Honoured,
        "Segment size of __consumer_offsets.";
}
