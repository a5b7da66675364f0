//! Broker settings of metrics and telemetry.
use crate::config::setting::Valid::{Any, AtLeast, Elements};
use crate::config::setting::settings;

settings! {
    Int "kafka.metrics.polling.interval.secs" = Some("10"), AtLeast(1), Low, Fixed, NoEffect,
        "How often Kafka's own metric reporters are asked.";
    List "kafka.metrics.reporters" = Some(""), Elements { of: &[], empty_allowed: true }, Low, Fixed, NoEffect,
        "Java classes that report Kafka's own metrics.";
    List "metric.reporters" = Some("org.apache.kafka.common.metrics.JmxReporter"),
        Elements { of: &[], empty_allowed: true }, Low, ClusterWide, NoEffect,
        "Java classes that report metrics; here they are served over HTTP (ottla.http.listen).";
    Int "metrics.num.samples" = Some("2"), AtLeast(1), Low, Fixed, NoEffect,
        "Samples kept for a metric.";
    String "metrics.recording.level" = Some("INFO"), Any, Low, Fixed, NoEffect,
        "The finest level of metrics recorded.";
    Long "metrics.sample.window.ms" = Some("30000"), AtLeast(1), Low, Fixed, NoEffect,
        "Length of a sample.";
    Int "telemetry.max.bytes" = Some("1048576"), AtLeast(1), Low, Fixed, NoEffect,
        "The largest batch of metrics a client may push.";
}
