//! One life of a broker with both coordinators and topics to write to, in a directory that outlives it.
use crate::{
    coordinator::{
        GroupMachine, TransactionMachine,
        group::GroupSettings,
        run::{shard::Shard, *},
        txn::{self, Producer, Reply, Request, State, TransactionSettings, TransactionalId},
    },
    image::{Delta, Features, Image, Publisher},
    log::{AppendOrigin, LogConfig, LogDir, LogDirSettings, tests::crash::Trouble},
    node::topic_settings,
    platform::{ManualClock, RealDisk, SeededChance},
    record::{BatchBuilder, BatchHeader, TransactionResult::Commit},
    replica::{Partition, Partitions, TopicPublisher, Unavailable},
    store::{Rows, View},
    types::{Acks, NodeId, TopicName, TransactionVersion},
    wire::metadata::{FeatureLevelRecord, MetadataRecord, PartitionRecord, RemoveTopicRecord, TopicRecord},
};
use arc_swap::ArcSwap;
use std::{
    collections::BTreeSet,
    path::Path,
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};
use tokio::{sync::watch, task::JoinHandle};

/// Takes every marker.
pub const WHOLE: &str = "whole";
/// Has too few replicas in sync until [`Broker::heal`].
pub const SHORT: &str = "short";
const TOPICS: [(&str, i32); 4] = [(TransactionMachine::TOPIC, 2), (GroupMachine::TOPIC, 2), (WHOLE, 2), (SHORT, 1)];
/// Longer than anything takes that is not stuck.
const STUCK: Duration = Duration::from_secs(20);
const HOUR: Duration = Duration::from_secs(3_600);
pub const NO_SWEEPS: TransactionSweeps = TransactionSweeps { abort_every: HOUR, expire_every: HOUR };

pub struct Broker {
    pub directory: Arc<LogDir>,
    pub partitions: Arc<Partitions>,
    pub transactions: Arc<TransactionCoordinator>,
    pub groups: Arc<GroupCoordinator>,
    pub ends: Arc<TransactionEnds>,
    pub clock: Arc<ManualClock>,
    /// Of transactions.
    pub view: Option<Arc<View>>,
    woken: Option<Woken>,
    image: Image,
    shown: Arc<ArcSwap<Image>>,
    topics: TopicPublisher,
    pub next_id: AtomicI64,
}

fn coordinator<M: Coordinated>(
    machine: M,
    settings: M::Settings,
    (partitions, clock): (&Arc<Partitions>, &Arc<ManualClock>),
    term: i32,
    view: Option<Arc<View>>,
) -> Arc<Sharded<M>> {
    let (partitions, clock) = (partitions.clone(), clock.clone());
    // Other lives give out other member ids.
    let chance = Arc::new(SeededChance::new(term as u64));
    Sharded::new(Parts { machine, settings, partitions, clock, chance, view })
}

pub fn load<M: Coordinated>(coordinator: &Arc<Sharded<M>>) {
    coordinator.begin();
    while let Some(shard) = coordinator.next_to_load() {
        Shard::load(&shard, coordinator, &mut Rows::default());
    }
}

/// Of a cluster whose `transaction.version` is finalised.
fn at_level_2() -> Image {
    let mut image = Image::default();
    let level = FeatureLevelRecord { name: Features::TRANSACTION_VERSION.into(), feature_level: 2 };
    image.apply(&level.into(), &mut Delta::default()).unwrap();
    image
}

impl Broker {
    /// Leads everything in this term; nothing is loaded yet.
    pub fn start(path: &Path, term: i32) -> Broker {
        Broker::start_with(path, term, None)
    }

    /// As `start`, with a view of transactions in the log directory.
    pub fn start_viewed(path: &Path, term: i32) -> Broker {
        Broker::start_with(path, term, Some(View::new(Arc::new(RealDisk), path.join("ottla-state"))))
    }

    fn start_with(path: &Path, term: i32, view: Option<Arc<View>>) -> Broker {
        let mut settings = LogDirSettings { background: false, ..LogDirSettings::default() };
        settings.wal.file_bytes = 1 << 22;
        settings.wal.first_file_bytes = 1 << 16;
        let clock = Arc::new(ManualClock::at_wall_ms(1_700_000_000_000));
        let directory = LogDir::open(Arc::new(RealDisk), clock.clone(), path, settings).unwrap();
        Broker::on(directory, clock, term, view, |_, _| ()).map_err(Trouble::what).unwrap()
    }

