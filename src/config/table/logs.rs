//! Broker settings of log files: directories, segments, retention, flushing, compaction, the defaults of topics.
use crate::config::setting::Valid::{Any, AtLeast, Between, Elements, GzipLevel, OneOf};
use crate::config::setting::settings;

settings! {
    Int "compression.gzip.level" = Some("-1"), GzipLevel, Medium, ClusterWide, Honoured,
        "Default of the topic setting compression.gzip.level.";
    Int "compression.lz4.level" = Some("9"), Between(1, 17), Medium, ClusterWide, Honoured,
        "Default of the topic setting compression.lz4.level.";
    String "compression.type" = Some("producer"),
        OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]), High, ClusterWide, Honoured,
        "Default of the topic setting compression.type.";
    Int "compression.zstd.level" = Some("3"), Between(-131_072, 22), Medium, ClusterWide, Honoured,
        "Default of the topic setting compression.zstd.level.";
    List "cordoned.log.dirs" = Some(""), Elements { of: &[], empty_allowed: true }, Medium, PerBroker, Honoured,
        "Log directories that get no new partitions, by their names in log.dirs; * for all.";
    Long "log.cleaner.backoff.ms" = Some("15000"), AtLeast(0), Medium, ClusterWide, Honoured,
        "Pause of compaction when no log needs it.";
    Long "log.cleaner.dedupe.buffer.size" = Some("134217728"), Any, Medium, ClusterWide, Honoured,
        "Memory for the keys that compaction looks at, all threads together.";
    Long "log.cleaner.delete.retention.ms" = Some("86400000"), AtLeast(0), Medium, ClusterWide, Honoured,
        "Default of the topic setting delete.retention.ms.";
    Boolean "log.cleaner.enable" = Some("true"), Any, Medium, Fixed, Honoured,
        "Run compaction at all.";
    Double "log.cleaner.io.buffer.load.factor" = Some("0.9"), Any, Medium, ClusterWide, Honoured,
        "How full compaction may fill its table of keys.";
    Int "log.cleaner.io.buffer.size" = Some("524288"), AtLeast(0), Medium, ClusterWide, Honoured,
        "Memory for what compaction reads, all threads together; past the page cache as much again.";
    Double "log.cleaner.io.max.bytes.per.second" = Some("1.7976931348623157E308"), Any, Medium, ClusterWide, Honoured,
        "Bytes per second that compaction may read and write.";
    Long "log.cleaner.max.compaction.lag.ms" = Some("9223372036854775807"), AtLeast(1), Medium, ClusterWide, Honoured,
        "Default of the topic setting max.compaction.lag.ms.";
    Double "log.cleaner.min.cleanable.ratio" = Some("0.5"), Between(0, 1), Medium, ClusterWide, Honoured,
        "Default of the topic setting min.cleanable.dirty.ratio.";
    Long "log.cleaner.min.compaction.lag.ms" = Some("0"), AtLeast(0), Medium, ClusterWide, Honoured,
        "Default of the topic setting min.compaction.lag.ms.";
    Int "log.cleaner.threads" = Some("1"), AtLeast(0), Medium, ClusterWide, Honoured,
        "Threads of compaction.";
    List "log.cleanup.policy" = Some("delete"),
        Elements { of: &["compact", "delete"], empty_allowed: true }, Medium, ClusterWide, Honoured,
        "Default of the topic setting cleanup.policy.";
    List "log.dir" = Some("./ottla-data"), Elements { of: &[], empty_allowed: false }, High, Fixed, Honoured,
        "Log directory, used where log.dirs is not set. Kafka's default is /tmp/kafka-logs.";
    Long "log.dir.failure.timeout.ms" = Some("30000"), AtLeast(1), Low, Fixed, NoEffect,
        "How long a broker may fail to tell the controller of a broken directory before it stops.";
    List "log.dirs" = None, Elements { of: &[], empty_allowed: false }, High, Fixed, Honoured,
        "Log directories, one per disk.";
    Long "log.flush.interval.messages" = Some("9223372036854775807"), AtLeast(1), High, ClusterWide, Honoured,
        "Default of the topic setting flush.messages.";
    Long "log.flush.interval.ms" = None, Any, High, ClusterWide, Honoured,
        "Default of the topic setting flush.ms.";
    Int "log.flush.offset.checkpoint.interval.ms" = Some("60000"), AtLeast(0), High, Fixed, Mapped,
        "How often the offsets up to which logs are synced are written down.";
    Long "log.flush.scheduler.interval.ms" = Some("9223372036854775807"), Any, High, Fixed, Honoured,
        "Default of flush.ms where log.flush.interval.ms is not set.";
    Int "log.flush.start.offset.checkpoint.interval.ms" = Some("60000"), AtLeast(0), High, Fixed, NoEffect,
        "How often the start offsets of logs are written down.";
    Int "log.index.interval.bytes" = Some("4096"), AtLeast(0), Medium, ClusterWide, Honoured,
        "Default of the topic setting index.interval.bytes.";
    Int "log.index.size.max.bytes" = Some("10485760"), AtLeast(4), Medium, ClusterWide, Honoured,
        "Default of the topic setting segment.index.bytes.";
    Long "log.initial.task.delay.ms" = Some("30000"), AtLeast(0), Low, Fixed, Honoured,
        "How long after the start the periodic work on logs begins.";
    Long "log.message.timestamp.after.max.ms" = Some("3600000"), AtLeast(0), Medium, ClusterWide, Honoured,
        "Default of the topic setting message.timestamp.after.max.ms.";
    Long "log.message.timestamp.before.max.ms" = Some("9223372036854775807"), AtLeast(0), Medium, ClusterWide, Honoured,
        "Default of the topic setting message.timestamp.before.max.ms.";
    String "log.message.timestamp.type" = Some("CreateTime"),
        OneOf(&["CreateTime", "LogAppendTime"]), Medium, ClusterWide, Honoured,
        "Default of the topic setting message.timestamp.type.";
    Boolean "log.preallocate" = Some("false"), Any, Medium, ClusterWide, NoEffect,
        "Default of the topic setting preallocate.";
    Long "log.retention.bytes" = Some("-1"), Any, High, ClusterWide, Honoured,
        "Default of the topic setting retention.bytes.";
    Long "log.retention.check.interval.ms" = Some("300000"), AtLeast(1), Medium, Fixed, Honoured,
        "How often logs are looked through for segments that are too old or too many.";
    Int "log.retention.hours" = Some("168"), Any, High, Fixed, Honoured,
        "Default of retention.ms in hours, where neither minutes nor milliseconds are set.";
    Int "log.retention.minutes" = None, Any, High, Fixed, Honoured,
        "Default of retention.ms in minutes, where milliseconds are not set.";
    Long "log.retention.ms" = None, Any, High, ClusterWide, Honoured,
        "Default of the topic setting retention.ms.";
    Int "log.roll.hours" = Some("168"), AtLeast(1), High, Fixed, Honoured,
        "Default of segment.ms in hours, where milliseconds are not set.";
    Int "log.roll.jitter.hours" = Some("0"), AtLeast(0), High, Fixed, Honoured,
        "Default of segment.jitter.ms in hours, where milliseconds are not set.";
    Long "log.roll.jitter.ms" = None, Any, High, ClusterWide, Honoured,
        "Default of the topic setting segment.jitter.ms.";
    Long "log.roll.ms" = None, Any, High, ClusterWide, Honoured,
        "Default of the topic setting segment.ms.";
    Int "log.segment.bytes" = Some("1073741824"), AtLeast(1_048_576), High, ClusterWide, Honoured,
        "Default of the topic setting segment.bytes.";
    Long "log.segment.delete.delay.ms" = Some("60000"), AtLeast(0), High, ClusterWide, Honoured,
        "Default of the topic setting file.delete.delay.ms.";
    Int "message.max.bytes" = Some("1048588"), AtLeast(0), High, ClusterWide, Honoured,
        "Default of the topic setting max.message.bytes.";
    Int "num.recovery.threads.per.data.dir" = Some("2"), AtLeast(1), High, ClusterWide, NoEffect,
        "Threads per directory that open logs at the start; here the machine's cores decide.";
}
