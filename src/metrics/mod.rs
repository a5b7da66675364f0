//! Counters and histograms: one table of what is exported, and the handles that the hot paths keep.
mod process;
mod table;

use prometheus::{Counter, Encoder, Gauge, Histogram, IntCounter, IntCounterVec, IntGauge, Registry, TextEncoder};
use std::sync::Arc;
pub use table::{FAMILIES, Family, Kind};

/// Every metric of this process. Handles are taken once and kept; nothing is looked up by label per request.
pub struct Metrics {
    registry: Registry,
    families: table::Families,
    pub connections: IntGauge,
    pub connections_accepted: IntCounter,
    pub connections_refused: IntCounterVec,
    pub produced_bytes: IntCounter,
    pub produced_records: IntCounter,
    pub fetched_bytes: IntCounter,
    pub cold_fetches: IntCounter,
    pub cold_requests: IntCounter,
    pub partitions: IntGauge,
    pub topics: IntGauge,
    pub active_controller: IntGauge,
    pub offline_partitions: IntGauge,
    pub under_replicated_partitions: IntGauge,
    pub offline_log_directories: IntGauge,
    pub fetch_sessions: IntGauge,
    pub fetch_session_evictions: IntCounter,
    pub groups: IntGauge,
    pub broker_state: IntGauge,
    pub uncleanable_partitions: IntGauge,
    pub late_transactions: IntGauge,
    pub held_back: IntGauge,
}

/// The handles of one API.
pub struct ApiMetrics {
    name: &'static str,
    metrics: Arc<Metrics>,
    versions: Vec<IntCounter>,
    pub request_bytes: IntCounter,
    pub response_bytes: IntCounter,
    /// From the whole frame to the end of the handler.
    pub local_seconds: Histogram,
    /// From there until the answer may leave: waiting for commits, for data, for earlier answers.
    pub wait_seconds: Histogram,
}

/// What one write-ahead log has done so far; see `log::wal`.
#[derive(Clone, Copy, Default, Debug)]
pub struct WalTotals {
    pub commits: u64,
    pub entries: u64,
    pub bytes: u64,
    pub sync_seconds: f64,
}

/// What compaction has done so far; see `log::compaction`.
#[derive(Clone, Copy, Default, Debug)]
pub struct CompactionTotals {
    pub runs: u64,
    pub failures: u64,
    pub read_bytes: u64,
    pub written_bytes: u64,
    pub seconds: f64,
}

/// What a coordinator has and does.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct CoordinatorFigures {
    pub serving: usize,
    pub loading: usize,
    pub unwritten: usize,
    pub failed: usize,
    /// What it coordinates: groups, transactional ids.
    pub entries: usize,
    /// Requests it keeps.
    pub waiting: usize,
    pub loads: u64,
    pub load_seconds: f64,
}

impl Metrics {
    pub fn new(version: &str) -> Arc<Metrics> {
        let registry = Registry::new();
        let families = table::Families::register(&registry);
        families.gauge_vec("ottla_build_info").with_label_values(&[version]).set(1.0);
        let int_gauge = |name| families.int_gauge(name);
        let counter = |name| families.int_counter(name);
        Arc::new(Metrics {
            connections: int_gauge("kafka_server_socket_server_metrics_connection_count"),
            connections_accepted: counter("ottla_connections_accepted_total"),
            connections_refused: families.int_counter_vec("ottla_connections_refused_total"),
            produced_bytes: counter("kafka_server_brokertopicmetrics_bytesin_total"),
            produced_records: counter("kafka_server_brokertopicmetrics_messagesin_total"),
            fetched_bytes: counter("kafka_server_brokertopicmetrics_bytesout_total"),
            cold_fetches: counter("ottla_cold_fetches_total"),
            cold_requests: counter("ottla_cold_requests_total"),
            partitions: int_gauge("kafka_server_replicamanager_partitioncount"),
            topics: int_gauge("kafka_controller_kafkacontroller_globaltopiccount"),
            active_controller: int_gauge("kafka_controller_kafkacontroller_activecontrollercount"),
            offline_partitions: int_gauge("kafka_controller_kafkacontroller_offlinepartitionscount"),
            under_replicated_partitions: int_gauge("kafka_server_replicamanager_underreplicatedpartitions"),
            offline_log_directories: int_gauge("kafka_log_logmanager_offlinelogdirectorycount"),
            fetch_sessions: int_gauge("kafka_server_fetchsessioncache_numincrementalfetchsessions"),
            fetch_session_evictions: counter("kafka_server_fetchsessioncache_incrementalfetchsessionevictions_total"),
            groups: int_gauge("kafka_coordinator_group_groupmetadatamanager_numgroups"),
            broker_state: int_gauge("kafka_server_kafkaserver_brokerstate"),
            late_transactions: int_gauge("kafka_server_replicamanager_partitionswithlatetransactionscount"),
            held_back: int_gauge("ottla_partitions_held_back"),
            uncleanable_partitions: int_gauge("kafka_log_logcleanermanager_uncleanable_partitions_count"),
            registry,
            families,
        })
    }

    /// The handles of one API, with versions 0 to `version_max`.
    pub fn api(self: &Arc<Self>, name: &'static str, version_max: i16) -> ApiMetrics {
        let requests = self.families.int_counter_vec("kafka_network_requestmetrics_requests_total");
        let seconds = self.families.histogram_vec("ottla_request_seconds");
        ApiMetrics {
            name,
            metrics: self.clone(),
            versions: (0..=version_max)
                .map(|version| requests.with_label_values(&[name, version.to_string().as_str()]))
                .collect(),
            request_bytes: self.families.int_counter_vec("ottla_request_bytes_total").with_label_values(&[name]),
            response_bytes: self.families.int_counter_vec("ottla_response_bytes_total").with_label_values(&[name]),
            local_seconds: seconds.with_label_values(&[name, "local"]),
            wait_seconds: seconds.with_label_values(&[name, "wait"]),
        }
    }

