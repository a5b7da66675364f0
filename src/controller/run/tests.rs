//! A controller at work on a metadata log in memory: start, answers and publishing, restart, failure, and by seeds
//! that the log replays to the live metadata.
mod on_disk;

use super::*;
use crate::{
    controller::*,
    image::{Delta, Resource, ResourceKind, Settings},
    log::Closed,
    platform::{Chance, SeededChance},
    quorum::MemoryLog,
    types::{NodeId, Offset},
    wire::metadata::FeatureRange,
};
use futures_util::{FutureExt, future::BoxFuture};
use std::{sync::atomic::Ordering, time::Duration};
use uuid::Uuid;

struct Anything;

impl SettingRules for Anything {
    fn check(&self, _: &Resource, _: &Settings) -> Result<(), Refused> {
        Ok(())
    }

    fn list_default(&self, _: ResourceKind, _: &str) -> Option<String> {
        None
    }

    fn unclean_election(&self, _: &Image, _: &str) -> bool {
        false
    }
}

/// The offset of an image, and the names of the topics that its delta created or changed.
type Told = (Offset, Vec<String>);

/// Keeps what it was told.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<Told>>>);

impl Publisher for Seen {
    fn name(&self) -> &'static str {
        "seen"
    }

    fn publish(&self, delta: &Delta, image: &Arc<Image>) {
        let names = delta.topics.keys().map(|id| image.topics.by_id(*id).unwrap().name.to_string()).collect();
        self.0.lock().push((image.at().unwrap().offset, names));
    }
}

fn start(log: &Arc<MemoryLog>, seed: u64, seen: &Seen) -> Result<Controller, StartError> {
    start_on(log.clone(), seed, seen, false)
}

fn start_on(log: Arc<dyn MetadataLog>, seed: u64, seen: &Seen, new_terms: bool) -> Result<Controller, StartError> {
    let chance = Arc::new(SeededChance::new(seed));
    let features: Vec<FeatureRange> = [("metadata.version", 30, 30), ("group.version", 0, 1)]
        .map(|(name, min_supported_version, max_supported_version)| FeatureRange {
            name: name.into(),
            min_supported_version,
            max_supported_version,
        })
        .into();
    Controller::start(Start {
        log,
        rules: Rules {
            partitions_default: 1,
            replication_default: 1,
            topic_deletion: true,
            settings: Arc::new(Anything),
            features: features.clone(),
        },
        levels: vec![("group.version".into(), 1)],
        controller: ControllerRegistration {
            id: NodeId(1),
            incarnation: chance.uuid(),
            endpoints: vec![],
            features: features.clone(),
        },
        broker: BrokerRegistration {
            id: NodeId(1),
            incarnation: chance.uuid(),
            endpoints: vec![],
            features,
            rack: None,
            directories: vec![Uuid::from_u128(9)],
            cordoned: vec![],
        },
        new_terms,
        chance,
        publishers: vec![Box::new(seen.clone())],
    })
}

fn create(names: &[&str]) -> CreateTopics {
    CreateTopics { topics: names.iter().map(|name| NewTopic::named(name)).collect(), validate_only: false }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    block_on::block_on(future)
}

#[test]
fn ctl_11_who_is_answered_finds_the_topic_and_every_publisher_knew_it_before() {
    let (log, seen) = (MemoryLog::new(), Seen::default());
    let controller = start(&log, 1, &seen).unwrap();
    let handle = controller.handle().clone();
    assert!(handle.image().cluster.broker(NodeId(1)).unwrap().is_active());
    assert_eq!(handle.image().features.level("group.version"), 1);
    log.eager.store(false, Ordering::Relaxed);
    let mut pending: BoxFuture<'_, _> = Box::pin(handle.create_topics(create(&["a"])));
    assert!((&mut pending).now_or_never().is_none());
    assert!(handle.image().topics.is_empty(), "not committed, not seen");
    log.commit();
    let created = wait(pending).unwrap();
    assert!(created[0].result.is_ok());
    assert!(handle.image().topics.named("a").is_some());
    assert_eq!(seen.0.lock().last().unwrap().1, ["a"]);
}

#[test]
fn grp_17_a_failed_append_changes_nothing() {
    let (log, seen) = (MemoryLog::new(), Seen::default());
    let controller = start(&log, 1, &seen).unwrap();
    let handle = controller.handle();
    let before = handle.image();
    log.fails.store(true, Ordering::Relaxed);
    assert!(matches!(wait(handle.create_topics(create(&["a"]))), Err(Failure::NotWritten(_))));
    log.fails.store(false, Ordering::Relaxed);
    assert_eq!(handle.image(), before);
    assert!(wait(handle.create_topics(create(&["a"]))).unwrap()[0].result.is_ok());
}

#[test]
fn ctl_6_a_restart_keeps_everything_and_the_broker_has_a_new_epoch() {
    let (log, seen) = (MemoryLog::new(), Seen::default());
    let mut controller = start(&log, 1, &seen).unwrap();
    wait(controller.handle().create_topics(create(&["a", "b"]))).unwrap();
    let (before, epoch) = (controller.handle().image(), controller.handle().broker().1);
    controller.stop();
    let log = log.restarted();
    let controller = start(&log, 2, &Seen::default()).unwrap();
    let after = controller.handle().image();
    assert_eq!(after.topics, before.topics);
    assert!(controller.handle().broker().1 > epoch);
    assert!(after.at().unwrap().epoch > before.at().unwrap().epoch);
    let records = log.records();
    let bootstraps = records.iter().filter(|record| record.name() == "FeatureLevelRecord").count();
    assert_eq!(bootstraps, 2, "an empty log is bootstrapped once");
}

