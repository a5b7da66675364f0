//! Broker settings of metrics and telemetry.
use crate::config::setting::Valid::{Any, AtLeast, Elements};
use crate::config::setting::settings;

settings! {
    Int "kafka.metrics.polling.interval.secs" = Some("10"), AtLeast(1), Low, Fixed, NoEffect,
        "";
    List "kafka.metrics.reporters" = Some(""), Elements { of: &[], empty_allowed: true }, Low, Fixed, NoEffect,
        "";
    List "metric.reporters" = Some("org.apache.kafka.common.metrics.JmxReporter"),
        Elements { of: &[], empty_allowed: true }, Low, ClusterWide, NoEffect,
        "";
    Int "metrics.num.samples" = Some("2"), AtLeast(1), Low, Fixed, NoEffect,
        "";
    String "metrics.recording.level" = Some("INFO"), Any, Low, Fixed, NoEffect,
        "";
    Long "metrics.sample.window.ms" = Some("30000"), AtLeast(1), Low, Fixed, NoEffect,
        "";
    Int "telemetry.max.bytes" = Some("1048576"), AtLeast(1), Low, Fixed, NoEffect,
        "";
}
