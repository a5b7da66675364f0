//! Broker settings of share groups and their coordinator.
use crate::config::setting::Valid::{Any, AtLeast, Between, Elements};
use crate::config::setting::settings;

settings! {
    Int "group.share.assignment.interval.ms" = Some("1000"), AtLeast(0), Medium, ClusterWide, NoEffect,
        "";
    List "group.share.assignors" = Some("simple"), Elements { of: &[], empty_allowed: false }, Medium, Fixed, NoEffect,
        "";
    Int "group.share.delivery.count.limit" = Some("5"), Between(2, 10), Medium, Fixed, NoEffect,
        "";
    Int "group.share.heartbeat.interval.ms" = Some("5000"), AtLeast(1), Medium, Fixed, NoEffect,
        "";
    Int "group.share.initialize.retry.interval.ms" = Some("30000"), AtLeast(1), Low, Fixed, NoEffect,
        "";
    Int "group.share.max.assignment.interval.ms" = Some("15000"), AtLeast(0), Medium, Fixed, NoEffect,
        "";
    Int "group.share.max.delivery.count.limit" = Some("10"), Between(5, 25), Medium, Fixed, NoEffect,
        "";
    Int "group.share.max.heartbeat.interval.ms" = Some("15000"), AtLeast(1), Medium, Fixed, NoEffect,
        "";
    Int "group.share.max.partition.max.record.locks" = Some("4000"), Between(2000, 10000), Medium, Fixed, NoEffect,
        "";
    Int "group.share.max.record.lock.duration.ms" = Some("60000"), Between(30000, 3_600_000), Medium, Fixed, NoEffect,
        "";
    Int "group.share.max.session.timeout.ms" = Some("60000"), AtLeast(1), Medium, Fixed, NoEffect,
        "";
    Int "group.share.max.share.sessions" = Some("2000"), AtLeast(1), Medium, Fixed, NoEffect,
        "";
    Int "group.share.max.size" = Some("200"), Between(1, 1000), Medium, Fixed, NoEffect,
        "";
    Int "group.share.min.assignment.interval.ms" = Some("0"), AtLeast(0), Medium, Fixed, NoEffect,
        "";
    Int "group.share.min.delivery.count.limit" = Some("2"), Between(2, 5), Medium, Fixed, NoEffect,
        "";
    Int "group.share.min.heartbeat.interval.ms" = Some("5000"), AtLeast(1), Medium, Fixed, NoEffect,
        "";
    Int "group.share.min.partition.max.record.locks" = Some("100"), Between(100, 2000), Medium, Fixed, NoEffect,
        "";
    Int "group.share.min.record.lock.duration.ms" = Some("15000"), Between(1000, 30000), Medium, Fixed, NoEffect,
        "";
    Int "group.share.min.session.timeout.ms" = Some("45000"), AtLeast(1), Medium, Fixed, NoEffect,
        "";
    Int "group.share.partition.max.record.locks" = Some("2000"), Between(100, 10000), Medium, Fixed, NoEffect,
        "";
    String "group.share.persister.class.name" = Some("org.apache.kafka.server.share.persister.DefaultStatePersister"),
        Any, Medium, Fixed, NoEffect,
        "";
    Int "group.share.record.lock.duration.ms" = Some("30000"), Between(1000, 3_600_000), Medium, Fixed, NoEffect,
        "";
    Int "group.share.session.timeout.ms" = Some("45000"), AtLeast(1), Medium, Fixed, NoEffect,
        "";
    Int "share.coordinator.append.linger.ms" = Some("-1"), AtLeast(-1), Medium, Fixed, NoEffect,
        "";
    Int "share.coordinator.cached.buffer.max.bytes" = Some("1048588"), AtLeast(524_288), Medium, ClusterWide, NoEffect,
        "";
    Int "share.coordinator.cold.partition.snapshot.interval.ms" = Some("300000"), AtLeast(1), Low, Fixed, NoEffect,
        "";
    Int "share.coordinator.load.buffer.size" = Some("5242880"), AtLeast(1), High, Fixed, NoEffect,
        "";
    Int "share.coordinator.snapshot.update.records.per.snapshot" = Some("500"),
        Between(0, 500), Medium, Fixed, NoEffect,
        "";
    Int "share.coordinator.state.topic.compression.codec" = Some("0"), Any, High, Fixed, NoEffect,
        "";
    Short "share.coordinator.state.topic.min.isr" = Some("2"), AtLeast(1), High, Fixed, NoEffect,
        "";
    Int "share.coordinator.state.topic.num.partitions" = Some("50"), AtLeast(1), High, Fixed, NoEffect,
        "";
    Int "share.coordinator.state.topic.prune.interval.ms" = Some("300000"), AtLeast(1), Low, Fixed, NoEffect,
        "";
    Short "share.coordinator.state.topic.replication.factor" = Some("3"), AtLeast(1), High, Fixed, NoEffect,
        "";
    Int "share.coordinator.state.topic.segment.bytes" = Some("104857600"), AtLeast(1), High, Fixed, NoEffect,
        "";
    Int "share.coordinator.threads" = Some("1"), AtLeast(1), Medium, Fixed, NoEffect,
        "";
    Int "share.coordinator.write.timeout.ms" = Some("5000"), AtLeast(1), High, Fixed, NoEffect,
        "";
    Int "share.fetch.purgatory.purge.interval.requests" = Some("1000"), Any, Medium, Fixed, NoEffect,
        "";
}
