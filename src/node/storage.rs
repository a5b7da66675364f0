//! What of a node has its state on disk: log directories, metadata, partitions, coordinators. Opened at the start, in order.
use super::{
    NodeParts, NodeSettings, StartError,
    changing::changes,
    cleaning::cleaner_settings,
    features::{features, first_levels},
    format::identify,
    groups::{group_coordinator, group_settings},
    limits::connection_rules,
    observe::MetadataGauges,
    topic_settings,
    transactions::transaction_coordinator,
};
use crate::{
    config::{Listener as ListenerConfig, RawSettings},
    controller::{self, BrokerRegistration, Controller, ControllerRegistration, Rules},
    coordinator::{CoordinatorPublisher, GroupCoordinator, TransactionCoordinator},
    image::Publisher,
    log::{Cleaner, LogDir, LogDirError, LogDirSettings},
    metrics::Metrics,
    quorum::Single,
    replica::{Partition, Partitions, TopicPublisher},
    server::ConnectionLimits,
    store::View,
    types::TopicId,
    wire::metadata,
};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

/// In the first log directory: what starts of coordinators are made short with.
const VIEW_FOLDER: &str = "ottla-state";

/// The log directories and who they belong to.
#[derive(Clone)]
pub(super) struct Storage {
    pub(super) directories: Vec<Arc<LogDir>>,
    pub(super) metadata: Arc<LogDir>,
    pub(super) view: Option<Arc<View>>,
    pub(super) cluster_id: String,
    directory_ids: Vec<TopicId>,
}

/// What has its state on disk.
pub(super) struct Opened {
    pub storage: Storage,
    pub controller: Controller,
    pub partitions: Arc<Partitions>,
    pub groups: Arc<GroupCoordinator>,
    pub transactions: Arc<TransactionCoordinator>,
    pub cleaner: Arc<Cleaner>,
}

/// Directories, metadata, partitions: everything that touches the disk.
pub(super) fn open(
    parts: &NodeParts,
    advertised: &[ListenerConfig],
    metrics: &Arc<Metrics>,
    limits: Arc<ConnectionLimits>,
) -> Result<Opened, StartError> {
    let storage = open_directories(parts)?;
    let partitions = Partitions::new(parts.config.node_id, storage.directories.clone(), held(&storage)?);
    let groups = group_coordinator(parts, &partitions, storage.view.clone());
    let transactions = transaction_coordinator(parts, &partitions);
    let log = storage.metadata.open_log(&Single::log_id(), Arc::new(Single::log_config()))?;
    let log = Single::lead(log, parts.config.node_id, parts.clock.clone())?;
    let settings = cleaner_settings(&parts.config.log.cleaner);
    let cleaner = Cleaner::new(storage.directories.clone(), parts.clock.clone(), settings);
    let (its_groups, its_cleaner) = (groups.clone(), cleaner.clone());
    let publishers: Vec<Box<dyn Publisher>> = vec![
        Box::new(TopicPublisher::new(partitions.clone(), resolver(parts))),
        changes(parts, "groups", move |config| its_groups.configure(group_settings(&config.groups))),
        Box::new(CoordinatorPublisher(groups.clone())),
        Box::new(CoordinatorPublisher(transactions.clone())),
        Box::new(MetadataGauges { metrics: metrics.clone() }),
        changes(parts, "compaction", move |config| its_cleaner.update(cleaner_settings(&config.log.cleaner))),
        changes(parts, "limits", move |config| limits.update(connection_rules(&config.network))),
    ];
    let new_terms = storage.directories.iter().any(|directory| !directory.was_clean());
    let controller = Controller::start(registration(parts, &storage, advertised, log, new_terms, publishers))?;
    recover(&storage, &partitions)?;
    let (_, epoch) = controller.handle().broker();
    storage.directories.iter().for_each(|directory| directory.set_broker_epoch(epoch));
    Ok(Opened { storage, controller, partitions, groups, transactions, cleaner })
}

fn open_directories(parts: &NodeParts) -> Result<Storage, StartError> {
    let settings = LogDirSettings {
        open_files_max: open_files_max(),
        checkpoint_interval_ms: parts.config.log.recovery_checkpoint_interval_ms,
        producer_expiry_interval_ms: parts.config.producers.id_expiration_check_interval_ms,
        ..LogDirSettings::default()
    };
    let open = |path: &PathBuf| LogDir::open(parts.disk.clone(), parts.clock.clone(), path, settings.clone());
    let paths = &parts.config.log_dirs;
    let directories = paths.iter().map(open).collect::<Result<Vec<_>, _>>()?;
    let metadata = match paths.iter().position(|path| *path == parts.config.metadata_log_dir) {
        Some(index) => directories[index].clone(),
        None => open(&parts.config.metadata_log_dir)?,
    };
    let mut all = directories.clone();
    if !directories.iter().any(|directory| Arc::ptr_eq(directory, &metadata)) {
        all.push(metadata.clone());
    }
    let wanted = parts.config.cluster_id.as_deref();
    let (cluster_id, directory_ids) = identify(&all, parts.config.node_id, wanted, &*parts.chance)?;
    let view = parts.views.then(|| View::new(parts.disk.clone(), paths[0].join(VIEW_FOLDER)));
    Ok(Storage { directories, metadata, view, cluster_id, directory_ids })
}

