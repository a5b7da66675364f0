//! Settings of one subscription to metrics of clients (KIP-714). They are kept; without a receiver for metrics no client
//! is asked for any, as in Apache Kafka without such a plugin.
use crate::config::setting::Valid::Elements;
use crate::config::setting::{Valid, settings};

const ANY_ELEMENTS: Valid = Elements { of: &[], empty_allowed: true };

settings! {
    Int "interval.ms" = Some("300000"), Valid::Any, Medium, ClusterWide, NoEffect,
        "How often clients push these metrics: 100 ms to an hour.";
    List "match" = Some(""), ANY_ELEMENTS, Medium, ClusterWide, NoEffect,
        "Which clients: property=regular expression, ...; none means all of them.";
    List "metrics" = Some(""), ANY_ELEMENTS, Medium, ClusterWide, NoEffect,
        "Beginnings of the names of metrics; * is all.";
}
