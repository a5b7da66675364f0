//! Which offsets a member may commit and see (CG-6, KIP-1251).
use super::{group::Group, member::Member};
use crate::types::{ErrorCode, TopicId};

/// Since when one may have committed what is committed now.
pub enum Fence {
    Open,
    /// A member that does not know its newest epoch yet: only what it has had since the one it names.
    Since {
        member: Box<Member>,
        epoch: i32,
    },
}

impl Fence {
    pub fn check(&self, topic: TopicId, partition: i32) -> Result<(), ErrorCode> {
        let Fence::Since { member, epoch } = self else { return Ok(()) };
        let mut held = member.current.held().filter(|(held, _)| **held == topic);
        let since = held.find_map(|(_, partitions)| partitions.get(&partition));
        if since.is_some_and(|since| since <= epoch) { Ok(()) } else { Err(stale(member)) }
    }
}

/// Members of the classic protocol have generations.
fn stale(member: &Member) -> ErrorCode {
    if member.metadata.classic.is_some() { ErrorCode::IllegalGeneration } else { ErrorCode::StaleMemberEpoch }
}

impl Group {
    /// `tells_epochs`: the request's version can carry a member epoch; what commits within a transaction always can.
    pub fn validate_commit(
        &self,
        member_id: &str,
        instance_id: Option<&str>,
        epoch: i32,
        tells_epochs: bool,
        in_transaction: bool,
    ) -> Result<Fence, ErrorCode> {
        if epoch < 0 && self.is_empty() {
            return Ok(Fence::Open);
        }
        // Producers of before KIP-447 name no member.
        if in_transaction && epoch == -1 && member_id.is_empty() && instance_id.is_none() {
            return Ok(Fence::Open);
        }
        let member = self.member(member_id).ok_or(ErrorCode::UnknownMemberId)?;
        if !tells_epochs && !in_transaction && member.metadata.classic.is_none() {
            return Err(ErrorCode::UnsupportedVersion);
        }
        match epoch.cmp(&member.current.epoch) {
            std::cmp::Ordering::Equal => Ok(Fence::Open),
            std::cmp::Ordering::Greater => Err(stale(member)),
            std::cmp::Ordering::Less => Ok(Fence::Since { member: Box::new(member.clone()), epoch }),
        }
    }

    /// Whether the member may see the group's offsets; without one everybody may.
    pub fn validate_fetch(&self, member_id: Option<&str>, epoch: i32) -> Result<(), ErrorCode> {
        if member_id.is_none() && epoch < 0 {
            return Ok(());
        }
        let member = self.member(member_id.unwrap_or_default()).ok_or(ErrorCode::UnknownMemberId)?;
        if member.current.epoch == epoch { Ok(()) } else { Err(stale(member)) }
    }
}