    /// Totals of a write-ahead log, read when somebody asks for the metrics.
    pub fn set_wal(&self, totals: WalTotals) {
        self.set_total("ottla_wal_commits_total", totals.commits as f64);
        self.set_total("ottla_wal_entries_total", totals.entries as f64);
        self.set_total("ottla_wal_bytes_total", totals.bytes as f64);
        self.set_total("ottla_wal_sync_seconds_total", totals.sync_seconds);
    }

    /// Totals of the look at stored records, read when somebody asks for the metrics.
    pub fn set_scrub(&self, bytes: u64, damages: u64) {
        self.set_total("ottla_scrubbed_bytes_total", bytes as f64);
        self.set_total("ottla_damages_found_total", damages as f64);
    }

    /// Totals of compaction, read when somebody asks for the metrics.
    pub fn set_compaction(&self, totals: CompactionTotals) {
        self.set_total("ottla_compaction_runs_total", totals.runs as f64);
        self.set_total("ottla_compaction_failures_total", totals.failures as f64);
        self.set_total("ottla_compaction_read_bytes_total", totals.read_bytes as f64);
        self.set_total("ottla_compaction_written_bytes_total", totals.written_bytes as f64);
        self.set_total("ottla_compaction_seconds_total", totals.seconds);
    }

    fn set_total(&self, name: &str, to: f64) {
        let counter: Counter = self.families.counter(name);
        counter.inc_by((to - counter.get()).max(0.0));
    }

    /// One coordinator as it is when somebody asks for the metrics.
    pub fn set_coordinator(&self, topic: &str, figures: CoordinatorFigures) {
        let partitions = self.families.gauge_vec("ottla_coordinator_partitions");
        let states = [
            ("serving", figures.serving),
            ("loading", figures.loading),
            ("unwritten", figures.unwritten),
            ("failed", figures.failed),
        ];
        for (state, count) in states {
            partitions.with_label_values(&[topic, state]).set(count as f64);
        }
        self.families.gauge_vec("ottla_coordinator_waiting").with_label_values(&[topic]).set(figures.waiting as f64);
        let set = |name: &str, to: f64| {
            let counter = self.families.counter_vec(name).with_label_values(&[topic]);
            counter.inc_by((to - counter.get()).max(0.0));
        };
        set("ottla_coordinator_loads_total", figures.loads as f64);
        set("ottla_coordinator_load_seconds_total", figures.load_seconds);
    }

    /// The partitions that transactions hold back, with the seconds; those of the last call are forgotten.
    pub fn set_held_back<'a>(&self, held: impl Iterator<Item = (&'a str, i32, f64)>) {
        let seconds = self.families.gauge_vec("ottla_partition_held_back_seconds");
        seconds.reset();
        for (topic, partition, for_seconds) in held {
            seconds.with_label_values(&[topic, partition.to_string().as_str()]).set(for_seconds);
        }
    }

    pub fn free_bytes(&self, directory: &str) -> Gauge {
        self.families.gauge_vec("ottla_disk_free_bytes").with_label_values(&[directory])
    }

    /// The exposition format, version 0.0.4.
    pub fn render(&self) -> Vec<u8> {
        process::refresh(&self.families);
        let mut text = Vec::with_capacity(64 * 1024);
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            tracing::error!(%error, "the metrics could not be written");
        }
        text
    }
}

impl ApiMetrics {
    pub fn count(&self, version: i16) {
        if let Some(counter) = usize::try_from(version).ok().and_then(|version| self.versions.get(version)) {
            counter.inc();
        }
    }

    /// One answer with this error code at its top or in one of its items.
    pub fn error(&self, code: &str) {
        self.metrics
            .families
            .int_counter_vec("kafka_network_requestmetrics_errors_total")
            .with_label_values(&[self.name, code])
            .inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_in_the_table_is_there_from_the_first_scrape_or_has_labels() {
        let metrics = Metrics::new("1.2.3");
        let api = metrics.api("Fetch", 3);
        api.count(2);
        api.count(9);
        api.error("OFFSET_OUT_OF_RANGE");
        metrics.set_wal(WalTotals { commits: 3, entries: 4, bytes: 5, sync_seconds: 0.5 });
        metrics.set_wal(WalTotals { commits: 4, entries: 4, bytes: 5, sync_seconds: 0.5 });
        metrics.set_scrub(7, 1);
        metrics.set_compaction(CompactionTotals { runs: 2, ..CompactionTotals::default() });
        let text = String::from_utf8(metrics.render()).unwrap();
        for family in FAMILIES {
            if family.labels.is_empty() {
                assert!(text.contains(&format!("\n{} ", family.name)), "{}", family.name);
            }
        }
        assert!(text.contains("kafka_network_requestmetrics_requests_total{request=\"Fetch\",version=\"2\"} 1"));
        assert!(
            text.contains(
                "kafka_network_requestmetrics_errors_total{error=\"OFFSET_OUT_OF_RANGE\",request=\"Fetch\"} 1"
            )
        );
        assert!(text.contains("\nottla_wal_commits_total 4"));
        assert!(text.contains("ottla_build_info{version=\"1.2.3\"} 1"));
    }
}
