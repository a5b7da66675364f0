//! Groups of the consumer protocol (KIP-848): members heartbeat, the coordinator assigns.
pub mod assignor;
mod classic;
mod commit;
mod describe;
mod group;
mod heartbeat;
mod leave;
mod matching;
mod member;
mod pattern;
mod reconcile;
mod records;
mod replay;
mod request;
mod settings;
mod soft;
mod subscription;
mod target;
mod topics;

pub use classic::{Meets, meet};
pub use commit::Fence;
pub use describe::{DescribedGroup, DescribedMember};
pub use group::{Group, Partitions, State};
pub use matching::Matched;
pub use member::{Held, Member, MemberId, MemberState, Metadata};
pub use pattern::{InvalidPattern, Matcher};
pub use replay::replay;
pub use request::{Heartbeat, HeartbeatReply, is_blank};
pub use settings::{Bounded, ConsumerSettings, Limits, Migration};
pub use soft::{Soft, Timer, due, loaded};

use super::{Asked, Cause, Group as AnyGroup, GroupId, GroupSettings, Groups, Members, Moment, Rebalance, Room};
use crate::{
    image::Image,
    machine::{Outcome, Turn},
    types::ErrorCode,
    wire::coordinator::GroupRecord,
};
use std::sync::Arc;
use uuid::Uuid;

#[derive(Clone, Debug)]
pub enum Request {
    /// With what expressions stand for, as far as that was asked for.
    Heartbeat(GroupId, Arc<Heartbeat>, Matched),
    Describe(GroupId),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    Heartbeat(Result<HeartbeatReply, Refused>),
    /// Nothing was decided: the same is to be asked again with what these expressions stand for.
    Unmatched(Vec<String>),
    Described(Result<DescribedGroup, Refused>),
}

/// Why a request is not done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    pub code: ErrorCode,
    pub message: String,
}

impl Refused {
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Refused {
        Refused { code, message: message.into() }
    }
}

/// Why a heartbeat is not decided.
#[derive(Debug)]
pub(super) enum Stop {
    Refused(Refused),
    /// What these expressions stand for must be known first.
    Unmatched(Vec<String>),
}

impl From<Refused> for Stop {
    fn from(refused: Refused) -> Stop {
        Stop::Refused(refused)
    }
}

/// What decisions about one group look at beside its state.
pub(super) struct Around<'a> {
    pub at: Moment,
    /// Fresh and random.
    pub fresh: Uuid,
    pub image: &'a Image,
    pub settings: &'a GroupSettings,
    pub limits: Limits,
    pub group: &'a GroupId,
    /// What expressions stand for; `None` where nobody can be asked for it, and they stand for what they stood for.
    pub matched: Option<&'a Matched>,
}

impl<'a> Around<'a> {
    fn of(group: &'a GroupId, at: Moment, fresh: Uuid, image: &'a Image, settings: &'a GroupSettings) -> Around<'a> {
        Around {
            at,
            fresh,
            image,
            settings,
            limits: Limits::of(group, image, &settings.consumer),
            group,
            matched: None,
        }
    }

    /// For the rules of the classic protocol.
    fn asked(&self) -> Asked<'a> {
        Asked { at: self.at, id: self.fresh, settings: self.settings }
    }

    /// Why an epoch ended, and whose doing it was.
    fn rebalance(&self, epoch: i32, whose: &str, cause: Cause, words: String) -> Rebalance {
        Rebalance { at_ms: self.at.wall_ms, generation: epoch, member_id: whose.into(), cause, words }
    }

    /// GRP-18: a change that the journal would refuse is not tried; a failed write costs other groups their joins.
    fn has_room(&self, records: &[GroupRecord]) -> bool {
        Room::has_all(self.image, self.settings, records)
    }
}

/// What is written, and who is answered beside the one who asked.
type Decided = Outcome<GroupRecord, super::Reply>;

pub(super) fn decide(
    groups: &Groups,
    soft: &mut super::Soft,
    (at, fresh, image, settings): (Moment, Uuid, &Image, &GroupSettings),
    request: Request,
    turn: Turn,
) -> Decided {
    match request {
        Request::Heartbeat(group, ask, matched) => {
            let around = Around::of(&group, at, fresh, image, settings);
            let around = Around { matched: Some(&matched), ..around };
            let (mut decided, reply) = match answer(groups, soft, &around, &ask) {
                Ok((decided, reply)) => (decided, Reply::Heartbeat(Ok(reply))),
                Err(Stop::Refused(refused)) => (Outcome::park(), Reply::Heartbeat(Err(refused))),
                Err(Stop::Unmatched(texts)) => (Outcome::park(), Reply::Unmatched(texts)),
            };
            decided.answers.push((turn.ticket, super::Reply::Consumer(reply)));
            decided
        }
        Request::Describe(group) => {
            let around = Around::of(&group, at, fresh, image, settings);
            let described = existing(groups, &group).map(|found| describe::describe(found, &soft.consumer, &around));
            Outcome::answer(turn, vec![], super::Reply::Consumer(Reply::Described(described)))
        }
    }
}

fn answer(
    groups: &Groups,
    soft: &mut super::Soft,
    around: &Around<'_>,
    ask: &Heartbeat,
) -> Result<(Decided, HeartbeatReply), Stop> {
    ask.check(&around.settings.consumer.assignors)?;
    if ask.leaves() {
        let group = existing(groups, around.group)?;
        return Ok(leave::leave(group, soft, around, ask)?);
    }
    if !ask.joins() || existing(groups, around.group).is_ok() {
        let (records, reply) = heartbeat::heartbeat(existing(groups, around.group)?, soft, around, ask)?;
        check_size(around, &records)?;
        return Ok((Outcome { records, answers: vec![] }, reply));
    }
    let (group, mut records) = classic::upgrade(groups, soft, around)?;
    let (since, reply) = heartbeat::heartbeat(&group, soft, around, ask)?;
    records.extend(since);
    check_size(around, &records)?;
    let answers = classic::upgraded(&group, soft, around, ask);
    Ok((Outcome { records, answers }, reply))
}

fn check_size(around: &Around<'_>, records: &[GroupRecord]) -> Result<(), Refused> {
    if around.has_room(records) {
        return Ok(());
    }
    let why = "the group's records are more than its journal takes at once";
    Err(Refused::new(ErrorCode::UnknownServerError, why))
}

/// The group of this id, if it is one of this protocol.
fn existing<'a>(groups: &'a Groups, id: &GroupId) -> Result<&'a Group, Refused> {
    let missing = |why: &str| Refused::new(ErrorCode::GroupIdNotFound, format!("Group {id} {why}."));
    match groups.by_id.get(id) {
        None => Err(missing("not found")),
        Some(AnyGroup { members: Members::Consumer(group), .. }) => Ok(group),
        Some(_) => Err(missing("is not a consumer group")),
    }
}

#[cfg(test)]
mod tests;
