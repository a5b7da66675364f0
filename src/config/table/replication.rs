//! Broker settings of replicas, fetch sessions and quotas.
use crate::config::setting::Valid::{Any, AtLeast};
use crate::config::setting::settings;

settings! {
    Int "alter.log.dirs.replication.quota.window.num" = Some("11"), AtLeast(1), Low, Fixed, NoEffect,
        "";
    Int "alter.log.dirs.replication.quota.window.size.seconds" = Some("1"), AtLeast(1), Low, Fixed, NoEffect,
        "";
    Class "client.quota.callback.class" = None, Any, Low, Fixed, NoEffect,
        "";
    Int "controller.quota.window.num" = Some("11"), AtLeast(1), Low, Fixed, NoEffect,
        "";
    Int "controller.quota.window.size.seconds" = Some("1"), AtLeast(1), Low, Fixed, NoEffect,
        "";
    Int "default.replication.factor" = Some("1"), Any, Medium, Fixed, NoEffect,
        "";
    Int "delete.records.purgatory.purge.interval.requests" = Some("1"), Any, Medium, Fixed, NoEffect,
        "";
    Int "fetch.max.bytes" = Some("57671680"), AtLeast(1024), Medium, Fixed, NoEffect,
        "";
    Int "fetch.purgatory.purge.interval.requests" = Some("1000"), Any, Medium, Fixed, NoEffect,
        "";
    Long "follower.replication.throttled.rate" = None, AtLeast(0), Medium, ClusterWide, NoEffect,
        "";
    Long "leader.imbalance.check.interval.seconds" = Some("300"), AtLeast(1), High, Fixed, NoEffect,
        "";
    Long "leader.replication.throttled.rate" = None, AtLeast(0), Medium, ClusterWide, NoEffect,
        "";
    Int "max.incremental.fetch.session.cache.slots" = Some("1000"), AtLeast(0), Medium, Fixed, NoEffect,
        "";
    Int "min.insync.replicas" = Some("1"), AtLeast(1), High, ClusterWide, NoEffect,
        "";
    Int "num.replica.alter.log.dirs.threads" = None, Any, High, Fixed, NoEffect,
        "";
    Int "num.replica.fetchers" = Some("1"), AtLeast(1), High, ClusterWide, NoEffect,
        "";
    Int "producer.purgatory.purge.interval.requests" = Some("1000"), Any, Medium, Fixed, NoEffect,
        "";
    Int "quota.window.num" = Some("11"), AtLeast(1), Low, Fixed, NoEffect,
        "";
    Int "quota.window.size.seconds" = Some("1"), AtLeast(1), Low, Fixed, NoEffect,
        "";
    Long "replica.alter.log.dirs.io.max.bytes.per.second" = None, AtLeast(0), Medium, ClusterWide, NoEffect,
        "";
    Int "replica.fetch.backoff.ms" = Some("1000"), AtLeast(0), Medium, Fixed, NoEffect,
        "";
    Int "replica.fetch.max.bytes" = Some("1048576"), AtLeast(0), Medium, Fixed, NoEffect,
        "";
    Int "replica.fetch.min.bytes" = Some("1"), Any, High, Fixed, NoEffect,
        "";
    Int "replica.fetch.response.max.bytes" = Some("10485760"), AtLeast(0), Medium, Fixed, NoEffect,
        "";
    Int "replica.fetch.wait.max.ms" = Some("500"), Any, High, Fixed, NoEffect,
        "";
    Long "replica.high.watermark.checkpoint.interval.ms" = Some("5000"), Any, High, Fixed, NoEffect,
        "";
    Long "replica.lag.time.max.ms" = Some("30000"), Any, High, Fixed, NoEffect,
        "";
    String "replica.selector.class" = None, Any, Medium, Fixed, NoEffect,
        "";
    Int "replica.socket.receive.buffer.bytes" = Some("65536"), Any, High, Fixed, NoEffect,
        "";
    Int "replica.socket.timeout.ms" = Some("30000"), Any, High, Fixed, NoEffect,
        "";
    Int "replication.quota.window.num" = Some("11"), AtLeast(1), Low, Fixed, NoEffect,
        "";
    Int "replication.quota.window.size.seconds" = Some("1"), AtLeast(1), Low, Fixed, NoEffect,
        "";
    Boolean "unclean.leader.election.enable" = Some("false"), Any, High, ClusterWide, NoEffect,
        "";
    Long "unclean.leader.election.interval.ms" = Some("300000"), AtLeast(1), Medium, Fixed, NoEffect,
        "";
}
