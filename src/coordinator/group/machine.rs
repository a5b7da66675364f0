//! One shard of groups as a machine: every request is decided here, every record replayed here.
use super::{GroupSettings, Groups, Soft, Timer};
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
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    Done,
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

    fn decide(&self, _hard: &Groups, soft: &mut Soft, op: Op, turn: Turn) -> Outcome<GroupRecord, Reply> {
        match op.request {
            Request::Loaded => {
                soft.timers.set(Timer::Expiry, op.at.monotonic_ms + op.settings.offsets_retention_check_ms);
                Outcome::answer(turn, vec![], Reply::Done)
            }
            Request::Due => {
                if let Some(Timer::Expiry) = soft.timers.take_due(op.at.monotonic_ms) {
                    soft.timers.set(Timer::Expiry, op.at.monotonic_ms + op.settings.offsets_retention_check_ms);
                }
                Outcome::answer(turn, vec![], Reply::Done)
            }
        }
    }

    fn replay(&self, _hard: &mut Groups, _base: Offset, _records: Vec<GroupRecord>) -> Result<(), Never> {
        Ok(())
    }
}
