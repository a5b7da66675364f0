//! What a group's members mean for its offsets: who may commit, fetch and delete them, and what they keep alive.
use super::{Around, Commit, Durability};
use crate::{
    coordinator::group::{Group, Groups, Soft},
    types::{ErrorCode, TopicId},
    wire::coordinator::GroupRecord,
};

/// Which partitions an accepted committer may commit.
pub enum Fence {
    Open,
}

impl Fence {
    pub fn check(&self, _topic: TopicId, _partition: i32) -> Result<(), ErrorCode> {
        match self {
            Fence::Open => Ok(()),
        }
    }
}

/// From when on the broker's retention counts (KIP-211).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expires {
    Never,
    /// From each offset's own commit.
    SinceCommit,
    /// From the moment, in milliseconds since 1970, when the group became empty.
    SinceEmpty(i64),
}

impl Groups {
    /// Whether the committer may commit offsets of its group (GRP-15). A member is alive that commits.
    pub fn validate_commit(&self, _soft: &mut Soft, _around: Around<'_>, commit: &Commit) -> Result<Fence, ErrorCode> {
        let transaction = matches!(commit.durability, Durability::InTransaction(_));
        let without_members = commit.committer.generation < 0;
        match self.by_id.get(&*commit.group) {
            Some(_) if without_members => Ok(Fence::Open),
            Some(_) => Err(ErrorCode::UnknownMemberId),
            // The first commit of a consumer without a group makes the group.
            None if without_members => Ok(Fence::Open),
            None if commit.version >= 9 && !transaction => Err(ErrorCode::GroupIdNotFound),
            None => Err(ErrorCode::IllegalGeneration),
        }
    }
}

impl Group {
    /// Whether a member, or nobody in particular, may see the offsets (GRP-23).
    pub fn validate_fetch(&self, _member_id: Option<&str>, _member_epoch: i32) -> Result<(), ErrorCode> {
        Ok(())
    }

    pub fn has_members(&self) -> bool {
        false
    }

    /// Whether offsets may be deleted while there are members: theirs must be a protocol whose subscriptions we know.
    pub fn knows_subscriptions(&self) -> bool {
        true
    }

    pub fn subscribes(&self, _topic: &str) -> bool {
        false
    }

    pub fn expires(&self) -> Expires {
        Expires::SinceCommit
    }

    /// Tombstones of what the group is beside its offsets.
    pub fn tombstones(&self, _id: &str) -> Vec<GroupRecord> {
        Vec::new()
    }
}
