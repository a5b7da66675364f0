//! What of a node has its state on disk: log directories, metadata, partitions, coordinators. Opened at the start, in order.
use super::{
    NodeParts, NodeSettings, StartError,
    changing::changes,
    cleaning::cleaner_settings,
    features::{features, first_levels},
    format::check_new_metadata_log,
    groups::{group_coordinator, group_settings},
    history::{ask_of_earlier, directories_ever},
    limits::connection_rules,
    moving::configure_directories,
    observe::MetadataGauges,
    storage::{Storage, open_directories, recover},
    topic_settings,
    transactions::transaction_coordinator,
};
use crate::{
    config::{Listener as ListenerConfig, RawSettings},
    controller::{self, BrokerRegistration, Controller, ControllerRegistration, Rules},
    coordinator::{CoordinatorPublisher, GroupCoordinator, TransactionCoordinator},
    image::Publisher,
    log::Cleaner,
    metrics::Metrics,
    quorum::Single,
    replica::{Partitions, TopicPublisher},
    server::ConnectionLimits,
    types::{NodeId, Offset},
    wire::metadata,
};
use std::sync::Arc;

/// What has its state on disk.
pub(super) struct Opened {
    pub storage: Storage,
    pub metadata_log: Arc<Single>,
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
    let all = storage.all_directories();
    let metadata = storage.metadata.clone();
    recover_all(parts, advertised, metrics, limits, storage)
        .map_err(|error| metadata.told_as_full(&error).map_or(error, StartError::Directory))
        .inspect_err(|_| all.iter().for_each(|directory| directory.leave_as_found()))
}

fn recover_all(
    parts: &NodeParts,
    advertised: &[ListenerConfig],
    metrics: &Arc<Metrics>,
    limits: Arc<ConnectionLimits>,
    storage: Storage,
) -> Result<Opened, StartError> {
    let partitions = Partitions::new(parts.config.node_id, storage.directories.clone(), storage.found.clone());
    let views = storage.views.clone().map(|views| (views.groups, views.transactions));
    let (groups_view, transactions_view) = views.unzip();
    let groups = group_coordinator(parts, &partitions, groups_view);
    let transactions = transaction_coordinator(parts, &partitions, transactions_view);
    let all = storage.all_directories();
    if !storage.metadata.holds_metadata_log() {
        // Before it is made: a refused start leaves nothing in the place of what is to be put back.
        check_new_metadata_log(&all, &storage.metadata)?;
    }
    let log = storage.metadata.open_log(&Single::log_id(), Arc::new(Single::log_config()))?;
    let node = parts.config.node_id;
    let is_new = log.bounds().end() == Offset::ZERO;
    if is_new {
        check_new_metadata_log(&all, &storage.metadata)?;
    }
    let log = Single::lead(log, node, parts.clock.clone())?;
    if !is_new
        && !storage.identity.empty.is_empty()
        && let Err(refused) = check_none_away(&storage, &log, node)
    {
        // The beginning of a term was written: whoever opens them next finds it whole.
        all.iter().for_each(|directory| _ = directory.close());
        return Err(refused);
    }
    storage.identity.write(&all, &storage.metadata, node)?;
    let earlier = ask_of_earlier(log.clone(), node);
    storage.directories.iter().for_each(|directory| directory.ask_of_earlier(earlier.clone()));
    let settings = cleaner_settings(&parts.config.log.cleaner);
    let cleaner = Cleaner::new(storage.directories.clone(), parts.clock.clone(), settings);
    let (its_groups, its_cleaner, its_directories) = (groups.clone(), cleaner.clone(), partitions.clone());
    configure_directories(&partitions, &parts.config);
    let publishers: Vec<Box<dyn Publisher>> = vec![
        Box::new(TopicPublisher::new(partitions.clone(), resolver(parts))),
        changes(parts, "groups", move |config| its_groups.configure(group_settings(&config.groups))),
        Box::new(CoordinatorPublisher(groups.clone())),
        Box::new(CoordinatorPublisher(transactions.clone())),
        Box::new(MetadataGauges { metrics: metrics.clone() }),
        changes(parts, "log directories", move |config| configure_directories(&its_directories, config)),
        changes(parts, "compaction", move |config| its_cleaner.update(cleaner_settings(&config.log.cleaner))),
        changes(parts, "limits", move |config| limits.update(connection_rules(&config.network))),
    ];
    let new_terms = storage.directories.iter().any(|directory| !directory.was_clean());
    let metadata_log = log.clone();
    let controller = Controller::start(registration(parts, &storage, advertised, log, new_terms, publishers))?;
    partitions.settle();
    recover(&storage, &partitions, &*metadata_log)?;
    let (_, epoch) = controller.handle().broker();
    storage.directories.iter().for_each(|directory| directory.set_broker_epoch(epoch));
    Ok(Opened { storage, metadata_log, controller, partitions, groups, transactions, cleaner })
}

fn check_none_away(storage: &Storage, log: &Single, node: NodeId) -> Result<(), StartError> {
    let before = directories_ever(log, node).map_err(StartError::MetadataRead)?;
    let offline = storage.found.offline.len();
    Ok(storage.identity.check_none_away(&storage.all_directories(), node, &before, offline)?)
}

/// A topic's settings from the node's and its own. What the controller accepted resolves; if it does not after a
/// change of version, the topic goes on with the node's defaults and a log line.
fn resolver(parts: &NodeParts) -> crate::replica::Resolve {
    let raw = parts.raw.clone();
    Box::new(move |name, cluster, own, set| {
        let raw = raw.with_dynamic(cluster, own);
        let resolved = topic_settings(&raw, set).or_else(|error| {
            tracing::error!(topic = name, %error, "settings of the topic cannot be used; the defaults are");
            topic_settings(&raw, &Default::default())
        });
        match resolved {
            Ok(settings) => Arc::new(settings),
            Err(error) => {
                tracing::error!(topic = name, %error, "the broker's own defaults cannot be used");
                Arc::new(topic_settings(&RawSettings::default(), &Default::default()).expect("Kafka's defaults"))
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
        levels: first_levels(node),
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
            directories: storage.identity.directory_ids.iter().take(storage.directories.len()).map(|id| id.0).collect(),
            cordoned: storage.ids_where(|path| node.cordoned_log_dirs.iter().any(|cordoned| cordoned == path)),
        },
        new_terms,
        chance: parts.chance.clone(),
        publishers,
    }
}
