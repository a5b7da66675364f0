//! What a group's members mean for its offsets: who may commit, fetch and delete them, and what they keep alive.
use super::{Commit, Durability};
use crate::{
    coordinator::group::{
        Groups, Members, Moment, Soft,
        classic::{self, State},
        consumer::{self, Fence},
    },
    types::ErrorCode,
    wire::coordinator::{GroupKey, GroupRecord},
};
use std::collections::BTreeSet;

/// From when on the broker's retention counts (KIP-211).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expires {
    Never,
    /// From each offset's own commit.
    SinceCommit,
    /// From the moment, in milliseconds since 1970, when the group became empty.
    SinceEmpty(i64),
}

/// What members of a group read.
pub enum Subscribed<'a> {
    To(BTreeSet<String>),
    /// As its members say, by name or by a regular expression.
    As(&'a consumer::Group),
    /// They are consumers, and what one of them says cannot be read.
    Unreadable,
    /// Their protocol keeps it to itself.
    Unknown,
}

impl Subscribed<'_> {
    pub fn to(&self, topic: &str) -> bool {
        match self {
            Subscribed::To(topics) => topics.contains(topic),
            Subscribed::As(group) => group.is_subscribed(topic),
            Subscribed::Unreadable | Subscribed::Unknown => true,
        }
    }
}

/// The members of one group, as far as offsets look at them.
pub enum Standing<'a> {
    /// Nobody ever joined.
    Simple,
    /// Before the end of its first rebalance there is no record, only the group at work.
    Classic {
        record: Option<&'a classic::Group>,
        live: Option<&'a classic::Live>,
    },
    Consumer(&'a consumer::Group),
}

impl<'a> Standing<'a> {
    /// `None`: there is no such group.
    pub fn of(groups: &'a Groups, soft: &'a Soft, id: &str) -> Option<Standing<'a>> {
        let live = soft.classic.get(groups, id);
        match groups.by_id.get(id).map(|group| &group.members) {
            Some(Members::Consumer(group)) => Some(Standing::Consumer(group)),
            Some(Members::Classic(record)) => Some(Standing::Classic { record: Some(record), live }),
            None | Some(Members::None) if live.is_some_and(|live| !live.is_idle()) => {
                Some(Standing::Classic { record: None, live })
            }
            Some(Members::None) => Some(Standing::Simple),
            None => None,
        }
    }

    /// Whether the committer may commit offsets of this group (GRP-15).
    pub fn validate_commit(&self, commit: &Commit) -> Result<Fence, ErrorCode> {
        let committer = &commit.committer;
        let in_transaction = matches!(commit.durability, Durability::InTransaction(_));
        match self {
            Standing::Consumer(group) => group.validate_commit(
                &committer.member_id,
                committer.instance_id.as_deref(),
                committer.generation,
                commit.version >= 9,
                in_transaction,
            ),
            Standing::Simple if committer.generation < 0 => Ok(Fence::Open),
            Standing::Simple => Err(ErrorCode::UnknownMemberId),
            Standing::Classic { record, live } => {
                let asked = classic::Commit {
                    member_id: &committer.member_id,
                    instance_id: committer.instance_id.as_deref(),
                    generation: committer.generation,
                    is_transactional: in_transaction,
                };
                let none = classic::Group::default();
                classic::validate_commit(record.unwrap_or(&none), *live, asked).map(|()| Fence::Open)
            }
        }
    }

    /// Whether a member, or nobody in particular, may see the offsets (GRP-23).
    pub fn validate_fetch(&self, member_id: Option<&str>, member_epoch: i32) -> Result<(), ErrorCode> {
        match self {
            Standing::Consumer(group) => group.validate_fetch(member_id, member_epoch),
            Standing::Simple | Standing::Classic { .. } => Ok(()),
        }
    }

    pub fn has_members(&self) -> bool {
        match self {
            Standing::Simple => false,
            Standing::Consumer(group) => !group.is_empty(),
            // Who was given an id and did not come back with it is none.
            Standing::Classic { live: Some(live), .. } => live.state != State::Empty,
            Standing::Classic { record, live: None } => record.is_some_and(|record| !record.members.is_empty()),
        }
    }

    pub fn subscribed(&self) -> Subscribed<'a> {
        let topics = match self {
            _ if !self.has_members() => Some(BTreeSet::new()),
            Standing::Simple => Some(BTreeSet::new()),
            Standing::Consumer(group) => return Subscribed::As(group),
            Standing::Classic { record, live } => {
                let none = classic::Group::default();
                let record = record.unwrap_or(&none);
                match classic::subscribed_topics(record, *live) {
                    None if classic::is_of_consumers(record, *live) => return Subscribed::Unreadable,
                    topics => topics,
                }
            }
        };
        topics.map_or(Subscribed::Unknown, Subscribed::To)
    }

    pub fn expires(&self) -> Expires {
        match self {
            Standing::Simple | Standing::Consumer(_) => Expires::SinceCommit,
            Standing::Classic { record: None, .. } => Expires::Never,
            Standing::Classic { record: Some(record), live } => match classic::is_empty_since(record, *live) {
                Some(0..) if record.protocol_type.is_empty() => Expires::SinceCommit,
                Some(at @ 0..) => Expires::SinceEmpty(at),
                // Brokers before 2.1 did not write it down.
                Some(_) => Expires::SinceCommit,
                None if live.is_none_or(|live| live.state == State::Stable) => match self.subscribed() {
                    Subscribed::To(_) | Subscribed::As(_) => Expires::SinceCommit,
                    Subscribed::Unreadable | Subscribed::Unknown => Expires::Never,
                },
                None => Expires::Never,
            },
        }
    }

    /// Tombstones of what the group is beside its offsets.
    pub fn tombstones(&self, id: &str) -> Vec<GroupRecord> {
        match self {
            // Whether or not there is a record: this is what makes the group go.
            Standing::Simple | Standing::Classic { .. } => {
                vec![GroupRecord::GroupMetadata(GroupKey { group: id.into() }, None)]
            }
            Standing::Consumer(group) => group.tombstones(id),
        }
    }
}

