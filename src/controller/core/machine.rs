//! The controller as a machine on the metadata log.
use super::{
    Operation, RECORDS_PER_OPERATION_MAX, Refused, Reply, Rules, brokers, configs, elections, features, partitions,
    reassignments, topics,
};
use crate::{
    image::{Delta, Image, ReplayError, Transactions},
    machine::{Machine, Outcome, Turn},
    types::{ErrorCode, LeaderEpoch, Offset},
    wire::metadata::MetadataRecord,
};
use std::{collections::VecDeque, sync::Arc};

/// The rules of the cluster.
pub struct Metadata {
    pub rules: Rules,
}

/// The metadata with all that is written, committed or not; and what was not published yet.
#[derive(Default)]
pub struct Hard {
    pub image: Image,
    /// Of the leader whose records are replayed; set by whoever reads the log.
    pub epoch: LeaderEpoch,
    transactions: Transactions,
    /// Oldest first; taken by the publisher as they are committed.
    pub changes: VecDeque<Change>,
}

/// What one group of records changed.
pub struct Change {
    /// The group is below this.
    pub end: Offset,
    pub delta: Delta,
    /// The metadata with it.
    pub image: Arc<Image>,
}

impl Hard {
    /// One group of records, appended as one.
    pub fn replay(&mut self, base: Offset, records: Vec<MetadataRecord>) -> Result<(), ReplayError> {
        if records.is_empty() {
            return Ok(());
        }
        let end = base.plus(records.len() as i64);
        let mut delta = Delta::default();
        for record in records {
            for record in self.transactions.pass(record) {
                self.image.apply(&record, &mut delta)?;
            }
        }
        self.image.advance(Offset::new(end.get() - 1), self.epoch);
        self.changes.push_back(Change { end, delta, image: Arc::new(self.image.clone()) });
        Ok(())
    }

    /// A transaction that its leader did not end is open: a new leader aborts it before it writes.
    pub fn transaction_is_open(&self) -> bool {
        self.transactions.is_open()
    }

    /// The changes below `committed` as one: what to publish now.
    pub fn take_committed(&mut self, committed: Offset) -> Option<Change> {
        let mut joined: Option<Change> = None;
        while let Some(next) = self.changes.pop_front_if(|change| change.end <= committed) {
            match &mut joined {
                None => joined = Some(next),
                Some(joined) => {
                    joined.delta.then(next.delta);
                    joined.end = next.end;
                    joined.image = next.image;
                }
            }
        }
        joined
    }
}

impl Machine for Metadata {
    type Hard = Hard;
    type Soft = ();
    type Record = MetadataRecord;
    type Op = Operation;
    type Reply = Reply;
    type Fault = ReplayError;

    fn decide(&self, hard: &Hard, _: &mut (), op: Operation, turn: Turn) -> Outcome<MetadataRecord, Reply> {
        let (image, rules) = (&hard.image, &self.rules);
        let validates_only = op.validates_only();
        let (mut records, reply) = match op {
            Operation::Bootstrap { levels } => whole(features::bootstrap(image, rules, levels), Reply::Done),
            Operation::RegisterController(request) => whole(brokers::register_controller(request), Reply::Done),
            Operation::RegisterBroker(request) => {
                whole(brokers::register(image, request, turn.next), Reply::Registered)
            }
            Operation::AdmitBroker(request) => whole(brokers::admit(image, &request), Reply::Admitted),
            Operation::CordonDirectories(request) => whole(brokers::cordon(image, request), Reply::Done),
            Operation::CreateTopics { request, ids, seed } => {
                whole(topics::create(image, rules, request, &ids, seed), Reply::Topics)
            }
            Operation::CreatePartitions { request, seed } => {
                whole(partitions::create(image, request, seed), Reply::Partitions)
            }
            Operation::DeleteTopics { topics } => whole(topics::delete(image, rules, topics), Reply::Deleted),
            Operation::AlterConfigs(request) => whole(configs::alter(image, rules, request), Reply::Configs),
            Operation::AllocateProducerIds { broker, broker_epoch } => {
                whole(brokers::allocate_producer_ids(image, broker, broker_epoch), Reply::ProducerIds)
            }
            Operation::UpdateFeatures(request) => whole(features::update(image, rules, request), Reply::Done),
            Operation::ElectLeaders(request) => whole(Ok(elections::elect(image, request)), Reply::OfPartitions),
            Operation::ReassignPartitions(request) => {
                whole(Ok(reassignments::alter(image, rules, request)), Reply::OfPartitions)
            }
        };
        if validates_only {
            // Decided and counted as the real one, so that the answer is the same.
            records.clear();
        }
        Outcome::answer(turn, records, reply)
    }

    fn replay(&self, hard: &mut Hard, base: Offset, records: Vec<MetadataRecord>) -> Result<(), ReplayError> {
        hard.replay(base, records)
    }
}

/// Makes an operation count whole or not at all (CTL-10).
fn whole<T>(
    decided: Result<super::operation::Decided<T>, Refused>,
    reply: impl FnOnce(Result<T, Refused>) -> Reply,
) -> (Vec<MetadataRecord>, Reply) {
    match decided {
        Ok((records, _)) if records.len() > RECORDS_PER_OPERATION_MAX => {
            let text = "Unable to perform excessively large batch operation.";
            (Vec::new(), reply(Err(Refused::new(ErrorCode::PolicyViolation, text))))
        }
        Ok((records, answer)) => (records, reply(Ok(answer))),
        Err(refused) => (Vec::new(), reply(Err(refused))),
    }
}
