//! What the node tells about itself: gauges that follow the metadata, totals read at each scrape, health.
use crate::{
    coordinator::{Coordinated, GroupCoordinator, GroupMachine},
    http::Pages,
    image::{Delta, Image, Publisher},
    log::{Cleaner, Scrubber},
    metrics::{CompactionTotals, Metrics, WalTotals},
    replica::Partitions,
};
use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering},
};

/// Keeps the gauges of topics and partitions in line with the metadata.
pub struct MetadataGauges {
    pub metrics: Arc<Metrics>,
}

impl Publisher for MetadataGauges {
    fn name(&self) -> &'static str {
        "gauges"
    }

    fn publish(&self, delta: &Delta, image: &Arc<Image>) {
        if delta.topics.is_empty() && delta.topics_removed.is_empty() {
            return;
        }
        let partitions = || image.topics.iter().flat_map(|topic| topic.partitions.values());
        self.metrics.topics.set(image.topics.len() as i64);
        self.metrics.offline_partitions.set(partitions().filter(|partition| partition.leader.is_none()).count() as i64);
        let behind = partitions().filter(|partition| partition.isr.len() < partition.replicas.len()).count();
        self.metrics.under_replicated_partitions.set(behind as i64);
    }
}

/// The pages of the HTTP listener. They are served from the beginning of a start, and show what there is by then.
pub struct NodePages {
    metrics: Arc<Metrics>,
    ready: Arc<AtomicBool>,
    parts: OnceLock<PageParts>,
}

/// What the pages tell of once it is open.
pub struct PageParts {
    pub partitions: Arc<Partitions>,
    pub cleaner: Arc<Cleaner>,
    pub scrubber: Arc<Scrubber>,
    pub groups: Arc<GroupCoordinator>,
    pub sessions: Box<dyn Fn() -> (usize, usize) + Send + Sync>,
}

impl NodePages {
    pub fn new(metrics: Arc<Metrics>, ready: Arc<AtomicBool>) -> NodePages {
        NodePages { metrics, ready, parts: OnceLock::new() }
    }

    /// Everything is open: from now on the pages tell of it.
    pub fn show(&self, parts: PageParts) {
        assert!(self.parts.set(parts).is_ok(), "a node is opened once");
    }

    fn collect(&self, parts: &PageParts) {
        let mut totals = WalTotals::default();
        for directory in parts.partitions.directories() {
            let figures = directory.wal().figures();
            totals.commits += figures.commits;
            totals.entries += figures.entries;
            totals.bytes += figures.entry_bytes;
            totals.sync_seconds += figures.sync_time.as_secs_f64();
            self.metrics.free_bytes(&directory.path().display().to_string()).set(directory.free_bytes() as f64);
        }
        self.metrics.set_wal(totals);
        let scrub = parts.scrubber.totals();
        self.metrics.set_scrub(scrub.bytes, scrub.damages);
        let compaction = parts.cleaner.totals();
        self.metrics.set_compaction(CompactionTotals {
            runs: compaction.runs,
            failures: compaction.failures,
            read_bytes: compaction.read_bytes,
            written_bytes: compaction.written_bytes,
            seconds: compaction.seconds,
        });
        self.metrics.uncleanable_partitions.set(compaction.uncleanable as i64);
        let failed = parts.partitions.directories().iter().filter(|directory| directory.failure().is_some()).count();
        let offline = parts.partitions.offline().len();
        self.metrics.offline_log_directories.set((failed + offline) as i64);
        self.metrics.partitions.set(parts.partitions.count() as i64);
        let (sessions, evictions) = (parts.sessions)();
        self.metrics.fetch_sessions.set(sessions as i64);
        let counted = self.metrics.fetch_session_evictions.get();
        self.metrics.fetch_session_evictions.inc_by((evictions as u64).saturating_sub(counted));
        let groups = parts.groups.figures();
        self.metrics.groups.set(groups.entries as i64);
        self.metrics.set_coordinator(GroupMachine::TOPIC, groups);
    }
}

impl Pages for NodePages {
    fn metrics(&self) -> Vec<u8> {
        if let Some(parts) = self.parts.get() {
            self.collect(parts);
        }
        self.metrics.render()
    }

    fn unhealthy(&self) -> Option<String> {
        // While the directories are being opened nothing is known to be wrong; if something is, the start fails.
        let partitions = &self.parts.get()?.partitions;
        let failures = partitions.directories().iter().filter_map(|directory| {
            Some(format!("log directory {} failed: {}", directory.path().display(), directory.failure()?))
        });
        let offline = partitions.offline().iter();
        let offline = offline.map(|path| format!("log directory {} could not be opened", path.display()));
        let failures: Vec<String> = failures.chain(offline).collect();
        (!failures.is_empty()).then(|| failures.join("\n"))
    }

    fn not_ready(&self) -> Option<String> {
        if self.parts.get().is_none() {
            return Some("starting".into());
        }
        if !self.ready.load(Ordering::Acquire) {
            return Some("starting or stopping".into());
        }
        self.unhealthy()
    }
}
