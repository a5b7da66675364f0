//! Broker settings of replicas, fetch sessions and quotas.
use crate::config::setting::Valid::{Any, AtLeast};
use crate::config::setting::settings;

settings! {
    Int "alter.log.dirs.replication.quota.window.num" = Some("11"), AtLeast(1), Low, Fixed, NoEffect,
        "Samples kept for the throttle of moves between directories.";
    Int "alter.log.dirs.replication.quota.window.size.seconds" = Some("1"), AtLeast(1), Low, Fixed, NoEffect,
        "Length of a sample for the throttle of moves between directories.";
    Class "client.quota.callback.class" = None, Any, Low, Fixed, NoEffect,
        "Java class that sets client quotas; refused, as Java plugins cannot run here.";
    Int "connection_creation_rate" = Some("2147483647"), Any, Medium, ClusterWide, NoEffect,
        "Quota of new connections of an address; Kafka ignores it among a broker's settings.";
    Long "consumer_byte_rate" = Some("9223372036854775807"), Any, Medium, ClusterWide, NoEffect,
        "Quota of bytes that clients read; Kafka ignores it among a broker's settings.";
    Int "controller.quota.window.num" = Some("11"), AtLeast(1), Low, Fixed, NoEffect,
        "Samples kept for quotas of topic changes.";
    Int "controller.quota.window.size.seconds" = Some("1"), AtLeast(1), Low, Fixed, NoEffect,
        "Length of a sample for quotas of topic changes.";
    Double "controller_mutation_rate" = Some("2.147483647E9"), Any, Medium, ClusterWide, NoEffect,
        "Quota of topic changes of clients; Kafka ignores it among a broker's settings.";
    Int "default.replication.factor" = Some("1"), Any, Medium, Fixed, Honoured,
        "Replicas of a topic whose creator gives no number.";
    Int "delete.records.purgatory.purge.interval.requests" = Some("1"), Any, Medium, Fixed, NoEffect,
        "Housekeeping of Kafka's queue of waiting DeleteRecords; there is none here.";
    Int "fetch.max.bytes" = Some("57671680"), AtLeast(1024), Medium, Fixed, Honoured,
        "The most bytes in one answer to a fetch.";
    Int "fetch.purgatory.purge.interval.requests" = Some("1000"), Any, Medium, Fixed, NoEffect,
        "Housekeeping of Kafka's queue of waiting fetches; there is none here.";
    Long "follower.replication.throttled.rate" = None, AtLeast(0), Medium, ClusterWide, NoEffect,
        "Bytes per second that throttled replicas copy in.";
    Long "leader.imbalance.check.interval.seconds" = Some("300"), AtLeast(1), High, Fixed, NoEffect,
        "How often leadership is looked over for giving it back.";
    Long "leader.replication.throttled.rate" = None, AtLeast(0), Medium, ClusterWide, NoEffect,
        "Bytes per second that throttled replicas copy out.";
    Int "max.incremental.fetch.session.cache.slots" = Some("1000"), AtLeast(0), Medium, Fixed, Mapped,
        "Fetch sessions kept at once.";
    Int "min.insync.replicas" = Some("1"), AtLeast(1), High, ClusterWide, Honoured,
        "Default of the topic setting min.insync.replicas.";
    Int "num.replica.alter.log.dirs.threads" = None, Any, High, Fixed, NoEffect,
        "Threads that move replicas between directories.";
    Int "num.replica.fetchers" = Some("1"), AtLeast(1), High, ClusterWide, NoEffect,
        "Threads per broker that copy replicas from it.";
    Int "producer.purgatory.purge.interval.requests" = Some("1000"), Any, Medium, Fixed, NoEffect,
        "Housekeeping of Kafka's queue of waiting produce requests; there is none here.";
    Long "producer_byte_rate" = Some("9223372036854775807"), Any, Medium, ClusterWide, NoEffect,
        "Quota of bytes that clients write; Kafka ignores it among a broker's settings.";
    Int "quota.window.num" = Some("11"), AtLeast(1), Low, Fixed, NoEffect,
        "Samples kept for client quotas.";
    Int "quota.window.size.seconds" = Some("1"), AtLeast(1), Low, Fixed, NoEffect,
        "Length of a sample for client quotas.";
    Long "replica.alter.log.dirs.io.max.bytes.per.second" = None, AtLeast(0), Medium, ClusterWide, Honoured,
        "Bytes per second for moves between directories.";
    Int "replica.fetch.backoff.ms" = Some("1000"), AtLeast(0), Medium, Fixed, NoEffect,
        "Pause of a follower after an error.";
    Int "replica.fetch.max.bytes" = Some("1048576"), AtLeast(0), Medium, Fixed, NoEffect,
        "Bytes per partition that a follower asks for at once.";
    Int "replica.fetch.min.bytes" = Some("1"), Any, High, Fixed, NoEffect,
        "Bytes a follower waits for before it is answered.";
    Int "replica.fetch.response.max.bytes" = Some("10485760"), AtLeast(0), Medium, Fixed, NoEffect,
        "Bytes a follower asks for at once.";
    Int "replica.fetch.wait.max.ms" = Some("500"), Any, High, Fixed, NoEffect,
        "Longest wait of a follower for new records.";
    Long "replica.high.watermark.checkpoint.interval.ms" = Some("5000"), Any, High, Fixed, NoEffect,
        "How often high watermarks are written down.";
    Long "replica.lag.time.max.ms" = Some("30000"), Any, High, Fixed, NoEffect,
        "A follower that is behind for this long leaves the in-sync set.";
    String "replica.selector.class" = None, Any, Medium, Fixed, NoEffect,
        "Java class that picks the replica a consumer reads from.";
    Int "replica.socket.receive.buffer.bytes" = Some("65536"), Any, High, Fixed, NoEffect,
        "Receive buffer of connections that copy replicas.";
    Int "replica.socket.timeout.ms" = Some("30000"), Any, High, Fixed, NoEffect,
        "Socket timeout of connections that copy replicas.";
    Int "replication.quota.window.num" = Some("11"), AtLeast(1), Low, Fixed, NoEffect,
        "Samples kept for the throttle of replicas.";
    Int "replication.quota.window.size.seconds" = Some("1"), AtLeast(1), Low, Fixed, NoEffect,
        "Length of a sample for the throttle of replicas.";
    Double "request_percentage" = Some("2.147483647E9"), Any, Medium, ClusterWide, NoEffect,
        "Quota of the broker's time that clients take; Kafka ignores it among a broker's settings.";
    Boolean "unclean.leader.election.enable" = Some("false"), Any, High, ClusterWide, NoEffect,
        "Default of the topic setting unclean.leader.election.enable.";
    Long "unclean.leader.election.interval.ms" = Some("300000"), AtLeast(1), Medium, Fixed, NoEffect,
        "How often the controller looks for partitions that need an unclean election.";
}
