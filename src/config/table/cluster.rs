//! Broker settings of roles, the controller quorum, registration, the metadata log, topics and policies.
use crate::config::setting::Valid::{Any, AtLeast, Elements};
use crate::config::setting::settings;

settings! {
    Class "alter.config.policy.class.name" = None, Any, Low, Fixed, NoEffect,
        "";
    Boolean "auto.create.topics.enable" = Some("true"), Any, High, Fixed, NoEffect,
        "";
    Boolean "auto.leader.rebalance.enable" = Some("true"), Any, High, Fixed, NoEffect,
        "";
    Int "broker.heartbeat.interval.ms" = Some("2000"), Any, Medium, Fixed, NoEffect,
        "";
    Int "broker.id" = Some("1"), Any, High, Fixed, NoEffect,
        "";
    String "broker.rack" = None, Any, Medium, Fixed, NoEffect,
        "";
    Int "broker.session.timeout.ms" = Some("9000"), Any, Medium, Fixed, NoEffect,
        "";
    List "config.providers" = Some(""), Elements { of: &[], empty_allowed: true }, Low, ClusterWide, NoEffect,
        "";
    Boolean "controlled.shutdown.enable" = Some("true"), Any, Medium, Fixed, NoEffect,
        "";
    List "controller.listener.names" = Some("CONTROLLER"),
        Elements { of: &[], empty_allowed: false }, High, Fixed, NoEffect,
        "";
    Long "controller.performance.always.log.threshold.ms" = Some("2000"), AtLeast(0), Medium, Fixed, NoEffect,
        "";
    Long "controller.performance.sample.period.ms" = Some("60000"), AtLeast(100), Medium, Fixed, NoEffect,
        "";
    Int "controller.quorum.append.linger.ms" = Some("25"), AtLeast(0), Medium, Fixed, NoEffect,
        "";
    Boolean "controller.quorum.auto.join.enable" = Some("false"), Any, Low, Fixed, NoEffect,
        "";
    List "controller.quorum.bootstrap.servers" = Some(""), Any, High, Fixed, NoEffect,
        "";
    Int "controller.quorum.election.backoff.max.ms" = Some("1000"), AtLeast(0), High, Fixed, NoEffect,
        "";
    Int "controller.quorum.election.timeout.ms" = Some("1000"), AtLeast(0), High, Fixed, NoEffect,
        "";
    Int "controller.quorum.fetch.max.bytes" = Some("1048576"), AtLeast(1), Low, Fixed, NoEffect,
        "";
    Int "controller.quorum.fetch.snapshot.max.bytes" = Some("1048576"), AtLeast(1), Low, Fixed, NoEffect,
        "";
    Int "controller.quorum.fetch.timeout.ms" = Some("2000"), AtLeast(0), High, Fixed, NoEffect,
        "";
    Int "controller.quorum.request.timeout.ms" = Some("2000"), AtLeast(0), Medium, Fixed, NoEffect,
        "";
    Int "controller.quorum.retry.backoff.ms" = Some("20"), AtLeast(0), Low, Fixed, NoEffect,
        "";
    List "controller.quorum.voters" = Some(""), Any, High, Fixed, NoEffect,
        "";
    Int "controller.socket.timeout.ms" = Some("30000"), Any, Medium, Fixed, NoEffect,
        "";
    Class "create.topic.policy.class.name" = None, Any, Low, Fixed, NoEffect,
        "";
    Boolean "delete.topic.enable" = Some("true"), Any, High, Fixed, NoEffect,
        "";
    List "early.start.listeners" = None, Elements { of: &[], empty_allowed: true }, High, Fixed, NoEffect,
        "";
    Int "initial.broker.registration.timeout.ms" = Some("60000"), Any, Medium, Fixed, NoEffect,
        "";
    Long "internal.metadata.delete.delay.millis" = Some("60000"), Any, Low, Fixed, NoEffect,
        "";
    Int "internal.metadata.log.segment.bytes" = None, Any, Low, Fixed, NoEffect,
        "";
    Int "internal.metadata.max.batch.size.in.bytes" = Some("8388608"), Any, Low, Fixed, NoEffect,
        "";
    Int "max.request.partition.size.limit" = Some("2000"), AtLeast(1), Medium, Fixed, NoEffect,
        "";
    String "metadata.log.dir" = None, Any, High, Fixed, NoEffect,
        "";
    Long "metadata.log.max.record.bytes.between.snapshots" = Some("20971520"), AtLeast(1), High, Fixed, NoEffect,
        "";
    Long "metadata.log.max.snapshot.interval.ms" = Some("3600000"), AtLeast(0), High, Fixed, NoEffect,
        "";
    Int "metadata.log.segment.bytes" = Some("1073741824"), AtLeast(8_388_608), High, Fixed, NoEffect,
        "";
    Long "metadata.log.segment.ms" = Some("604800000"), Any, High, Fixed, NoEffect,
        "";
    Int "metadata.max.idle.interval.ms" = Some("500"), AtLeast(0), Low, Fixed, NoEffect,
        "";
    Long "metadata.max.retention.bytes" = Some("104857600"), Any, High, Fixed, NoEffect,
        "";
    Long "metadata.max.retention.ms" = Some("604800000"), Any, High, Fixed, NoEffect,
        "";
    Int "node.id" = Some("1"), AtLeast(0), High, Fixed, NoEffect,
        "";
    Int "num.partitions" = Some("1"), AtLeast(1), Medium, Fixed, NoEffect,
        "";
    List "process.roles" = Some("broker,controller"),
        Elements { of: &["broker", "controller"], empty_allowed: false }, High, Fixed, NoEffect,
        "";
    Long "server.max.startup.time.ms" = Some("9223372036854775807"), AtLeast(0), Medium, Fixed, NoEffect,
        "";
    Boolean "unstable.api.versions.enable" = Some("false"), Any, High, Fixed, NoEffect,
        "";
    Boolean "unstable.feature.versions.enable" = Some("false"), Any, High, Fixed, NoEffect,
        "";
}