    /// In an open directory, which this recovers; `tune` has the last word on how the logs of a topic are kept.
    pub fn on(
        directory: Arc<LogDir>,
        clock: Arc<ManualClock>,
        term: i32,
        view: Option<Arc<View>>,
        tune: impl Fn(&str, &mut LogConfig) + Send + Sync + 'static,
    ) -> Result<Broker, Trouble> {
        let partitions = Partitions::new(NodeId(1), vec![directory.clone()], Default::default());
        let (settings, around) = (TransactionSettings::default(), (&partitions, &clock));
        let transactions = coordinator(TransactionMachine, settings, around, term, view.clone());
        let groups = coordinator(GroupMachine, GroupSettings::default(), around, term, None);
        let shown = Arc::new(ArcSwap::from_pointee(Image::default()));
        let markers = MarkerWriter { groups: groups.clone(), partitions: partitions.clone(), image: shown.clone() };
        let (ends, woken) = TransactionEnds::new(transactions.clone(), markers, Box::new(|| Box::pin(async { None })));
        let resolve = move |name: &str, _: &_, _: &_, _: &_| {
            let in_sync = if name == SHORT { "2" } else { "1" };
            let policy = if name.starts_with("__") { "compact" } else { "delete" };
            let set = [("min.insync.replicas", in_sync), ("segment.bytes", "1048576"), ("cleanup.policy", policy)];
            let set = set.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
            let mut settings = topic_settings(&Default::default(), &set).unwrap();
            tune(name, Arc::make_mut(&mut settings.log));
            Arc::new(settings)
        };
        let topics = TopicPublisher::new(partitions.clone(), Box::new(resolve));
        let (image, woken, next_id) = (at_level_2(), Some(woken), AtomicI64::new(1));
        let mut broker = Broker {
            directory,
            partitions,
            transactions,
            groups,
            ends,
            clock,
            view,
            woken,
            image,
            shown,
            topics,
            next_id,
        };
        for (index, (name, _)) in TOPICS.iter().enumerate() {
            let topic_id = Uuid::from_u128(10 + index as u128);
            broker.publish(vec![TopicRecord { name: (*name).into(), topic_id }.into()]);
            broker.lead(name, term);
        }
        for (topic, index) in broker.directory.pending() {
            let topic = broker.partitions.topic_by_id(topic).unwrap();
            topic.partition(index).unwrap().log().map_err(|why| match why {
                Unavailable::Damaged(_) => Trouble::Wrong(why.to_string()),
                other => Trouble::io(other),
            })?;
        }
        broker.directory.finish_recovery()?;
        Ok(broker)
    }

    /// Everything is loaded, and markers are written.
    pub async fn started(path: &Path, sweeps: TransactionSweeps) -> (Broker, Running) {
        let mut broker = Broker::start(path, 0);
        load(&broker.transactions);
        load(&broker.groups);
        let running = broker.run(sweeps);
        (broker, running)
    }

    /// Writes markers from now on.
    pub fn run(&mut self, sweeps: TransactionSweeps) -> Running {
        let (stop, stopping) = watch::channel(false);
        let woken = self.woken.take().expect("it runs once");
        Running { stop, task: tokio::spawn(self.ends.clone().run(woken, sweeps, stopping)) }
    }

    pub fn lead(&mut self, topic: &str, leader_epoch: i32) {
        self.change(topic, leader_epoch, vec![1]);
    }

    /// The second replica of [`SHORT`] is in sync.
    pub fn heal(&mut self) {
        let term = self.image.topics.named(SHORT).unwrap().partitions.get(&0).unwrap().leader_epoch;
        self.change(SHORT, term.get(), vec![1, 2]);
    }

    fn change(&mut self, topic: &str, leader_epoch: i32, isr: Vec<i32>) {
        let at = TOPICS.iter().position(|(name, _)| *name == topic).unwrap();
        let partition = |partition_id| PartitionRecord {
            partition_id,
            topic_id: Uuid::from_u128(10 + at as u128),
            replicas: if topic == SHORT { vec![1, 2] } else { vec![1] },
            isr: isr.clone(),
            leader: 1,
            leader_epoch,
            directories: vec![Uuid::from_u128(77); if topic == SHORT { 2 } else { 1 }],
            ..PartitionRecord::default()
        };
        self.publish((0..TOPICS[at].1).map(|index| partition(index).into()).collect());
    }

    pub fn remove(&mut self, topic: &str) {
        let topic_id = self.image.topics.named(topic).unwrap().id.0;
        self.publish(vec![RemoveTopicRecord { topic_id }.into()]);
    }