/// Which directory has which partition; only asked when there is a choice.
fn held(storage: &Storage) -> Result<BTreeMap<(TopicId, i32), usize>, LogDirError> {
    let mut held = BTreeMap::new();
    if storage.directories.len() > 1 {
        for (index, directory) in storage.directories.iter().enumerate() {
            held.extend(directory.found()?.into_iter().map(|id| ((id.topic_id, id.partition), index)));
        }
    }
    Ok(held)
}

/// Half of what the process may open; the rest is for connections.
fn open_files_max() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(1 << 20);
    usize::try_from(limit / 2).unwrap_or(usize::MAX).clamp(64, 100_000)
}

/// A topic's settings from the node's and its own. What the controller accepted resolves; if it does not after a
/// change of version, the topic goes on with the node's defaults and a log line.
fn resolver(parts: &NodeParts) -> crate::replica::Resolve {
    let raw = parts.raw.clone();
    let expiration_ms = parts.config.producers.id_expiration_ms;
    Box::new(move |name, cluster, own, set| {
        let raw = raw.with_dynamic(cluster, own);
        let resolved = topic_settings(&raw, set, expiration_ms).or_else(|error| {
            tracing::error!(topic = name, %error, "settings of the topic cannot be used; the defaults are");
            topic_settings(&raw, &Default::default(), expiration_ms)
        });
        match resolved {
            Ok(settings) => Arc::new(settings),
            Err(error) => {
                tracing::error!(topic = name, %error, "the broker's own defaults cannot be used");
                Arc::new(
                    topic_settings(&RawSettings::default(), &Default::default(), expiration_ms)
                        .expect("Kafka's defaults"),
                )
            }
        }
    })
}

fn registration(
    parts: &NodeParts,
    storage: &Storage,
    advertised: &[ListenerConfig],
    log: Arc<Single>,
    new_terms: bool,
    publishers: Vec<Box<dyn Publisher>>,
) -> controller::Start {
    let node = &parts.config;
    let endpoint = |listener: &ListenerConfig| metadata::Endpoint {
        name: listener.name.clone(),
        host: listener.host.clone(),
        port: listener.port,
        security_protocol: listener.protocol.id(),
    };
    let features = features();
    let incarnation = parts.chance.uuid();
    controller::Start {
        log,
        rules: Rules {
            partitions_default: node.topics.partitions_default,
            replication_default: node.topics.replication_factor_default,
            topic_deletion: node.topics.delete_enabled,
            settings: Arc::new(NodeSettings { raw: parts.raw.clone() }),
            features: features.clone(),
        },
        levels: first_levels(),
        controller: ControllerRegistration {
            id: node.node_id,
            incarnation,
            endpoints: node.network.controller_listeners.iter().map(endpoint).collect(),
            features: features.clone(),
        },
        broker: BrokerRegistration {
            id: node.node_id,
            incarnation,
            endpoints: advertised.iter().map(endpoint).collect(),
            features,
            rack: node.rack.clone(),
            directories: storage.directory_ids.iter().take(storage.directories.len()).map(|id| id.0).collect(),
        },
        new_terms,
        chance: parts.chance.clone(),
        publishers,
    }
}

/// Logs with entries in the write-ahead log are opened now, which replays them; all others when they are first used.
fn recover(storage: &Storage, partitions: &Arc<Partitions>) -> Result<(), StartError> {
    for directory in &storage.directories {
        let pending = directory.pending();
        let wanted: Vec<Arc<Partition>> = pending
            .into_iter()
            .filter_map(|(topic, index)| partitions.topic_by_id(topic)?.partition(index).cloned())
            .filter(|partition| Arc::ptr_eq(partition.directory(), directory))
            .collect();
        open_all(&wanted);
        directory.finish_recovery()?;
    }
    if !storage.directories.iter().any(|directory| Arc::ptr_eq(directory, &storage.metadata)) {
        storage.metadata.finish_recovery()?;
    }
    Ok(())
}

/// Opens logs on as many threads as there are processors: most of the time goes to waiting for the disk.
fn open_all(partitions: &[Arc<Partition>]) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = partitions.len().div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        for part in partitions.chunks(share) {
            scope.spawn(move || {
                for partition in part {
                    // What cannot be opened was told in the log; the other partitions go on.
                    let _ = partition.log();
                }
            });
        }
    });
}
