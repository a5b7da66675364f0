//! Broker settings of producers and transactions.
use crate::config::setting::Valid::{Any, AtLeast};
use crate::config::setting::settings;

settings! {
    Int "add.partitions.to.txn.retry.backoff.max.ms" = Some("100"), AtLeast(0), High, Fixed, Honoured,
        "Longest time a produce request is retried while its partition joins a transaction.";
    Int "add.partitions.to.txn.retry.backoff.ms" = Some("20"), AtLeast(1), High, Fixed, Honoured,
        "Pause between such retries.";
    Int "producer.id.expiration.check.interval.ms" = Some("600000"), AtLeast(1), Low, Fixed, Honoured,
        "How often expired producers are looked for.";
    Int "producer.id.expiration.ms" = Some("86400000"), AtLeast(1), Low, ClusterWide, Honoured,
        "How long a partition remembers a producer that writes nothing.";
    Int "transaction.abort.timed.out.transaction.cleanup.interval.ms" = Some("10000"), AtLeast(1), Low, Fixed, Honoured,
        "How often transactions that ran too long are aborted.";
    Int "transaction.max.timeout.ms" = Some("900000"), AtLeast(1), High, Fixed, Honoured,
        "The longest timeout a transactional producer may ask for.";
    Boolean "transaction.partition.verification.enable" = Some("true"), Any, Low, ClusterWide, Honoured,
        "Ask the coordinator whether a transaction is open before its first record is written.";
    Int "transaction.remove.expired.transaction.cleanup.interval.ms" = Some("3600000"),
        AtLeast(1), Low, Fixed, Honoured,
        "How often expired transactional ids are removed.";
    Int "transaction.state.log.load.buffer.size" = Some("5242880"), AtLeast(1), High, Fixed, NoEffect,
        "Bytes read at once when transactions are loaded.";
    Int "transaction.state.log.min.isr" = Some("2"), AtLeast(1), High, Fixed, Honoured,
        "In-sync replicas that __transaction_state needs.";
    Int "transaction.state.log.num.partitions" = Some("50"), AtLeast(1), High, Fixed, Honoured,
        "Partitions of __transaction_state.";
    Short "transaction.state.log.replication.factor" = Some("3"), AtLeast(1), High, Fixed, Honoured,
        "Replicas of __transaction_state.";
    Int "transaction.state.log.segment.bytes" = Some("104857600"), AtLeast(1), High, Fixed, Honoured,
        "Segment size of __transaction_state.";
    Boolean "transaction.two.phase.commit.enable" = Some("false"), Any, Low, Fixed, NoEffect,
        "May a client keep a prepared transaction open without a timeout?";
    Int "transactional.id.expiration.ms" = Some("604800000"), AtLeast(1), High, Fixed, Honoured,
        "How long a transactional id that is not used is remembered.";
}
