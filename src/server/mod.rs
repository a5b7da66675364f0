//! Kafka listeners: accept, read requests, answer in order, drain.
