//! Broker settings of groups: classic, consumer and streams, and of committed offsets.
use crate::config::setting::Valid::{Any, AtLeast, Elements, OneOfAnyCase};
use crate::config::setting::settings;

settings! {
    Int "group.consumer.assignment.interval.ms" = Some("1000"), AtLeast(0), Medium, ClusterWide, NoEffect,
        "";
    List "group.consumer.assignors" = Some("uniform,range"),
        Elements { of: &[], empty_allowed: false }, Medium, Fixed, NoEffect,
        "";
    Int "group.consumer.heartbeat.interval.ms" = Some("5000"), AtLeast(1), Medium, Fixed, NoEffect,
        "";
    Int "group.consumer.max.assignment.interval.ms" = Some("15000"), AtLeast(0), Medium, Fixed, NoEffect,
        "";
    Int "group.consumer.max.heartbeat.interval.ms" = Some("15000"), AtLeast(1), Medium, Fixed, NoEffect,
        "";
    Int "group.consumer.max.session.timeout.ms" = Some("60000"), AtLeast(1), Medium, Fixed, NoEffect,
        "";
    Int "group.consumer.max.size" = Some("2147483647"), AtLeast(1), Medium, Fixed, NoEffect,
        "";
    String "group.consumer.migration.policy" = Some("bidirectional"),
        OneOfAnyCase(&["DISABLED", "DOWNGRADE", "UPGRADE", "BIDIRECTIONAL"]), Medium, Fixed, NoEffect,
        "";
    Int "group.consumer.min.assignment.interval.ms" = Some("0"), AtLeast(0), Medium, Fixed, NoEffect,
        "";
    Int "group.consumer.min.heartbeat.interval.ms" = Some("5000"), AtLeast(1), Medium, Fixed, NoEffect,
        "";
    Int "group.consumer.min.session.timeout.ms" = Some("45000"), AtLeast(1), Medium, Fixed, NoEffect,
        "";
    Int "group.consumer.regex.refresh.interval.ms" = Some("600000"), AtLeast(10000), Medium, Fixed, NoEffect,
        "";
    Int "group.consumer.session.timeout.ms" = Some("45000"), AtLeast(1), Medium, Fixed, NoEffect,
        "";
    Int "group.coordinator.append.linger.ms" = Some("-1"), AtLeast(-1), Medium, Fixed, NoEffect,
        "";
    Int "group.coordinator.background.threads" = Some("2"), AtLeast(1), High, Fixed, NoEffect,
        "";
    Int "group.coordinator.cached.buffer.max.bytes" = Some("1048588"), AtLeast(524_288), Medium, ClusterWide, NoEffect,
        "";
    List "group.coordinator.rebalance.protocols" = Some("classic,consumer,streams"),
        Elements { of: &["consumer", "classic", "share", "streams"], empty_allowed: false }, Medium, Fixed, NoEffect,
        "";
    Int "group.coordinator.threads" = Some("4"), AtLeast(1), High, Fixed, NoEffect,
        "";
    Int "group.initial.rebalance.delay.ms" = Some("3000"), Any, Medium, Fixed, NoEffect,
        "";
    Int "group.max.session.timeout.ms" = Some("1800000"), Any, Medium, Fixed, NoEffect,
        "";
    Int "group.max.size" = Some("2147483647"), AtLeast(1), Medium, Fixed, NoEffect,
        "";
    Int "group.min.session.timeout.ms" = Some("6000"), Any, Medium, Fixed, NoEffect,
        "";
    Int "group.streams.assignment.interval.ms" = Some("1000"), AtLeast(0), Medium, ClusterWide, NoEffect,
        "";
    Int "group.streams.heartbeat.interval.ms" = Some("5000"), AtLeast(1), Medium, Fixed, NoEffect,
        "";
    Int "group.streams.initial.rebalance.delay.ms" = Some("3000"), AtLeast(0), Medium, Fixed, NoEffect,
        "";
    Int "group.streams.max.assignment.interval.ms" = Some("15000"), AtLeast(0), Medium, Fixed, NoEffect,
        "";
    Int "group.streams.max.heartbeat.interval.ms" = Some("15000"), AtLeast(1), Medium, Fixed, NoEffect,
        "";
    Int "group.streams.max.session.timeout.ms" = Some("60000"), AtLeast(1), Medium, Fixed, NoEffect,
        "";
    Int "group.streams.max.size" = Some("2147483647"), AtLeast(1), Medium, Fixed, NoEffect,
        "";
    Int "group.streams.max.standby.replicas" = Some("2"), AtLeast(0), Medium, Fixed, NoEffect,
        "";
    Int "group.streams.min.assignment.interval.ms" = Some("0"), AtLeast(0), Medium, Fixed, NoEffect,
        "";
    Int "group.streams.min.heartbeat.interval.ms" = Some("5000"), AtLeast(1), Medium, Fixed, NoEffect,
        "";
    Int "group.streams.min.session.timeout.ms" = Some("45000"), AtLeast(1), Medium, Fixed, NoEffect,
        "";
    Int "group.streams.num.standby.replicas" = Some("0"), AtLeast(0), Medium, Fixed, NoEffect,
        "";
    Int "group.streams.session.timeout.ms" = Some("45000"), AtLeast(1), Medium, Fixed, NoEffect,
        "";
    Int "offset.metadata.max.bytes" = Some("4096"), Any, High, Fixed, NoEffect,
        "";
    Int "offsets.commit.timeout.ms" = Some("5000"), AtLeast(1), High, Fixed, NoEffect,
        "";
    Int "offsets.load.buffer.size" = Some("5242880"), AtLeast(1), High, Fixed, NoEffect,
        "";
    Long "offsets.retention.check.interval.ms" = Some("600000"), AtLeast(1), High, Fixed, NoEffect,
        "";
    Int "offsets.retention.minutes" = Some("10080"), AtLeast(1), High, Fixed, NoEffect,
        "";
    Int "offsets.topic.compression.codec" = Some("0"), Any, High, Fixed, NoEffect,
        "";
    Int "offsets.topic.num.partitions" = Some("50"), AtLeast(1), High, Fixed, NoEffect,
        "";
    Short "offsets.topic.replication.factor" = Some("3"), AtLeast(1), High, Fixed, NoEffect,
        "";
    Int "offsets.topic.segment.bytes" = Some("104857600"), AtLeast(1), High, Fixed, NoEffect,
        "";
}