/// Whether the committer may commit offsets of its group, which its first commit makes when nobody joins it (GRP-15).
pub fn validate_commit(groups: &Groups, soft: &Soft, commit: &Commit) -> Result<Fence, ErrorCode> {
    match Standing::of(groups, soft, &commit.group) {
        Some(standing) => standing.validate_commit(commit).map_err(|code| told(commit, code)),
        None if commit.committer.generation < 0 => Ok(Fence::Open),
        None => {
            let transaction = matches!(commit.durability, Durability::InTransaction(_));
            let told = commit.version >= 9 && !transaction;
            Err(if told { ErrorCode::GroupIdNotFound } else { ErrorCode::IllegalGeneration })
        }
    }
}

/// A member is alive that commits; what commits within a transaction is a producer.
pub fn heard(groups: &Groups, soft: &mut Soft, at: Moment, commit: &Commit) {
    let is_member =
        !commit.committer.member_id.is_empty() && !matches!(commit.durability, Durability::InTransaction(_));
    if is_member && let Some((id, _)) = groups.by_id.get_key_value(&*commit.group) {
        classic::heard(soft, id, &commit.committer.member_id, at);
    }
}

/// The group is deleted: what was at work of it goes too.
pub fn forget(soft: &mut Soft, id: &str) {
    soft.classic.forget(id);
    soft.consumer.forget(id);
}

/// Versions of TxnOffsetCommit before 6 have no word for a stale epoch.
pub fn told(commit: &Commit, code: ErrorCode) -> ErrorCode {
    match (code, commit.durability) {
        (ErrorCode::StaleMemberEpoch, Durability::InTransaction(_)) => ErrorCode::IllegalGeneration,
        _ => code,
    }
}
