//! Settings of one group. Where the broker has one of the same name behind `group.`, that is the default.
use crate::config::setting::Valid::{Any, AtLeast, NonEmpty, OneOf};
use crate::config::setting::settings;

settings! {
    Int "consumer.assignment.interval.ms" = Some("1000"), AtLeast(0), Medium, ClusterWide, Honoured,
        "Shortest time between two assignments of the group; 0 is none.";
    Int "consumer.heartbeat.interval.ms" = Some("5000"), AtLeast(1), Medium, ClusterWide, Honoured,
        "Heartbeat interval given to members of the group.";
    Int "consumer.session.timeout.ms" = Some("45000"), AtLeast(1), Medium, ClusterWide, Honoured,
        "A member that is silent for this long is out.";
    Int "share.assignment.interval.ms" = Some("1000"), AtLeast(0), Medium, ClusterWide, NoEffect,
        "Shortest time between two assignments of a share group; 0 is none.";
    String "share.auto.offset.reset" = Some("latest"), NonEmpty, Medium, ClusterWide, NoEffect,
        "Where a share group starts: earliest, latest or by_duration:<ISO 8601>.";
    Int "share.delivery.count.limit" = Some("5"), AtLeast(2), Medium, ClusterWide, NoEffect,
        "How often a record is delivered to a share group at most.";
    Int "share.heartbeat.interval.ms" = Some("5000"), AtLeast(1), Medium, ClusterWide, NoEffect,
        "Heartbeat interval given to members of a share group.";
    String "share.isolation.level" = Some("read_uncommitted"),
        OneOf(&["read_committed", "read_uncommitted"]), Medium, ClusterWide, NoEffect,
        "Whether a share group sees records of transactions that did not commit.";
    Int "share.partition.max.record.locks" = Some("2000"), AtLeast(100), Medium, ClusterWide, NoEffect,
        "Records of a partition that a share group may have in delivery.";
    Int "share.record.lock.duration.ms" = Some("30000"), AtLeast(1000), Medium, ClusterWide, NoEffect,
        "How long a record belongs to the member of a share group that got it.";
    Boolean "share.renew.acknowledge.enable" = Some("true"), Any, Medium, ClusterWide, NoEffect,
        "May members of a share group ask for more time for a record?";
    Int "share.session.timeout.ms" = Some("45000"), AtLeast(1), Medium, ClusterWide, NoEffect,
        "A member of a share group that is silent for this long is out.";
    Int "streams.assignment.interval.ms" = Some("1000"), AtLeast(0), Medium, ClusterWide, NoEffect,
        "Shortest time between two assignments of a streams group; 0 is none.";
    Int "streams.heartbeat.interval.ms" = Some("5000"), AtLeast(1), Medium, ClusterWide, NoEffect,
        "Heartbeat interval given to members of a streams group.";
    Int "streams.initial.rebalance.delay.ms" = Some("3000"), AtLeast(0), Medium, ClusterWide, NoEffect,
        "How long a new streams group waits for more members.";
    Int "streams.num.standby.replicas" = Some("0"), AtLeast(0), Medium, ClusterWide, NoEffect,
        "Standby tasks per task of a streams group.";
    Int "streams.session.timeout.ms" = Some("45000"), AtLeast(1), Medium, ClusterWide, NoEffect,
        "A member of a streams group that is silent for this long is out.";
}
