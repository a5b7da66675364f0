//! Broker settings of log files: directories, segments, retention, flushing, compaction, the defaults of topics.
use crate::config::setting::Valid::{Any, AtLeast, Between, Elements, GzipLevel, OneOf};
use crate::config::setting::settings;

settings! {
    Int "compression.gzip.level" = Some("-1"), GzipLevel, Medium, ClusterWide, NoEffect,
        "";
    Int "compression.lz4.level" = Some("9"), Between(1, 17), Medium, ClusterWide, NoEffect,
        "";
    String "compression.type" = Some("producer"),
        OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]), High, ClusterWide, NoEffect,
        "";
    Int "compression.zstd.level" = Some("3"), Between(-131_072, 22), Medium, ClusterWide, NoEffect,
        "";
    List "cordoned.log.dirs" = Some(""), Elements { of: &[], empty_allowed: true }, Medium, PerBroker, NoEffect,
        "";
    Long "log.cleaner.backoff.ms" = Some("15000"), AtLeast(0), Medium, ClusterWide, NoEffect,
        "";
    Long "log.cleaner.dedupe.buffer.size" = Some("134217728"), Any, Medium, ClusterWide, NoEffect,
        "";
    Long "log.cleaner.delete.retention.ms" = Some("86400000"), AtLeast(0), Medium, ClusterWide, NoEffect,
        "";
    Boolean "log.cleaner.enable" = Some("true"), Any, Medium, Fixed, NoEffect,
        "";
    Double "log.cleaner.io.buffer.load.factor" = Some("0.9"), Any, Medium, ClusterWide, NoEffect,
        "";
    Int "log.cleaner.io.buffer.size" = Some("524288"), AtLeast(0), Medium, ClusterWide, NoEffect,
        "";
    Double "log.cleaner.io.max.bytes.per.second" = Some("1.7976931348623157E308"), Any, Medium, ClusterWide, NoEffect,
        "";
    Long "log.cleaner.max.compaction.lag.ms" = Some("9223372036854775807"), AtLeast(1), Medium, ClusterWide, NoEffect,
        "";
    Double "log.cleaner.min.cleanable.ratio" = Some("0.5"), Between(0, 1), Medium, ClusterWide, NoEffect,
        "";
    Long "log.cleaner.min.compaction.lag.ms" = Some("0"), AtLeast(0), Medium, ClusterWide, NoEffect,
        "";
    Int "log.cleaner.threads" = Some("1"), AtLeast(0), Medium, ClusterWide, NoEffect,
        "";
    List "log.cleanup.policy" = Some("delete"),
        Elements { of: &["compact", "delete"], empty_allowed: true }, Medium, ClusterWide, NoEffect,
        "";
    List "log.dir" = Some("./ottla-data"), Elements { of: &[], empty_allowed: false }, High, Fixed, NoEffect,
        "";
    Long "log.dir.failure.timeout.ms" = Some("30000"), AtLeast(1), Low, Fixed, NoEffect,
        "";
    List "log.dirs" = None, Elements { of: &[], empty_allowed: false }, High, Fixed, NoEffect,
        "";
    Long "log.flush.interval.messages" = Some("9223372036854775807"), AtLeast(1), High, ClusterWide, NoEffect,
        "";
    Long "log.flush.interval.ms" = None, Any, High, ClusterWide, NoEffect,
        "";
    Int "log.flush.offset.checkpoint.interval.ms" = Some("60000"), AtLeast(0), High, Fixed, NoEffect,
        "";
    Long "log.flush.scheduler.interval.ms" = Some("9223372036854775807"), Any, High, Fixed, NoEffect,
        "";
    Int "log.flush.start.offset.checkpoint.interval.ms" = Some("60000"), AtLeast(0), High, Fixed, NoEffect,
        "";
    Int "log.index.interval.bytes" = Some("4096"), AtLeast(0), Medium, ClusterWide, NoEffect,
        "";
    Int "log.index.size.max.bytes" = Some("10485760"), AtLeast(4), Medium, ClusterWide, NoEffect,
        "";
    Long "log.initial.task.delay.ms" = Some("30000"), AtLeast(0), Low, Fixed, NoEffect,
        "";
    Long "log.message.timestamp.after.max.ms" = Some("3600000"), AtLeast(0), Medium, ClusterWide, NoEffect,
        "";
    Long "log.message.timestamp.before.max.ms" = Some("9223372036854775807"), AtLeast(0), Medium, ClusterWide, NoEffect,
        "";
    String "log.message.timestamp.type" = Some("CreateTime"),
        OneOf(&["CreateTime", "LogAppendTime"]), Medium, ClusterWide, NoEffect,
        "";
    Boolean "log.preallocate" = Some("false"), Any, Medium, ClusterWide, NoEffect,
        "";
    Long "log.retention.bytes" = Some("-1"), Any, High, ClusterWide, NoEffect,
        "";
    Long "log.retention.check.interval.ms" = Some("300000"), AtLeast(1), Medium, Fixed, NoEffect,
        "";
    Int "log.retention.hours" = Some("168"), Any, High, Fixed, NoEffect,
        "";
    Int "log.retention.minutes" = None, Any, High, Fixed, NoEffect,
        "";
    Long "log.retention.ms" = None, Any, High, ClusterWide, NoEffect,
        "";
    Int "log.roll.hours" = Some("168"), AtLeast(1), High, Fixed, NoEffect,
        "";
    Int "log.roll.jitter.hours" = Some("0"), AtLeast(0), High, Fixed, NoEffect,
        "";
    Long "log.roll.jitter.ms" = None, Any, High, ClusterWide, NoEffect,
        "";
    Long "log.roll.ms" = None, Any, High, ClusterWide, NoEffect,
        "";
    Int "log.segment.bytes" = Some("1073741824"), AtLeast(1_048_576), High, ClusterWide, NoEffect,
        "";
    Long "log.segment.delete.delay.ms" = Some("60000"), AtLeast(0), High, ClusterWide, NoEffect,
        "";
    Int "message.max.bytes" = Some("1048588"), AtLeast(0), High, ClusterWide, NoEffect,
        "";
    Int "num.recovery.threads.per.data.dir" = Some("2"), AtLeast(1), High, ClusterWide, NoEffect,
        "";
}
