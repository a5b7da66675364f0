//! One shard of groups as a machine: every request is decided here, every record replayed here.
use super::{GroupSettings, Groups, Soft, Timer, classic, consumer, listing, offsets};
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
    Classic(classic::Request),
    /// Which groups there are.
    List(listing::Filter),
    Consumer(consumer::Request),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    Done,
    Offsets(offsets::Reply),
    Consumer(consumer::Reply),
    Classic(classic::Reply),
    Listed(Vec<listing::Listed>),
}

/// What came with a request, for the rules of one protocol.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    pub at: Moment,
    pub id: Uuid,
    pub settings: &'a GroupSettings,
}

/// The rules have no state of their own.
#[derive(Clone, Copy)]
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
        let asked = Asked { at: op.at, id: op.id, settings: &op.settings };
        let around = offsets::Around { at: op.at, image: &op.image, settings: &op.settings };
        match op.request {
            Request::Loaded => {
                soft.timers.set(Timer::Expiry, op.at.monotonic_ms + op.settings.offsets_retention_check_ms);
                consumer::loaded(hard, soft, op.at, &op.image, &op.settings);
                done(turn, classic::loaded(hard, soft, asked))
            }
            Request::Offsets(request) => {
                let (records, reply) = offsets::decide(hard, soft, around, request);
                Outcome::answer(turn, records, Reply::Offsets(reply))
            }
            Request::Due => done(turn, due(hard, soft, asked, around)),
            Request::Classic(request) => {
                let around = (op.at, op.id, &*op.image, &*op.settings);
                let members = hard.by_id.get(request.group()).map(|group| &group.members);
                match consumer::meet(members, soft, around, &request, turn.ticket) {
                    consumer::Meets::Members(decided) => decided,
                    consumer::Meets::Nobody => classic::decide(hard, members, soft, asked, request, turn),
                    consumer::Meets::Empty(records) => begin_classic(hard, soft, asked, (request, turn), records),
                }
            }
            Request::List(filter) => Outcome::answer(turn, vec![], Reply::Listed(listing::list(hard, soft, &filter))),
            Request::Consumer(request) => {
                consumer::decide(hard, soft, (op.at, op.id, &op.image, &op.settings), request, turn)
            }
        }
    }

    fn replay(&self, hard: &mut Groups, base: Offset, records: Vec<GroupRecord>) -> Result<(), Never> {
        for (number, record) in records.into_iter().enumerate() {
            match record {
                GroupRecord::GroupMetadata(key, value) => classic::replay(hard, key.group, value),
                other => {
                    offsets::replay(hard, base.plus(number as i64), &other);
                    consumer::replay(hard, &other);
                }
            }
        }
        Ok(())
    }
}

/// Handles the first timer that is due.
fn due(hard: &Groups, soft: &mut Soft, asked: Asked<'_>, around: offsets::Around<'_>) -> Outcome<GroupRecord, Reply> {
    let now_ms = asked.at.monotonic_ms;
    let late_ms = soft.timers.next().map_or(0, |at_ms| now_ms.saturating_sub(at_ms));
    match soft.timers.take_due(now_ms) {
        Some(Timer::Expiry) => Outcome { records: offsets::sweep(hard, soft, around), answers: vec![] },
        Some(Timer::Consumer(id, timer)) => {
            let around = (around.at, around.image, around.settings);
            consumer::due(hard, soft, (&id, timer, late_ms), around)
        }
        Some(Timer::Classic(id, due)) => classic::due(hard, soft, asked, &id, due, late_ms),
        None => Outcome::park(),
    }
}

/// Somebody of the classic protocol asks an empty consumer group, whose records end if that makes a classic one of it.
fn begin_classic(
    hard: &Groups,
    soft: &mut Soft,
    asked: Asked<'_>,
    (request, turn): (classic::Request, Turn),
    mut ending: Vec<GroupRecord>,
) -> Outcome<GroupRecord, Reply> {
    let id = request.group().clone();
    let members = hard.by_id.get(&id).map(|group| &group.members);
    let decided = classic::decide(hard, members, soft, asked, request, turn);
    if soft.classic.get(hard, &id).is_none() {
        return decided;
    }
    soft.consumer.forget(&id);
    ending.extend(decided.records);
    Outcome { records: ending, ..decided }
}

/// Whoever looks after the timers is told, beside those who waited.
fn done(turn: Turn, mut outcome: Outcome<GroupRecord, Reply>) -> Outcome<GroupRecord, Reply> {
    outcome.answers.push((turn.ticket, Reply::Done));
    outcome
}
