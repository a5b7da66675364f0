//! Broker settings of roles, the controller quorum, registration, the metadata log, topics and policies.
use crate::config::setting::Valid::{Any, AtLeast, Elements};
use crate::config::setting::settings;

settings! {
    Class "alter.config.policy.class.name" = None, Any, Low, Fixed, NoEffect,
        "Java class that judges changes of settings; refused, as Java plugins cannot run here.";
    Boolean "auto.create.topics.enable" = Some("true"), Any, High, Fixed, Honoured,
        "Create a topic when a client first asks for it.";
    Boolean "auto.leader.rebalance.enable" = Some("true"), Any, High, Fixed, NoEffect,
        "Give leadership back to the preferred replicas from time to time.";
    Int "broker.heartbeat.interval.ms" = Some("2000"), Any, Medium, Fixed, NoEffect,
        "How often a broker tells the controller that it lives.";
    Int "broker.id" = Some("1"), Any, High, Fixed, Honoured,
        "Old name of node.id.";
    String "broker.rack" = None, Any, Medium, Fixed, Honoured,
        "The rack of this broker, for placing replicas and for clients that read nearby.";
    Int "broker.session.timeout.ms" = Some("9000"), Any, Medium, Fixed, NoEffect,
        "A broker that is silent for this long counts as gone.";
    List "config.providers" = Some(""), Elements { of: &[], empty_allowed: true }, Low, ClusterWide, Honoured,
        "Who looks up ${NAME:[PATH:]KEY} in settings at the start: Kafka's EnvVar-, File- and DirectoryConfigProvider.";
    Boolean "controlled.shutdown.enable" = Some("true"), Any, Medium, Fixed, NoEffect,
        "Hand leadership over before stopping; always done.";
    List "controller.listener.names" = Some("CONTROLLER"),
        Elements { of: &[], empty_allowed: false }, High, Fixed, Honoured,
        "Listeners that are for controllers, not for clients.";
    Long "controller.performance.always.log.threshold.ms" = Some("2000"), AtLeast(0), Medium, Fixed, NoEffect,
        "Controller events slower than this are always logged.";
    Long "controller.performance.sample.period.ms" = Some("60000"), AtLeast(100), Medium, Fixed, NoEffect,
        "How often figures of the controller's events are logged.";
    Int "controller.quorum.append.linger.ms" = Some("25"), AtLeast(0), Medium, Fixed, NoEffect,
        "How long the leading controller gathers records before it writes them.";
    Boolean "controller.quorum.auto.join.enable" = Some("false"), Any, Low, Fixed, NoEffect,
        "A new controller makes itself a voter.";
    List "controller.quorum.bootstrap.servers" = Some(""), Any, High, Fixed, Honoured,
        "Addresses to find the controllers by; on a single node its own.";
    Int "controller.quorum.election.backoff.max.ms" = Some("1000"), AtLeast(0), High, Fixed, NoEffect,
        "Longest wait before another try after a lost election.";
    Int "controller.quorum.election.timeout.ms" = Some("1000"), AtLeast(0), High, Fixed, NoEffect,
        "How long a candidate waits for votes.";
    Int "controller.quorum.fetch.max.bytes" = Some("1048576"), AtLeast(1), Low, Fixed, NoEffect,
        "Bytes of metadata records in one answer among controllers.";
    Int "controller.quorum.fetch.snapshot.max.bytes" = Some("1048576"), AtLeast(1), Low, Fixed, NoEffect,
        "Bytes of a metadata snapshot in one answer among controllers.";
    Int "controller.quorum.fetch.timeout.ms" = Some("2000"), AtLeast(0), High, Fixed, NoEffect,
        "A controller that hears nothing from the leader for this long stands for election.";
    Int "controller.quorum.request.timeout.ms" = Some("2000"), AtLeast(0), Medium, Fixed, NoEffect,
        "How long a controller waits for the answer of another one.";
    Int "controller.quorum.retry.backoff.ms" = Some("20"), AtLeast(0), Low, Fixed, NoEffect,
        "Pause before a request among controllers is tried again.";
    List "controller.quorum.voters" = Some(""), Any, High, Fixed, Honoured,
        "The controllers, as id@host:port; here this node alone.";
    Int "controller.socket.timeout.ms" = Some("30000"), Any, Medium, Fixed, NoEffect,
        "Socket timeout of connections to the controller.";
    Class "create.topic.policy.class.name" = None, Any, Low, Fixed, NoEffect,
        "Java class that judges new topics; refused, as Java plugins cannot run here.";
    Boolean "delete.topic.enable" = Some("true"), Any, High, Fixed, Honoured,
        "May topics be deleted?";
    List "early.start.listeners" = None, Elements { of: &[], empty_allowed: true }, High, Fixed, NoEffect,
        "Listeners that open before access rules are loaded.";
    Int "initial.broker.registration.timeout.ms" = Some("60000"), Any, Medium, Fixed, NoEffect,
        "A broker that cannot register within this time stops.";
    Long "internal.metadata.delete.delay.millis" = Some("60000"), Any, Low, Fixed, NoEffect,
        "How long files of deleted metadata segments stay.";
    Int "internal.metadata.log.segment.bytes" = None, Any, Low, Fixed, NoEffect,
        "Size of a metadata segment, for tests.";
    Int "internal.metadata.max.batch.size.in.bytes" = Some("8388608"), Any, Low, Fixed, NoEffect,
        "The largest batch of the metadata log.";
    Int "max.request.partition.size.limit" = Some("2000"), AtLeast(1), Medium, Fixed, Honoured,
        "Partitions in one answer of DescribeTopicPartitions.";
    String "metadata.log.dir" = None, Any, High, Fixed, Honoured,
        "Directory of the metadata log; without it the first log directory.";
    Long "metadata.log.max.record.bytes.between.snapshots" = Some("20971520"), AtLeast(1), High, Fixed, NoEffect,
        "Bytes of metadata records after which a snapshot is written.";
    Long "metadata.log.max.snapshot.interval.ms" = Some("3600000"), AtLeast(0), High, Fixed, NoEffect,
        "Time after which a snapshot is written; 0 is never.";
    Int "metadata.log.segment.bytes" = Some("1073741824"), AtLeast(8_388_608), High, Fixed, NoEffect,
        "Size of a metadata segment.";
    Long "metadata.log.segment.ms" = Some("604800000"), Any, High, Fixed, NoEffect,
        "Age at which a metadata segment ends.";
    Int "metadata.max.idle.interval.ms" = Some("500"), AtLeast(0), Low, Fixed, NoEffect,
        "How often the leading controller writes an empty record while nothing happens; 0 is never.";
    Long "metadata.max.retention.bytes" = Some("104857600"), Any, High, Fixed, NoEffect,
        "Bytes of metadata log and snapshots before old ones go.";
    Long "metadata.max.retention.ms" = Some("604800000"), Any, High, Fixed, NoEffect,
        "Age at which metadata log and snapshots go.";
    Int "node.id" = Some("1"), AtLeast(0), High, Fixed, Honoured,
        "This node's number in the cluster.";
    Int "num.partitions" = Some("1"), AtLeast(1), Medium, Fixed, Honoured,
        "Partitions of a topic whose creator gives no number.";
    List "process.roles" = Some("broker,controller"),
        Elements { of: &["broker", "controller"], empty_allowed: false }, High, Fixed, Honoured,
        "What this node is; here always broker and controller.";
    Long "server.max.startup.time.ms" = Some("9223372036854775807"), AtLeast(0), Medium, Fixed, NoEffect,
        "A start that takes longer fails.";
    Boolean "unstable.api.versions.enable" = Some("false"), Any, High, Fixed, NoEffect,
        "Offer API versions that are not final.";
    Boolean "unstable.feature.versions.enable" = Some("false"), Any, High, Fixed, NoEffect,
        "Offer feature versions that are not final.";
}
