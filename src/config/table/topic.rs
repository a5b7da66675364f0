//! Settings of a topic.
use crate::config::setting::Valid::{Any, AtLeast, Between, Elements, GzipLevel, OneOf, ThrottledReplicas};
use crate::config::setting::settings;

settings! {
    List "cleanup.policy" = Some("delete"),
        Elements { of: &["compact", "delete"], empty_allowed: true }, Medium, Fixed, NoEffect,
        "";
    Int "compression.gzip.level" = Some("-1"), GzipLevel, Medium, Fixed, NoEffect,
        "";
    Int "compression.lz4.level" = Some("9"), Between(1, 17), Medium, Fixed, NoEffect,
        "";
    String "compression.type" = Some("producer"),
        OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]), Medium, Fixed, NoEffect,
        "";
    Int "compression.zstd.level" = Some("3"), Between(-131_072, 22), Medium, Fixed, NoEffect,
        "";
    Long "delete.retention.ms" = Some("86400000"), AtLeast(0), Medium, Fixed, NoEffect,
        "";
    Long "file.delete.delay.ms" = Some("60000"), AtLeast(0), Medium, Fixed, NoEffect,
        "";
    Long "flush.messages" = Some("9223372036854775807"), AtLeast(1), Medium, Fixed, NoEffect,
        "";
    Long "flush.ms" = Some("9223372036854775807"), AtLeast(0), Medium, Fixed, NoEffect,
        "";
    List "follower.replication.throttled.replicas" = Some(""), ThrottledReplicas, Medium, Fixed, NoEffect,
        "";
    Int "index.interval.bytes" = Some("4096"), AtLeast(0), Medium, Fixed, NoEffect,
        "";
    Int "internal.segment.bytes" = None, Any, Medium, Fixed, NoEffect,
        "";
    List "leader.replication.throttled.replicas" = Some(""), ThrottledReplicas, Medium, Fixed, NoEffect,
        "";
    Long "local.retention.bytes" = Some("-2"), AtLeast(-2), Medium, Fixed, NoEffect,
        "";
    Long "local.retention.ms" = Some("-2"), AtLeast(-2), Medium, Fixed, NoEffect,
        "";
    Long "max.compaction.lag.ms" = Some("9223372036854775807"), AtLeast(1), Medium, Fixed, NoEffect,
        "";
    Int "max.message.bytes" = Some("1048588"), AtLeast(0), Medium, Fixed, NoEffect,
        "";
    Long "message.timestamp.after.max.ms" = Some("3600000"), AtLeast(0), Medium, Fixed, NoEffect,
        "";
    Long "message.timestamp.before.max.ms" = Some("9223372036854775807"), AtLeast(0), Medium, Fixed, NoEffect,
        "";
    String "message.timestamp.type" = Some("CreateTime"),
        OneOf(&["CreateTime", "LogAppendTime"]), Medium, Fixed, NoEffect,
        "";
    Double "min.cleanable.dirty.ratio" = Some("0.5"), Between(0, 1), Medium, Fixed, NoEffect,
        "";
    Long "min.compaction.lag.ms" = Some("0"), AtLeast(0), Medium, Fixed, NoEffect,
        "";
    Int "min.insync.replicas" = Some("1"), AtLeast(1), Medium, Fixed, NoEffect,
        "";
    Boolean "preallocate" = Some("false"), Any, Medium, Fixed, NoEffect,
        "";
    Boolean "remote.log.copy.disable" = Some("false"), Any, Medium, Fixed, NoEffect,
        "";
    Boolean "remote.log.delete.on.disable" = Some("false"), Any, Medium, Fixed, NoEffect,
        "";
    Boolean "remote.storage.enable" = Some("false"), Any, Medium, Fixed, NoEffect,
        "";
    Long "retention.bytes" = Some("-1"), Any, Medium, Fixed, NoEffect,
        "";
    Long "retention.ms" = Some("604800000"), AtLeast(-1), Medium, Fixed, NoEffect,
        "";
    Int "segment.bytes" = Some("1073741824"), AtLeast(1_048_576), Medium, Fixed, NoEffect,
        "";
    Int "segment.index.bytes" = Some("10485760"), AtLeast(4), Medium, Fixed, NoEffect,
        "";
    Long "segment.jitter.ms" = Some("0"), AtLeast(0), Medium, Fixed, NoEffect,
        "";
    Long "segment.ms" = Some("604800000"), AtLeast(1), Medium, Fixed, NoEffect,
        "";
    Boolean "unclean.leader.election.enable" = Some("false"), Any, Medium, Fixed, NoEffect,
        "";
}
