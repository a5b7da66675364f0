//! Groups of the consumer protocol (KIP-848): members heartbeat, the coordinator assigns.
pub mod assignor;
mod change;
mod commit;
mod describe;
mod group;
mod heartbeat;
mod leave;
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

pub use change::{Meets, meet};
pub use commit::Fence;
pub use describe::{DescribedGroup, DescribedMember};
pub use group::{Group, Partitions, State};
pub use member::{Held, Member, MemberId, MemberState, Metadata};
pub use replay::replay;
pub use request::{Heartbeat, HeartbeatReply};
pub use settings::{Bounded, ConsumerSettings, Limits};
pub use soft::{Soft, Timer, due, loaded};

use super::{Group as AnyGroup, GroupId, GroupSettings, Groups, Members, Moment};
use crate::{
    image::Image,
    machine::{Outcome, Turn},
    types::ErrorCode,
    wire::coordinator::GroupRecord,
};
use uuid::Uuid;

#[derive(Clone, Debug)]
pub enum Request {
    Heartbeat(GroupId, Box<Heartbeat>),
    Describe(GroupId),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    Heartbeat(Result<HeartbeatReply, Refused>),
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

/// What decisions about one group look at beside its state.
pub(super) struct Around<'a> {
    pub at: Moment,
    /// Fresh and random.
    pub fresh: Uuid,
    pub image: &'a Image,
    pub settings: &'a GroupSettings,
    pub limits: Limits,
    pub group: &'a GroupId,
}

impl<'a> Around<'a> {
    fn of(group: &'a GroupId, at: Moment, fresh: Uuid, image: &'a Image, settings: &'a GroupSettings) -> Around<'a> {
        Around { at, fresh, image, settings, limits: Limits::of(group, image, &settings.consumer), group }
    }
}

pub(super) fn decide(
    groups: &Groups,
    soft: &mut super::Soft,
    (at, fresh, image, settings): (Moment, Uuid, &Image, &GroupSettings),
    request: Request,
    turn: Turn,
) -> Outcome<GroupRecord, super::Reply> {
    match request {
        Request::Heartbeat(group, ask) => {
            let around = Around::of(&group, at, fresh, image, settings);
            let (records, reply) = match answer(groups, soft, &around, &ask) {
                Ok((records, reply)) => (records, Ok(reply)),
                Err(refused) => (vec![], Err(refused)),
            };
            Outcome::answer(turn, records, super::Reply::Consumer(Reply::Heartbeat(reply)))
        }
        Request::Describe(group) => {
            let around = Around::of(&group, at, fresh, image, settings);
            let described = existing(groups, &group).map(|found| describe::describe(found, &around));
            Outcome::answer(turn, vec![], super::Reply::Consumer(Reply::Described(described)))
        }
    }
}

fn answer(
    groups: &Groups,
    soft: &mut super::Soft,
    around: &Around<'_>,
    ask: &Heartbeat,
) -> Result<(Vec<GroupRecord>, HeartbeatReply), Refused> {
    ask.check(&around.settings.consumer.assignors)?;
    if ask.leaves() {
        let group = existing(groups, around.group)?;
        return leave::leave(group, soft, around, ask);
    }
    if !ask.joins() || existing(groups, around.group).is_ok() {
        return heartbeat::heartbeat(existing(groups, around.group)?, soft, around, ask);
    }
    let mut all = change::make_way(groups, soft, around.group)?;
    let (records, reply) = heartbeat::heartbeat(&Group::default(), soft, around, ask)?;
    soft.classic.forget(around.group);
    all.extend(records);
    Ok((all, reply))
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
