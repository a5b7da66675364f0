//! Broker settings of tiered storage.
use crate::config::setting::Valid::{Any, AtLeast, BetweenFractions, NonEmpty};
use crate::config::setting::settings;

settings! {
    Boolean "follower.fetch.last.tiered.offset.enable" = Some("false"), Any, Medium, ClusterWide, NoEffect,
        "New followers begin where remote storage ends.";
    Long "log.local.retention.bytes" = Some("-2"), AtLeast(-2), Medium, ClusterWide, NoEffect,
        "Default of the topic setting local.retention.bytes.";
    Long "log.local.retention.ms" = Some("-2"), AtLeast(-2), Medium, ClusterWide, NoEffect,
        "Default of the topic setting local.retention.ms.";
    Int "remote.fetch.max.wait.ms" = Some("500"), AtLeast(1), Medium, ClusterWide, NoEffect,
        "How long a fetch waits for remote storage.";
    Long "remote.list.offsets.request.timeout.ms" = Some("30000"), AtLeast(1), Medium, ClusterWide, NoEffect,
        "How long a lookup of offsets waits for remote storage.";
    Long "remote.log.index.file.cache.total.size.bytes" = Some("1073741824"), AtLeast(1), Low, ClusterWide, NoEffect,
        "Disk space for indexes fetched from remote storage.";
    Long "remote.log.index.file.cache.ttl.ms" = Some("900000"), AtLeast(-1), Low, Fixed, NoEffect,
        "How long an unused index from remote storage is kept.";
    Int "remote.log.manager.copier.thread.pool.size" = Some("10"), AtLeast(1), Medium, ClusterWide, NoEffect,
        "Threads that copy segments to remote storage.";
    Long "remote.log.manager.copy.max.bytes.per.second" = Some("9223372036854775807"),
        AtLeast(1), Medium, ClusterWide, NoEffect,
        "Bytes per second copied to remote storage.";
    Int "remote.log.manager.copy.quota.window.num" = Some("11"), AtLeast(1), Medium, Fixed, NoEffect,
        "Samples kept for the throttle of copying to remote storage.";
    Int "remote.log.manager.copy.quota.window.size.seconds" = Some("1"), AtLeast(1), Medium, Fixed, NoEffect,
        "Length of a sample for the throttle of copying to remote storage.";
    Int "remote.log.manager.expiration.thread.pool.size" = Some("10"), AtLeast(1), Medium, ClusterWide, NoEffect,
        "Threads that delete expired remote segments.";
    Long "remote.log.manager.fetch.max.bytes.per.second" = Some("9223372036854775807"),
        AtLeast(1), Medium, ClusterWide, NoEffect,
        "Bytes per second fetched from remote storage.";
    Int "remote.log.manager.fetch.quota.window.num" = Some("11"), AtLeast(1), Medium, Fixed, NoEffect,
        "Samples kept for the throttle of fetching from remote storage.";
    Int "remote.log.manager.fetch.quota.window.size.seconds" = Some("1"), AtLeast(1), Medium, Fixed, NoEffect,
        "Length of a sample for the throttle of fetching from remote storage.";
    Int "remote.log.manager.follower.thread.pool.size" = Some("2"), AtLeast(1), Medium, ClusterWide, NoEffect,
        "Threads that followers use for remote metadata.";
    Long "remote.log.manager.task.interval.ms" = Some("30000"), AtLeast(1), Low, Fixed, NoEffect,
        "How often the tasks of tiered storage run.";
    Long "remote.log.manager.task.retry.backoff.max.ms" = Some("30000"), AtLeast(1), Low, Fixed, NoEffect,
        "Longest pause before a failed task of tiered storage runs again.";
    Long "remote.log.manager.task.retry.backoff.ms" = Some("500"), AtLeast(1), Low, Fixed, NoEffect,
        "First pause before a failed task of tiered storage runs again.";
    Double "remote.log.manager.task.retry.jitter" = Some("0.2"), BetweenFractions(0.0, 0.5), Low, Fixed, NoEffect,
        "Random share of those pauses.";
    Int "remote.log.manager.thread.pool.size" = Some("2"), AtLeast(1), Medium, Fixed, NoEffect,
        "Threads of tiered storage.";
    Int "remote.log.metadata.custom.metadata.max.bytes" = Some("128"), AtLeast(0), Low, Fixed, NoEffect,
        "Bytes a storage plugin may keep per remote segment.";
    String "remote.log.metadata.manager.class.name" = Some("org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager"),
        NonEmpty, Medium, Fixed, NoEffect,
        "Java class that keeps the list of remote segments.";
    String "remote.log.metadata.manager.class.path" = None, Any, Medium, Fixed, NoEffect,
        "Where that class is found.";
    String "remote.log.metadata.manager.impl.prefix" = Some("rlmm.config."), NonEmpty, Medium, Fixed, NoEffect,
        "Prefix of keys handed to that class.";
    String "remote.log.metadata.manager.listener.name" = None, NonEmpty, Medium, Fixed, NoEffect,
        "Listener that class connects to.";
    Int "remote.log.reader.max.pending.tasks" = Some("100"), AtLeast(1), Medium, Fixed, NoEffect,
        "Reads from remote storage that may wait.";
    Int "remote.log.reader.threads" = Some("10"), AtLeast(1), Medium, ClusterWide, NoEffect,
        "Threads that read from remote storage.";
    String "remote.log.storage.manager.class.name" = None, NonEmpty, Medium, Fixed, NoEffect,
        "Java class that talks to remote storage.";
    String "remote.log.storage.manager.class.path" = None, Any, Medium, Fixed, NoEffect,
        "Where that class is found.";
    String "remote.log.storage.manager.impl.prefix" = Some("rsm.config."), NonEmpty, Medium, Fixed, NoEffect,
        "Prefix of keys handed to that class.";
    Boolean "remote.log.storage.system.enable" = Some("false"), Any, Medium, Fixed, NoEffect,
        "Switch tiered storage on.";
}
