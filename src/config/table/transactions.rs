//! Broker settings of producers and transactions.
use crate::config::setting::Valid::{Any, AtLeast};
use crate::config::setting::settings;

settings! {
    Int "add.partitions.to.txn.retry.backoff.max.ms" = Some("100"), AtLeast(0), High, Fixed, NoEffect,
        "";
    Int "add.partitions.to.txn.retry.backoff.ms" = Some("20"), AtLeast(1), High, Fixed, NoEffect,
        "";
    Int "producer.id.expiration.check.interval.ms" = Some("600000"), AtLeast(1), Low, Fixed, NoEffect,
        "";
    Int "producer.id.expiration.ms" = Some("86400000"), AtLeast(1), Low, ClusterWide, NoEffect,
        "";
    Int "transaction.abort.timed.out.transaction.cleanup.interval.ms" = Some("10000"), AtLeast(1), Low, Fixed, NoEffect,
        "";
    Int "transaction.max.timeout.ms" = Some("900000"), AtLeast(1), High, Fixed, NoEffect,
        "";
    Boolean "transaction.partition.verification.enable" = Some("true"), Any, Low, ClusterWide, NoEffect,
        "";
    Int "transaction.remove.expired.transaction.cleanup.interval.ms" = Some("3600000"),
        AtLeast(1), Low, Fixed, NoEffect,
        "";
    Int "transaction.state.log.load.buffer.size" = Some("5242880"), AtLeast(1), High, Fixed, NoEffect,
        "";
    Int "transaction.state.log.min.isr" = Some("2"), AtLeast(1), High, Fixed, NoEffect,
        "";
    Int "transaction.state.log.num.partitions" = Some("50"), AtLeast(1), High, Fixed, NoEffect,
        "";
    Short "transaction.state.log.replication.factor" = Some("3"), AtLeast(1), High, Fixed, NoEffect,
        "";
    Int "transaction.state.log.segment.bytes" = Some("104857600"), AtLeast(1), High, Fixed, NoEffect,
        "";
    Boolean "transaction.two.phase.commit.enable" = Some("false"), Any, Low, Fixed, NoEffect,
        "";
    Int "transactional.id.expiration.ms" = Some("604800000"), AtLeast(1), High, Fixed, NoEffect,
        "";
}