#[test]
fn a_closed_log_frees_everyone() {
    let (log, seen) = (MemoryLog::new(), Seen::default());
    let mut controller = start(&log, 1, &seen).unwrap();
    let handle = controller.handle().clone();
    log.eager.store(false, Ordering::Relaxed);
    let mut pending: BoxFuture<'_, _> = Box::pin(handle.create_topics(create(&["a"])));
    assert!((&mut pending).now_or_never().is_none());
    log.close(Closed::NotLeader);
    assert_eq!(wait(pending), Err(Failure::NotWritten(NotWritten::NotLeader)));
    controller.stop();
}

#[test]
fn idem_13_producer_ids_are_given_once_also_over_a_restart() {
    let (log, seen) = (MemoryLog::new(), Seen::default());
    let mut controller = start(&log, 1, &seen).unwrap();
    let source = ProducerIdSource::new(controller.handle().clone());
    let ids: Vec<i64> = (0..2_500).map(|_| wait(source.next()).unwrap().get()).collect();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
    log.fails.store(true, Ordering::Relaxed);
    let left = (0..).take_while(|_| wait(source.next()).is_ok()).count();
    assert_eq!(left, 500, "the block goes on without the log");
    controller.stop();
    let log = log.restarted();
    let controller = start(&log, 2, &seen).unwrap();
    let next = wait(ProducerIdSource::new(controller.handle().clone()).next()).unwrap().get();
    assert!(next > *ids.last().unwrap() + 500);
}

#[test]
fn idem_13_who_waits_and_is_not_asked_again_holds_up_nobody() {
    let (log, seen) = (MemoryLog::new(), Seen::default());
    let controller = start(&log, 1, &seen).unwrap();
    let source = Arc::new(ProducerIdSource::new(controller.handle().clone()));
    log.eager.store(false, Ordering::Relaxed);
    let next = || {
        let source = source.clone();
        async move { source.next().await.unwrap().get() }.boxed()
    };
    // As a connection does with answers behind its oldest: asked once, and again only in their turn.
    let mut behind = [next(), next(), next()];
    assert!(behind.iter_mut().all(|one| one.now_or_never().is_none()));
    log.commit();
    let (tell, told) = std::sync::mpsc::channel();
    let oldest = next();
    std::thread::spawn(move || tell.send(wait(oldest)));
    let mut ids = vec![told.recv_timeout(Duration::from_secs(20)).expect("those behind hold it up")];
    ids.extend(behind.into_iter().rev().map(wait));
    ids.sort_unstable();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{ids:?}");
}

/// One random request; names are few, so that they meet.
async fn something(handle: &ControllerHandle, chance: &SeededChance) {
    let draw = |below: u64| chance.u64() % below;
    let names = ["a", "b", "a.b", "a_b", "c", ""];
    let name = || names[draw(names.len() as u64) as usize].to_string();
    match draw(6) {
        0 | 1 => {
            let topic = |_| NewTopic { partitions: draw(5) as i32 - 1, ..NewTopic::named(&name()) };
            let topics = (0..=draw(3)).map(topic).collect();
            let request = CreateTopics { topics, validate_only: draw(5) == 0 };
            handle.create_topics(request).await.map(drop).unwrap_or_default();
        }
        2 => {
            let topics = vec![MorePartitions { name: name(), count: draw(9) as i32, assignments: None }];
            let _ = handle.create_partitions(CreatePartitions { topics, validate_only: draw(5) == 0 }).await;
        }
        3 => {
            let topics = (0..=draw(2)).map(|_| TopicSelector::Name(name())).collect();
            let _ = handle.delete_topics(topics).await;
        }
        4 => {
            let step = if draw(3) == 0 { ConfigStep::Delete } else { ConfigStep::Set(Some(draw(3).to_string())) };
            let change = ConfigChange::Each(vec![("retention.ms".into(), step)]);
            let resources = vec![(Resource::topic(&name()), change)];
            let _ = handle.alter_configs(AlterConfigs { resources, validate_only: false }).await;
        }
        _ => {
            let _ = handle.allocate_producer_ids().await;
        }
    }
}

#[test]
fn grp_17_by_seed_the_log_replays_to_the_live_metadata() {
    for seed in 0..40 {
        let (chance, seen) = (SeededChance::new(seed), Seen::default());
        let mut log = MemoryLog::new();
        let mut controller = start(&log, seed, &seen).unwrap();
        for _ in 0..60 {
            log.fails.store(chance.u64().is_multiple_of(10), Ordering::Relaxed);
            wait(something(controller.handle(), &chance));
            log.fails.store(false, Ordering::Relaxed);
            if chance.u64().is_multiple_of(20) {
                controller.stop();
                log = log.restarted();
                controller = start(&log, chance.u64(), &seen).unwrap();
            }
        }
        let live = controller.handle().image();
        let mut replayed = Image::default();
        let mut delta = Delta::default();
        for record in log.records() {
            replayed.apply(&record, &mut delta).unwrap();
        }
        assert_eq!(replayed.topics, live.topics, "seed {seed}");
        assert_eq!(replayed.configs, live.configs, "seed {seed}");
        assert_eq!(replayed.cluster, live.cluster, "seed {seed}");
        assert_eq!(replayed.producer_ids, live.producer_ids, "seed {seed}");
        let partitions: usize = live.topics.iter().map(|topic| topic.partitions.len()).sum();
        assert_eq!(live.topics.partitions(), partitions, "seed {seed}");
        for topic in live.topics.iter() {
            assert!(topic.partitions.keys().copied().eq(0..topic.partitions.len() as i32), "seed {seed}");
        }
        let offsets: Vec<Offset> = seen.0.lock().iter().map(|(offset, _)| *offset).collect();
        assert!(offsets.is_sorted(), "seed {seed}: published in order");
    }
}
