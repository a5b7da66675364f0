//! librdkafka, through the rdkafka crate, against a running broker.
