//! One shard of groups as a machine: every request is decided here, every record replayed here.
use super::{GroupSettings, Groups, Soft, Timer, consumer, offsets};
use crate::{
    image::Image,
    machine::{Machine, Outcome, Turn},
    types::Offset,
    wire::coordinator::GroupRecord,
};
use std::sync::Arc;
use uuid::Uuid;

/// When something is decided: wall time for what is written down, monotonic time for timers (OPS-8).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moment {
    pub wall_ms: i64,
    pub monotonic_ms: u64,
}

/// One thing asked of a shard. What is random or known elsewhere comes with it, so that deciding is pure.
#[derive(Clone)]
pub struct Op {
    pub at: Moment,
    /// Fresh and random: for a member id, should one be given out.
    pub id: Uuid,
    /// The committed metadata: which topics exist and how many partitions they have.
    pub image: Arc<Image>,
    pub settings: Arc<GroupSettings>,
    pub request: Request,
}

#[derive(Clone, Debug)]
pub enum Request {
    /// The shard's records were replayed and it begins to serve: members get their timers anew (GRP-20).
    Loaded,
    /// A timer is due: the first of those due at `Op::at` is handled. Asked again while `Soft::timers` has more.
    Due,
    Offsets(offsets::Request),
    Consumer(consumer::Request),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    Done,
    Offsets(offsets::Reply),
    Consumer(consumer::Reply),
}

/// The rules have no state of their own.
pub struct GroupMachine;

/// Replay takes every record that Kafka's own replay takes, so it never faults (GRP-19).
#[derive(Debug, thiserror::Error)]
pub enum Never {}

impl Machine for GroupMachine {
    type Hard = Groups;
    type Soft = Soft;
    type Record = GroupRecord;
    type Op = Op;
    type Reply = Reply;
    type Fault = Never;

    fn decide(&self, hard: &Groups, soft: &mut Soft, op: Op, turn: Turn) -> Outcome<GroupRecord, Reply> {
        let around = offsets::Around { at: op.at, image: &op.image, settings: &op.settings };
        match op.request {
            Request::Loaded => {
                soft.timers.set(Timer::Expiry, op.at.monotonic_ms + op.settings.offsets_retention_check_ms);
                consumer::loaded(hard, soft, op.at, &op.image, &op.settings);
                Outcome::answer(turn, vec![], Reply::Done)
            }
            Request::Due => {
                let records = match soft.timers.take_due(op.at.monotonic_ms) {
                    Some(Timer::Expiry) => offsets::sweep(hard, soft, around),
                    Some(Timer::Consumer(id, timer)) => {
                        consumer::due(hard, soft, (&id, timer), (op.at, &op.image, &op.settings))
                    }
                    None => vec![],
                };
                Outcome::answer(turn, records, Reply::Done)
            }
            Request::Offsets(request) => {
                let (records, reply) = offsets::decide(hard, soft, around, request);
                Outcome::answer(turn, records, Reply::Offsets(reply))
            }
            Request::Consumer(request) => {
                consumer::decide(hard, soft, (op.at, op.id, &op.image, &op.settings), request, turn)
            }
        }
    }

    fn replay(&self, hard: &mut Groups, base: Offset, records: Vec<GroupRecord>) -> Result<(), Never> {
        for (at, record) in records.iter().enumerate() {
            offsets::replay(hard, base.plus(at as i64), record);
            consumer::replay(hard, record);
        }
        Ok(())
    }
}