    fn publish(&mut self, records: Vec<MetadataRecord>) {
        let mut delta = Delta::default();
        for record in records {
            self.image.apply(&record, &mut delta).unwrap();
        }
        let image = Arc::new(self.image.clone());
        self.shown.store(image.clone());
        self.topics.publish(&delta, &image);
        CoordinatorPublisher(self.transactions.clone()).publish(&delta, &image);
        CoordinatorPublisher(self.groups.clone()).publish(&delta, &image);
    }

    pub async fn ask(&self, id: &str, request: Request) -> Reply {
        self.try_ask(id, request).await.unwrap()
    }

    pub async fn try_ask(&self, id: &str, request: Request) -> Result<Reply, CoordinatorError> {
        let fresh_producer_id = ProducerId::from_wire(self.next_id.fetch_add(1, Ordering::Relaxed));
        self.transactions.submit(id, TransactionAsk { request, fresh_producer_id }).await
    }

    /// A producer with an open transaction in these partitions, a record in each that is no coordinator's.
    pub async fn begin(&self, id: &str, partitions: &[(&str, i32)]) -> Producer {
        let ask = Request::Init { id: id.into(), timeout_ms: 60_000, expected: None };
        let Reply::Producer(producer) = self.ask(id, ask).await else { panic!("no producer") };
        self.go_on(id, producer, partitions).await;
        producer
    }

    pub async fn go_on(&self, id: &str, producer: Producer, partitions: &[(&str, i32)]) {
        let named = partitions.iter().map(|(topic, index)| (TopicName::parse(topic).unwrap(), *index));
        let partitions_asked: BTreeSet<txn::Partition> = named.collect();
        let version = TransactionVersion::V2;
        let id = TransactionalId::from(id);
        let ask = Request::AddPartitions { id: id.clone(), producer, partitions: partitions_asked, version };
        assert_eq!(self.ask(&id, ask).await, Reply::Done);
        for (topic, index) in partitions.iter().filter(|(topic, _)| !topic.starts_with("__")) {
            let batch = BatchBuilder::new(0).attributes(BatchHeader::TRANSACTIONAL);
            let batch = batch.producer(producer.id, producer.epoch, -1).record(None, Some(b"x")).build();
            self.partition(topic, *index).append(batch, Acks::Leader, AppendOrigin::Replication).unwrap();
        }
    }

    /// Commits; who the producer is then.
    pub async fn commit(&self, id: &str, producer: Producer) -> Producer {
        let (result, version) = (TransactionResult::Commit, TransactionVersion::V2);
        let reply = self.ask(id, Request::End { id: id.into(), producer, result, version }).await;
        self.ends.wake(id.into());
        let Reply::Producer(next) = reply else { panic!("{reply:?}") };
        next
    }

    /// `None`: nothing is known of the id.
    pub async fn state(&self, id: &str) -> Option<State> {
        match self.ask(id, Request::Describe(id.into())).await {
            Reply::Listed(one) => one.first().map(|(_, one)| one.state),
            other => panic!("{other:?}"),
        }
    }

    /// Heals, after which the commit of the id reaches these partitions, each with one record of it.
    pub async fn heals_and_commits(&mut self, id: &str, partitions: &[(&str, i32)]) {
        self.heal();
        self.reaches(id, Some(State::Complete(Commit))).await;
        for at in partitions {
            assert_eq!(self.offsets(at.0, at.1), (2, 2), "{at:?}: a record and one marker");
        }
    }

    /// Waits until the id stands there.
    pub async fn reaches(&self, id: &str, state: Option<State>) {
        let reached = async {
            while self.state(id).await != state {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        if tokio::time::timeout(STUCK, reached).await.is_err() {
            panic!("{id} stands at {:?} and not at {state:?}", self.state(id).await);
        }
    }

    pub fn partition(&self, topic: &str, index: i32) -> Arc<Partition> {
        self.partitions.partition(topic, index).unwrap()
    }

    /// Last stable offset and end.
    pub fn offsets(&self, topic: &str, index: i32) -> (i64, i64) {
        let bounds = self.partition(topic, index).log().unwrap().bounds();
        (bounds.stable().get(), bounds.end().get())
    }

    /// As `kill -9` does.
    pub fn die(self) {
        self.transactions.leave_all(&NotWritten::Stopping);
        self.groups.leave_all(&NotWritten::Stopping);
    }
}

/// The task that writes markers.
pub struct Running {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Running {
    pub async fn end(self) {
        self.stop.send(true).unwrap();
        self.task.await.unwrap();
    }
}
