//! The rules of the cluster, one by one, on images made by records.
mod brokers;
mod configs;
mod deletion;
mod elections;
mod features;
mod partitions;
mod reassignments;
mod topics;

use super::{Operation, Reply, Rules, SettingRules, *};
use crate::{
    image::{Image, Resource, ResourceKind, Settings},
    machine::{Journal, NotWritten, Pending, Runtime},
    types::{ErrorCode, NodeId, Offset, TopicId},
    wire::metadata::{FeatureRange, MetadataRecord},
};
use std::{cell::Cell, rc::Rc, sync::Arc};
use uuid::Uuid;

/// Knows `retention.ms` (a number) and `cleanup.policy` (a list), of every resource.
struct Two;

impl SettingRules for Two {
    fn check(&self, _: &Resource, settings: &Settings) -> Result<(), Refused> {
        for (name, value) in settings {
            match name.as_str() {
                "retention.ms" if value.parse::<i64>().is_ok() => {}
                "cleanup.policy" if value.split(',').all(|one| ["compact", "delete", ""].contains(&one)) => {}
                _ => {
                    let text = format!("Invalid value {value} for configuration {name}");
                    return Err(Refused::new(ErrorCode::InvalidConfig, text));
                }
            }
        }
        Ok(())
    }

    fn list_default(&self, _: ResourceKind, name: &str) -> Option<String> {
        (name == "cleanup.policy").then(|| "delete".into())
    }

    fn unclean_election(&self, _: &Image, topic: &str) -> bool {
        topic.ends_with("unclean")
    }
}

/// Everything is committed at once.
struct Committed {
    end: Rc<Cell<Offset>>,
    mark: Arc<crate::log::Watermark>,
}

impl Journal<MetadataRecord> for Committed {
    fn append(&mut self, records: &[MetadataRecord]) -> Result<Offset, NotWritten> {
        let base = self.end.get();
        self.end.set(base.plus(records.len() as i64));
        Ok(base)
    }

    fn end(&self) -> Offset {
        self.end.get()
    }

    fn committed(&self) -> &Arc<crate::log::Watermark> {
        &self.mark
    }
}

/// A controller with some brokers, fenced or active.
struct Cluster {
    runtime: Runtime<Metadata, Committed>,
    end: Rc<Cell<Offset>>,
    next_id: u128,
}

fn range(name: &str, min_supported_version: i16, max_supported_version: i16) -> FeatureRange {
    FeatureRange { name: name.into(), min_supported_version, max_supported_version }
}

fn ranges() -> Vec<FeatureRange> {
    vec![range("metadata.version", METADATA_VERSION_MIN, METADATA_VERSION), range("group.version", 0, 1)]
}

impl Cluster {
    fn of(active: &[i32]) -> Cluster {
        Self::with(active, |_| {})
    }

    fn with(active: &[i32], change: impl FnOnce(&mut Rules)) -> Cluster {
        let mut rules = Rules {
            partitions_default: 3,
            replication_default: 1,
            topic_deletion: true,
            settings: Arc::new(Two),
            features: ranges(),
        };
        change(&mut rules);
        let end = Rc::new(Cell::new(Offset::ZERO));
        let journal = Committed { end: end.clone(), mark: crate::log::Watermark::new(Offset::MAX) };
        let runtime = Runtime::new(Metadata { rules }, Hard::default(), journal);
        let mut cluster = Cluster { runtime, end, next_id: 1_000 };
        cluster.run(Operation::Bootstrap { levels: vec![] });
        for id in active {
            cluster.register(*id);
            cluster.admit(*id, false);
        }
        cluster
    }

    fn run(&mut self, operation: Operation) -> Reply {
        let pending: Pending<Reply> = self.runtime.run(operation);
        pending.before_commit().unwrap().unwrap()
    }

    fn image(&self) -> &Image {
        &self.runtime.hard().image
    }

    fn register(&mut self, id: i32) -> i64 {
        let registration = BrokerRegistration {
            id: NodeId(id),
            incarnation: Uuid::from_u128(7),
            endpoints: vec![],
            features: ranges(),
            rack: None,
            directories: vec![Uuid::from_u128(100 + id as u128)],
            cordoned: vec![],
        };
        match self.run(Operation::RegisterBroker(registration)) {
            Reply::Registered(Ok(epoch)) => epoch,
            other => panic!("{other:?}"),
        }
    }

    fn admit(&mut self, id: i32, new_terms: bool) -> usize {
        let (id, mut from, mut times) = (NodeId(id), None, 0);
        let epoch = self.image().cluster.broker(id).unwrap().epoch;
        loop {
            times += 1;
            match self.run(Operation::AdmitBroker(Admission { id, epoch, new_terms, from })) {
                Reply::Admitted(Ok(Admitted::Whole)) => return times,
                Reply::Admitted(Ok(Admitted::UpTo(topic, partition))) => from = Some((topic, partition)),
                other => panic!("{other:?}"),
            }
        }
    }

    fn create_request(&mut self, request: CreateTopics) -> Result<Vec<TopicCreated>, Refused> {
        let mut id = || {
            self.next_id += 1;
            TopicId(Uuid::from_u128(self.next_id))
        };
        let ids = request.topics.iter().map(|_| id()).collect();
        match self.run(Operation::CreateTopics { request, ids, seed: 0 }) {
            Reply::Topics(answer) => answer,
            other => panic!("{other:?}"),
        }
    }

    fn create(&mut self, topics: Vec<NewTopic>) -> Vec<Result<NewTopicFacts, Refused>> {
        let answer = self.create_request(CreateTopics { topics, validate_only: false }).unwrap();
        answer.into_iter().map(|one| one.result).collect()
    }

    fn create_one(&mut self, topic: NewTopic) -> Result<NewTopicFacts, Refused> {
        self.create(vec![topic]).remove(0)
    }

    /// Records from elsewhere: what a broker says of its replicas, say.
    fn apply(&mut self, records: Vec<MetadataRecord>) {
        let base = self.end.get();
        self.end.set(base.plus(records.len() as i64));
        self.runtime.hard_mut().replay(base, records).unwrap();
    }

    fn seen(&self, topic: &str) -> Vec<crate::image::Partition> {
        self.image().topics.named(topic).unwrap().partitions.values().cloned().collect()
    }

    fn replicas(&self, topic: &str) -> Vec<Vec<i32>> {
        let topic = self.image().topics.named(topic).unwrap();
        topic.partitions.values().map(|one| one.replicas.as_slice().to_vec()).collect()
    }
}

fn topic(name: &str) -> NewTopic {
    NewTopic::named(name)
}

fn sized(name: &str, partitions: i32, replication_factor: i16) -> NewTopic {
    NewTopic { partitions, replication_factor, ..topic(name) }
}

fn assigned(name: &str, assignments: &[(i32, &[i32])]) -> NewTopic {
    let assignments = assignments.iter().map(|(number, replicas)| (*number, replicas.to_vec())).collect();
    NewTopic { assignments, ..topic(name) }
}

fn code<T: std::fmt::Debug>(result: &Result<T, Refused>) -> ErrorCode {
    result.as_ref().err().map_or(ErrorCode::None, |refused| refused.code)
}

fn text<T: std::fmt::Debug>(result: &Result<T, Refused>) -> &str {
    result.as_ref().err().map_or("", |refused| refused.message.as_str())
}
