//! One file per Kafka API, and the one table of them.
