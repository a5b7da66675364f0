//! What committed offsets need to know of a classic group: who may commit, what is subscribed, since when it is empty.
use super::{Due, Group, Live, State};
use crate::{
    coordinator::group::{GroupId, Moment, Soft, Timer},
    types::ErrorCode,
    wire::embedded::Subscription,
};
use std::{borrow::Cow, collections::BTreeSet};

/// Consumers, of which the coordinator may read the subscriptions.
pub const CONSUMER: &str = "consumer";

/// Who commits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Commit<'a> {
    pub member_id: &'a str,
    pub instance_id: Option<&'a str>,
    pub generation: i32,
    pub is_transactional: bool,
}

/// GRP-15. `live`: of `Soft::classic`, when it has one.
pub fn validate_commit(group: &Group, live: Option<&Live>, commit: Commit<'_>) -> Result<(), ErrorCode> {
    let live = live.map_or_else(|| Cow::Owned(Live::from_record(group)), Cow::Borrowed);
    if commit.generation < 0 && live.state == State::Empty {
        return Ok(());
    }
    if commit.generation >= 0 || !commit.member_id.is_empty() || commit.instance_id.is_some() {
        live.validate(commit.member_id, commit.instance_id)?;
        if commit.generation != live.generation {
            return Err(ErrorCode::IllegalGeneration);
        }
    } else if !commit.is_transactional && live.state != State::Empty {
        return Err(ErrorCode::UnknownMemberId);
    }
    // Members learn their assignment next; the partitions may no longer be theirs.
    if !commit.is_transactional && live.state == State::CompletingRebalance {
        return Err(ErrorCode::RebalanceInProgress);
    }
    Ok(())
}

/// A commit is a sign of life, in the states in which members commit (GRP-15).
pub fn heard(soft: &mut Soft, id: &GroupId, member_id: &str, at: Moment) {
    let Soft { timers, classic, .. } = soft;
    let Some(live) = classic.get_mut(id) else { return };
    if !matches!(live.state, State::Stable | State::PreparingRebalance) {
        return;
    }
    let Some((member_id, session_ms)) = live.renew(member_id) else { return };
    timers.set(Timer::Classic(id.clone(), Due::Session(member_id)), at.monotonic_ms.saturating_add(session_ms));
}

/// Since when the group has been without members, in milliseconds since 1970 (-1: not told); `None` while it has some.
pub fn is_empty_since(group: &Group, live: Option<&Live>) -> Option<i64> {
    let empty = live.map_or(group.members.is_empty(), |live| live.state == State::Empty);
    empty.then_some(group.current_state_timestamp)
}

/// Whether the group's members speak the protocol of consumers.
pub fn is_of_consumers(group: &Group, live: Option<&Live>) -> bool {
    live.map_or(Some(&*group.protocol_type), |live| live.protocol_type.as_deref()) == Some(CONSUMER)
}

/// The topics that members of a consumer group are subscribed to. `None`: the group is of another kind, or somebody's
/// subscription cannot be read; then everything may be subscribed to.
pub fn subscribed_topics(group: &Group, live: Option<&Live>) -> Option<BTreeSet<String>> {
    let live = live.map_or_else(|| Cow::Owned(Live::from_record(group)), Cow::Borrowed);
    if live.protocol_type.as_deref() != Some(CONSUMER) {
        return None;
    }
    let mut topics = BTreeSet::new();
    for member in live.members().values() {
        // In a round under way a member may know the next protocol only.
        let metadata = live.protocol.as_deref().and_then(|name| member.metadata(name));
        let metadata = metadata.or_else(|| member.protocols.first().map(|protocol| &protocol.metadata))?;
        topics.extend(Subscription::topics_of(metadata).ok()?);
    }
    Some(topics)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{coordinator::GroupMember, structure::Blob};
    use bytes::Bytes;

    fn group(metadata: &'static [u8]) -> Group {
        let member = GroupMember {
            member_id: "m".into(),
            group_instance_id: Some("i".into()),
            subscription: Blob(Bytes::from_static(metadata)),
            ..Default::default()
        };
        Group {
            protocol_type: CONSUMER.into(),
            generation: 4,
            protocol: Some("range".into()),
            leader: Some("m".into()),
            current_state_timestamp: 77,
            members: vec![member],
        }
    }

    #[test]
    fn grp_15_a_commit_needs_the_member_and_its_generation() {
        let commit = Commit { member_id: "m", instance_id: None, generation: 4, is_transactional: false };
        let judge = |commit| validate_commit(&group(b""), None, commit).err();
        assert_eq!(judge(commit), None);
        assert_eq!(judge(Commit { instance_id: Some("i"), ..commit }), None);
        assert_eq!(judge(Commit { generation: 3, ..commit }), Some(ErrorCode::IllegalGeneration));
        assert_eq!(judge(Commit { generation: -1, ..commit }), Some(ErrorCode::IllegalGeneration));
        assert_eq!(judge(Commit { member_id: "x", ..commit }), Some(ErrorCode::UnknownMemberId));
        let fenced = Commit { member_id: "x", instance_id: Some("i"), ..commit };
        assert_eq!(judge(fenced), Some(ErrorCode::FencedInstanceId));
        let nobody = Commit { member_id: "", generation: -1, ..commit };
        assert_eq!(judge(nobody), Some(ErrorCode::UnknownMemberId));
        assert_eq!(judge(Commit { is_transactional: true, ..nobody }), None);
        let empty = Group { members: vec![], ..group(b"") };
        assert_eq!(validate_commit(&empty, None, nobody), Ok(()));
        assert_eq!(validate_commit(&empty, None, commit), Err(ErrorCode::UnknownMemberId));
        let mut live = Live::from_record(&group(b""));
        live.state = State::CompletingRebalance;
        assert_eq!(validate_commit(&group(b""), Some(&live), commit), Err(ErrorCode::RebalanceInProgress));
        live.state = State::PreparingRebalance;
        assert_eq!(validate_commit(&group(b""), Some(&live), commit), Ok(()), "the old generation may still commit");
    }

    #[test]
    fn grp_21_who_is_empty_since_when_and_what_is_subscribed() {
        let subscribed = group(b"\0\x01\0\0\0\x02\0\x01a\0\x01b\xff\xff\xff\xff");
        assert_eq!(is_empty_since(&subscribed, None), None);
        assert_eq!(is_empty_since(&Group { members: vec![], ..subscribed.clone() }, None), Some(77));
        assert_eq!(subscribed_topics(&subscribed, None), Some(BTreeSet::from(["a".into(), "b".into()])));
        assert_eq!(subscribed_topics(&group(b"\0\x01\x7f\xff\xff\xff"), None), None, "not a subscription");
        assert_eq!(subscribed_topics(&Group { protocol_type: "connect".into(), ..subscribed }, None), None);
    }
}
