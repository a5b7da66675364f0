//! A node from its settings to serving clients, and back.
use super::{
    FormatError,
    features::features,
    limits::{connection_rules, share_files, socket_settings},
    moving::{begin_moves, tell_cordoned},
    observe::{NodePages, PageParts},
    opened::{Opened, open},
    retention,
    storage::Storage,
    transactions::{late_transactions, transaction_ends, transaction_sweeps},
};
use crate::{
    api::{Broker, JustDeleted, Router, SessionCache, SessionSettings},
    config::{Listener as ListenerConfig, NetworkConfig, NodeConfig, RawSettings},
    controller::{self, Controller, ControllerHandle, ProducerIdSource},
    coordinator::{GroupCoordinator, TransactionEnds},
    http::{Http, HttpBindError},
    log::{Cleaner, Closed, LogDirError, LogError, Scrubber},
    metrics::Metrics,
    net::{SocketSettings, own_name},
    platform::{Chance, Clock, Disk},
    quorum::{LeadError, MetadataReadError},
    replica::Partitions,
    server::{Admission, BindError, ConnectionLimits, Listener, Server, ServerParts},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{sync::watch, task::JoinHandle};

/// Memory for large requests that are arriving, unless `queued.max.request.bytes` says otherwise.
const REQUEST_MEMORY_BYTES: u64 = 512 << 20;
/// A fetch session that was not used for this long gives way to others (Kafka's MIN_INCREMENTAL_FETCH_SESSION_EVICTION_MS).
const SESSION_EVICTION: Duration = Duration::from_secs(120);
/// Partitions that all fetch sessions together may remember, some 250 bytes each.
const SESSION_PARTITIONS_MAX: usize = 1_000_000;

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error(transparent)]
    Http(#[from] HttpBindError),
    #[error(transparent)]
    Directory(#[from] LogDirError),
    #[error(transparent)]
    Format(#[from] FormatError),
    #[error("the metadata log cannot be opened: {0}")]
    MetadataLog(#[from] LogError),
    #[error("the metadata log cannot be read: {0}")]
    MetadataRead(MetadataReadError),
    #[error(transparent)]
    Quorum(#[from] LeadError),
    #[error(transparent)]
    Controller(#[from] controller::StartError),
    #[error("the threads of {0} cannot be started: {1}")]
    Threads(&'static str, std::io::Error),
    #[error("a background task ended early: {0}")]
    Task(#[from] tokio::task::JoinError),
}

/// What a node is made of; tests bring their own clock, chance and disk.
#[derive(Clone)]
pub struct NodeParts {
    pub config: NodeConfig,
    pub raw: RawSettings,
    pub disk: Arc<dyn Disk>,
    pub clock: Arc<dyn Clock>,
    pub chance: Arc<dyn Chance>,
    pub version: &'static str,
    /// Keep views of coordinators beside the logs: they live in the file system, whatever `disk` is.
    pub views: bool,
}

/// A running node.
pub struct Node {
    broker: Arc<Broker>,
    server: Server,
    controller: Controller,
    storage: Storage,
    partitions: Arc<Partitions>,
    cleaner: Arc<Cleaner>,
    scrubber: Arc<Scrubber>,
    metrics: Arc<Metrics>,
    ready: Arc<AtomicBool>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    pub cluster_id: String,
    pub listeners: Vec<ListenerConfig>,
    pub advertised: Vec<ListenerConfig>,
    pub http: Option<std::net::SocketAddr>,
}

impl Node {
    pub async fn start(parts: NodeParts) -> Result<Node, StartError> {
        let metrics = Metrics::new(parts.version);
        metrics.broker_state.set(1);
        let network = &parts.config.network;
        let (bound, listeners, advertised) = bind(network, &socket_settings(&parts))?;
        let limits = ConnectionLimits::new(connection_rules(network));
        let http = network.http_listen.as_ref().map(|address| Http::bind(&address.host, address.port)).transpose()?;
        let (stop, stopping) = watch::channel(false);
        let ready = Arc::new(AtomicBool::new(false));
        let pages = Arc::new(NodePages::new(metrics.clone(), ready.clone()));
        let http_address = http.as_ref().and_then(|http| http.address().ok());
        // From here on: a start that takes long can be told from one that hangs.
        let mut tasks = Vec::from_iter(http.map(|http| serve(http, pages.clone(), stopping.clone())));
        let Opened { storage, metadata_log, controller, partitions, groups, transactions, cleaner } = {
            let (parts, advertised, metrics) = (parts.clone(), advertised.clone(), metrics.clone());
            let limits = limits.clone();
            tokio::task::spawn_blocking(move || open(&parts, &advertised, &metrics, limits)).await??
        };
        share_files(&limits, storage.directories.clone());
        let producer_ids = Arc::new(ProducerIdSource::new(controller.handle().clone()));
        let (ends, woken) = transaction_ends(controller.handle(), &producer_ids, &transactions, &groups, &partitions);
        let broker = broker(
            &parts,
            &storage,
            controller.handle(),
            &partitions,
            (&groups, &ends, &producer_ids),
            &metrics,
            &stopping,
        );
        let scrub_rate = parts.config.log.scrub_bytes_per_second;
        let scrubber = Scrubber::new(storage.directories.clone(), parts.clock.clone(), scrub_rate);
        pages.show(page_parts(&broker, &cleaner, &scrubber));
        tasks.push(tokio::spawn(groups.run(stopping.clone())));
        tasks.push(tokio::spawn(transactions.run(stopping.clone())));
        let sweeps = transaction_sweeps(&parts.config.producers.transactions);
        tasks.push(tokio::spawn(ends.run(woken, sweeps, stopping.clone())));
        let late = late_transactions(&parts, &partitions, &metrics);
        tasks.push(tokio::spawn(late.run(stopping.clone())));
        tasks.push(tell_cordoned(storage.clone(), partitions.clone(), controller.handle(), stopping.clone()));
        tasks.push(expire(&parts, &partitions, stopping));
        let (orphans, image) = (partitions.clone(), controller.handle().images().clone());
        tasks.push(tokio::task::spawn_blocking(move || retention::delete_orphans(&orphans, &image, &*metadata_log)));
        cleaner.start().map_err(|error| StartError::Threads("compaction", error))?;
        begin_moves(&parts, &partitions)?;
        scrubber.start().map_err(|error| StartError::Threads("the scrubber", error))?;
        let server = Server::start(bound, server_parts(&parts, broker.clone(), limits, &metrics))
            .map_err(|error| StartError::Threads("the network", error))?;
        metrics.broker_state.set(3);
        metrics.active_controller.set(1);
        ready.store(true, Ordering::Release);
        Ok(Node {
            broker,
            server,
            controller,
            cluster_id: storage.identity.cluster_id.clone(),
            storage,
            partitions,
            cleaner,
            scrubber,
            metrics,
            ready,
            stop,
            tasks,
            listeners,
            advertised,
            http: http_address,
        })
    }

    /// For who asks without a connection, as measurements do that count what an answer costs by itself.
    pub fn broker(&self) -> &Arc<Broker> {
        &self.broker
    }

    /// Connections of clients.
    pub fn connections(&self) -> usize {
        usize::try_from(self.metrics.connections.get()).unwrap_or(0)
    }

    /// Grows while records are produced or fetched.
    pub fn traffic(&self) -> u64 {
        self.metrics.produced_records.get()
    }

    /// Why this node cannot go on, if so: the directory of the metadata log failed, or every other one. Partitions of a
    /// single failed directory are refused, the others are served (OPS-2).
    pub fn failure(&self) -> Option<String> {
        let failures = || self.storage.directories.iter().map(|directory| directory.failure());
        let all_failed = failures().all(|failure| failure.is_some());
        self.storage.metadata.failure().or_else(|| failures().flatten().next().filter(|_| all_failed))
    }

    /// OPS-1 of a single node: no new requests, waiting ones are answered, everything is synced, then the marker of a
    /// clean shutdown is written.
    pub async fn stop(self) -> Result<(), StartError> {
        let Node {
            server, mut controller, storage, partitions, cleaner, scrubber, metrics, ready, stop, tasks, ..
        } = self;
        ready.store(false, Ordering::Release);
        metrics.broker_state.set(6);
        let _ = stop.send(true);
        // Long polls end by the same signal; what was produced is committed within the drain.
        server.drain().await;
        for task in tasks {
            task.await?;
        }
        tokio::task::spawn_blocking(move || {
            cleaner.stop();
            scrubber.stop();
            partitions.moves().iter().for_each(|moves| moves.stop());
            controller.stop();
            partitions.close_marks(Closed::Stopping);
            for view in storage.views.iter().flat_map(|views| [&views.groups, &views.transactions]) {
                if let Err(error) = view.close() {
                    tracing::warn!(%error, "a coordinator's view is made anew at the next start");
                }
            }
            // Each on its own: one that failed does not cost the others their marker.
            let mut closed = Ok(());
            for directory in &storage.directories {
                closed = closed.and(directory.close());
            }
            if !storage.directories.iter().any(|directory| Arc::ptr_eq(directory, &storage.metadata)) {
                closed = closed.and(storage.metadata.close());
            }
            Ok(closed?)
        })
        .await?
    }
}

type Bound = (Vec<Listener>, Vec<ListenerConfig>, Vec<ListenerConfig>);

/// Binds every listener. A port of 0 becomes the one that was taken, also in what clients are told; where they would be told no host,
/// they are told the machine's name.
fn bind(network: &NetworkConfig, sockets: &SocketSettings) -> Result<Bound, BindError> {
    let mut bound = Vec::new();
    let (mut listeners, mut advertised) = (network.listeners.clone(), network.advertised.clone());
    for listener in &mut listeners {
        let socket = Listener::bind(&listener.name, &listener.host, listener.port, sockets)?;
        if listener.port == 0 {
            listener.port = socket.port();
        }
        for told in advertised.iter_mut().filter(|told| told.name == listener.name && told.port == 0) {
            told.port = listener.port;
        }
        bound.push(socket);
    }
    for told in advertised.iter_mut().filter(|told| told.host.is_empty()) {
        told.host = own_name().unwrap_or_else(|| {
            let name = &told.name;
            tracing::warn!("the name of this machine has no address: clients of {name} are told localhost; set advertised.listeners");
            "localhost".into()
        });
    }
    Ok((bound, listeners, advertised))
}

fn broker(
    parts: &NodeParts,
    storage: &Storage,
    controller: &ControllerHandle,
    partitions: &Arc<Partitions>,
    (groups, ends, producer_ids): (&Arc<GroupCoordinator>, &Arc<TransactionEnds>, &Arc<ProducerIdSource>),
    metrics: &Arc<Metrics>,
    stopping: &watch::Receiver<bool>,
) -> Arc<Broker> {
    let session_settings = SessionSettings {
        slots: parts.config.fetch.session_slots_max as usize,
        eviction: SESSION_EVICTION,
        partitions_max: SESSION_PARTITIONS_MAX,
    };
    Arc::new(Broker {
        node_id: parts.config.node_id,
        cluster_id: storage.identity.cluster_id.clone(),
        config: parts.config.clone(),
        raw: parts.raw.clone(),
        features: features(),
        image: controller.images().clone(),
        controller: controller.clone(),
        partitions: partitions.clone(),
        groups: groups.clone(),
        transactions: ends.transactions.clone(),
        transaction_ends: ends.clone(),
        producer_ids: producer_ids.clone(),
        sessions: SessionCache::new(session_settings),
        just_deleted: JustDeleted::default(),
        clock: parts.clock.clone(),
        chance: parts.chance.clone(),
        metrics: metrics.clone(),
        stopping: stopping.clone(),
    })
}

/// Deletes records that are too old or too many, from time to time.
fn expire(parts: &NodeParts, partitions: &Arc<Partitions>, stopping: watch::Receiver<bool>) -> JoinHandle<()> {
    let log = &parts.config.log;
    let first = Duration::from_millis(log.initial_task_delay_ms);
    let every = Duration::from_millis(log.retention_check_interval_ms.max(1));
    tokio::spawn(retention::run(partitions.clone(), parts.clock.clone(), first, every, stopping))
}

fn serve(http: Http, pages: Arc<NodePages>, mut stopping: watch::Receiver<bool>) -> JoinHandle<()> {
    tokio::spawn(http.serve(pages, async move {
        let _ = stopping.wait_for(|stop| *stop).await;
    }))
}

fn page_parts(broker: &Arc<Broker>, cleaner: &Arc<Cleaner>, scrubber: &Arc<Scrubber>) -> PageParts {
    let sessions = broker.clone();
    PageParts {
        partitions: broker.partitions.clone(),
        cleaner: cleaner.clone(),
        scrubber: scrubber.clone(),
        groups: broker.groups.clone(),
        sessions: Box::new(move || (sessions.sessions.len(), sessions.sessions.evictions())),
    }
}

fn server_parts(
    parts: &NodeParts,
    broker: Arc<Broker>,
    limits: Arc<ConnectionLimits>,
    metrics: &Arc<Metrics>,
) -> ServerParts {
    let network = &parts.config.network;
    let memory = network.queued_request_bytes_max.unwrap_or(REQUEST_MEMORY_BYTES);
    ServerParts {
        router: Arc::new(Router::new(broker)),
        limits,
        admission: Admission::new(usize::try_from(memory).unwrap_or(usize::MAX)),
        clock: parts.clock.clone(),
        metrics: metrics.clone(),
        frame_bytes_max: network.request_bytes_max as usize,
        inflight_bytes_max: network.connection_inflight_bytes_max,
        event_loops: std::thread::available_parallelism().map_or(1, usize::from),
        // A year stands for "never": timers do not reach further.
        idle_max: Duration::from_millis(network.connection_idle_ms_max.unwrap_or(u64::MAX).min(365 * 86_400_000)),
    }
}
