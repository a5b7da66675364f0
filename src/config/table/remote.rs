//! Broker settings of tiered storage.
use crate::config::setting::Valid::{Any, AtLeast, BetweenFractions, NonEmpty};
use crate::config::setting::settings;

settings! {
    Boolean "follower.fetch.last.tiered.offset.enable" = Some("false"), Any, Medium, ClusterWide, NoEffect,
        "";
    Long "log.local.retention.bytes" = Some("-2"), AtLeast(-2), Medium, ClusterWide, NoEffect,
        "";
    Long "log.local.retention.ms" = Some("-2"), AtLeast(-2), Medium, ClusterWide, NoEffect,
        "";
    Int "remote.fetch.max.wait.ms" = Some("500"), AtLeast(1), Medium, ClusterWide, NoEffect,
        "";
    Long "remote.list.offsets.request.timeout.ms" = Some("30000"), AtLeast(1), Medium, ClusterWide, NoEffect,
        "";
    Long "remote.log.index.file.cache.total.size.bytes" = Some("1073741824"), AtLeast(1), Low, ClusterWide, NoEffect,
        "";
    Long "remote.log.index.file.cache.ttl.ms" = Some("900000"), AtLeast(-1), Low, Fixed, NoEffect,
        "";
    Int "remote.log.manager.copier.thread.pool.size" = Some("10"), AtLeast(1), Medium, ClusterWide, NoEffect,
        "";
    Long "remote.log.manager.copy.max.bytes.per.second" = Some("9223372036854775807"),
        AtLeast(1), Medium, ClusterWide, NoEffect,
        "";
    Int "remote.log.manager.copy.quota.window.num" = Some("11"), AtLeast(1), Medium, Fixed, NoEffect,
        "";
    Int "remote.log.manager.copy.quota.window.size.seconds" = Some("1"), AtLeast(1), Medium, Fixed, NoEffect,
        "";
    Int "remote.log.manager.expiration.thread.pool.size" = Some("10"), AtLeast(1), Medium, ClusterWide, NoEffect,
        "";
    Long "remote.log.manager.fetch.max.bytes.per.second" = Some("9223372036854775807"),
        AtLeast(1), Medium, ClusterWide, NoEffect,
        "";
    Int "remote.log.manager.fetch.quota.window.num" = Some("11"), AtLeast(1), Medium, Fixed, NoEffect,
        "";
    Int "remote.log.manager.fetch.quota.window.size.seconds" = Some("1"), AtLeast(1), Medium, Fixed, NoEffect,
        "";
    Int "remote.log.manager.follower.thread.pool.size" = Some("2"), AtLeast(1), Medium, ClusterWide, NoEffect,
        "";
    Long "remote.log.manager.task.interval.ms" = Some("30000"), AtLeast(1), Low, Fixed, NoEffect,
        "";
    Long "remote.log.manager.task.retry.backoff.max.ms" = Some("30000"), AtLeast(1), Low, Fixed, NoEffect,
        "";
    Long "remote.log.manager.task.retry.backoff.ms" = Some("500"), AtLeast(1), Low, Fixed, NoEffect,
        "";
    Double "remote.log.manager.task.retry.jitter" = Some("0.2"), BetweenFractions(0.0, 0.5), Low, Fixed, NoEffect,
        "";
    Int "remote.log.manager.thread.pool.size" = Some("2"), AtLeast(1), Medium, Fixed, NoEffect,
        "";
    Int "remote.log.metadata.custom.metadata.max.bytes" = Some("128"), AtLeast(0), Low, Fixed, NoEffect,
        "";
    String "remote.log.metadata.manager.class.name" = Some("org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager"),
        NonEmpty, Medium, Fixed, NoEffect,
        "";
    String "remote.log.metadata.manager.class.path" = None, Any, Medium, Fixed, NoEffect,
        "";
    String "remote.log.metadata.manager.impl.prefix" = Some("rlmm.config."), NonEmpty, Medium, Fixed, NoEffect,
        "";
    String "remote.log.metadata.manager.listener.name" = None, NonEmpty, Medium, Fixed, NoEffect,
        "";
    Int "remote.log.reader.max.pending.tasks" = Some("100"), AtLeast(1), Medium, Fixed, NoEffect,
        "";
    Int "remote.log.reader.threads" = Some("10"), AtLeast(1), Medium, ClusterWide, NoEffect,
        "";
    String "remote.log.storage.manager.class.name" = None, NonEmpty, Medium, Fixed, NoEffect,
        "";
    String "remote.log.storage.manager.class.path" = None, Any, Medium, Fixed, NoEffect,
        "";
    String "remote.log.storage.manager.impl.prefix" = Some("rsm.config."), NonEmpty, Medium, Fixed, NoEffect,
        "";
    Boolean "remote.log.storage.system.enable" = Some("false"), Any, Medium, Fixed, NoEffect,
        "";
}
