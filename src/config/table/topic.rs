//! Settings of a topic.
use crate::config::setting::Valid::{Any, AtLeast, Between, Elements, GzipLevel, OneOf, ThrottledReplicas};
use crate::config::setting::settings;

settings! {
    List "cleanup.policy" = Some("delete"),
        Elements { of: &["compact", "delete"], empty_allowed: true }, Medium, Fixed, Honoured,
        "What happens to old records: delete them, compact them to the last of each key, both, or neither (empty: keep all).";
    Int "compression.gzip.level" = Some("-1"), GzipLevel, Medium, Fixed, Honoured,
        "Effort of gzip where the broker compresses; -1 is the codec's own choice.";
    Int "compression.lz4.level" = Some("9"), Between(1, 17), Medium, Fixed, Honoured,
        "Effort of lz4 where the broker compresses.";
    String "compression.type" = Some("producer"),
        OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]), Medium, Fixed, Honoured,
        "Codec of stored batches; producer keeps each batch as it came.";
    Int "compression.zstd.level" = Some("3"), Between(-131_072, 22), Medium, Fixed, Honoured,
        "Effort of zstd where the broker compresses.";
    Long "delete.retention.ms" = Some("86400000"), AtLeast(0), Medium, Fixed, Honoured,
        "How long a compacted topic keeps the mark of a deleted key.";
    Long "file.delete.delay.ms" = Some("60000"), AtLeast(0), Medium, Fixed, Honoured,
        "How long files of deleted segments stay, so that readers in flight can finish.";
    Long "flush.messages" = Some("9223372036854775807"), AtLeast(1), Medium, Fixed, Honoured,
        "Sync a log after this many records, besides what ottla.sync demands.";
    Long "flush.ms" = Some("9223372036854775807"), AtLeast(0), Medium, Fixed, Honoured,
        "Sync a log when a record has waited this long, besides what ottla.sync demands.";
    List "follower.replication.throttled.replicas" = Some(""), ThrottledReplicas, Medium, Fixed, NoEffect,
        "Replicas whose copying in is slowed down, as partition:broker.";
    Int "index.interval.bytes" = Some("4096"), AtLeast(0), Medium, Fixed, Honoured,
        "Bytes of records between two entries of the offset index.";
    Int "internal.segment.bytes" = None, Any, Medium, Fixed, Honoured,
        "Segment size below the public minimum, for tests.";
    List "leader.replication.throttled.replicas" = Some(""), ThrottledReplicas, Medium, Fixed, NoEffect,
        "Replicas whose copying out is slowed down, as partition:broker.";
    Long "local.retention.bytes" = Some("-2"), AtLeast(-2), Medium, Fixed, NoEffect,
        "Bytes kept on local disks of a tiered topic; -2 means retention.bytes.";
    Long "local.retention.ms" = Some("-2"), AtLeast(-2), Medium, Fixed, NoEffect,
        "Time records of a tiered topic stay on local disks; -2 means retention.ms.";
    Long "max.compaction.lag.ms" = Some("9223372036854775807"), AtLeast(1), Medium, Fixed, Honoured,
        "A record is compacted after this long at the latest.";
    Int "max.message.bytes" = Some("1048588"), AtLeast(0), Medium, Fixed, Honoured,
        "The largest batch a producer may send, after compression.";
    Long "message.timestamp.after.max.ms" = Some("3600000"), AtLeast(0), Medium, Fixed, Honoured,
        "How far ahead of the broker's clock a record's time may be.";
    Long "message.timestamp.before.max.ms" = Some("9223372036854775807"), AtLeast(0), Medium, Fixed, Honoured,
        "How far behind the broker's clock a record's time may be.";
    String "message.timestamp.type" = Some("CreateTime"),
        OneOf(&["CreateTime", "LogAppendTime"]), Medium, Fixed, Honoured,
        "Whose time a record carries: the producer's or that of the append.";
    Double "min.cleanable.dirty.ratio" = Some("0.5"), Between(0, 1), Medium, Fixed, Honoured,
        "Share of a log that must be uncompacted before compaction starts.";
    Long "min.compaction.lag.ms" = Some("0"), AtLeast(0), Medium, Fixed, Honoured,
        "A record stays uncompacted at least this long.";
    Int "min.insync.replicas" = Some("1"), AtLeast(1), Medium, Fixed, Honoured,
        "Replicas that must have a record before acks=all is answered.";
    Boolean "preallocate" = Some("false"), Any, Medium, Fixed, NoEffect,
        "Give a new segment its full size on disk at once.";
    Boolean "remote.log.copy.disable" = Some("false"), Any, Medium, Fixed, NoEffect,
        "Stop copying to remote storage, keep reading from it.";
    Boolean "remote.log.delete.on.disable" = Some("false"), Any, Medium, Fixed, NoEffect,
        "Delete remote data when tiered storage is switched off for the topic.";
    Boolean "remote.storage.enable" = Some("false"), Any, Medium, Fixed, NoEffect,
        "Keep old segments in remote storage; refused, as there is no remote storage here.";
    Long "retention.bytes" = Some("-1"), Any, Medium, Fixed, Honoured,
        "Bytes a partition keeps before its oldest segments go; -1 is no limit.";
    Long "retention.ms" = Some("604800000"), AtLeast(-1), Medium, Fixed, Honoured,
        "Age at which segments go; -1 is never.";
    Int "segment.bytes" = Some("1073741824"), AtLeast(1_048_576), Medium, Fixed, Honoured,
        "Size at which a log begins a new segment.";
    Int "segment.index.bytes" = Some("10485760"), AtLeast(4), Medium, Fixed, Honoured,
        "Size of a segment's offset index; a full index also begins a new segment.";
    Long "segment.jitter.ms" = Some("0"), AtLeast(0), Medium, Fixed, Honoured,
        "Random part of segment.ms, so that logs do not all roll at once.";
    Long "segment.ms" = Some("604800000"), AtLeast(1), Medium, Fixed, Honoured,
        "Age at which a log begins a new segment even if the old one is not full.";
    Boolean "unclean.leader.election.enable" = Some("false"), Any, Medium, Fixed, NoEffect,
        "May a replica that lacks acknowledged records lead when no other is left?";
}
