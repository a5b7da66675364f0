//! When a group changes its protocol, and when it must not.
use super::*;
use crate::{
    coordinator::group::{Cause, classic::State, consumer::Migration},
    wire::{coordinator::GroupRecord, structure::Blob},
};

fn names(rig: &Rig) -> Vec<&'static str> {
    let last = rig.runtime.journal().decided.last().unwrap();
    last.iter().map(GroupRecord::name).collect()
}

#[test]
fn grp_24_a_consumer_comes_into_a_classic_group_and_all_go_on_together() {
    let mut rig = rig();
    let old = rig.stable_classic(2);
    assert_eq!(rig.commit(&old[0].member_id, 1, 0), ErrorCode::None);
    let told = rig.consumer_beat(&arriving("new"));
    assert_eq!((told.member_epoch, told.assignment.map(|all| all.len())), (2, Some(0)), "others have everything still");
    let wanted =
        ["GroupMetadata", "ConsumerGroupMemberMetadata", "ConsumerGroupMemberMetadata", "ConsumerGroupMetadata"];
    assert_eq!(names(&rig)[..4], wanted, "one write ends the one and makes the other");
    assert_eq!(told.heartbeat_interval_ms, 5_000, "classic members give way in their own time");
    rig.reload();
    for (at, one) in old.iter().enumerate() {
        let had: Vec<i32> = (at as i32 * 3..at as i32 * 3 + 3).collect();
        assert_eq!(rig.share(&one.member_id), 3);
        let (generation, has) = rig.settle(&one.member_id, 1, &had);
        assert_eq!((generation, has.len()), (2, 2));
        assert!(has.iter().all(|partition| had.contains(partition)), "nothing moves that need not");
        rig.reload();
    }
    rig.stay("new");
    assert_eq!((rig.share("new"), rig.described().state), (2, consumer::State::Stable));
    let epoch = rig.consumers().epoch();
    assert_eq!(rig.classic_beat(&old[0].member_id, epoch), ErrorCode::None);
    assert_eq!(rig.hard().by_id[GROUP].offsets.len(), 1, "what was committed stays");
}

#[test]
fn grp_24_the_last_consumer_leaves_and_the_rest_is_a_classic_group_again() {
    let mut rig = rig();
    let old = rig.stable_classic(2);
    rig.consumer_beat(&arriving("new"));
    for one in &old {
        rig.settle(&one.member_id, 1, &[0, 1, 2]);
    }
    rig.stay("new");
    let epoch = rig.consumers().epoch();
    rig.consumer_beat(&staying("new", -1));
    assert_eq!(names(&rig).last(), Some(&"GroupMetadata"));
    assert!(rig.classics().leader.is_none() && rig.classics().generation == epoch);
    assert_eq!(rig.classic_state(), State::PreparingRebalance);
    // Another coordinator, too, knows that the rebalance has not ended.
    rig.reload();
    assert_eq!(rig.classic_state(), State::PreparingRebalance);
    for one in &old {
        assert_eq!(rig.classic_beat(&one.member_id, epoch), ErrorCode::RebalanceInProgress);
    }
    let mut asked: Vec<Asking> = old.iter().map(|one| rig.classic_join(joining(&one.member_id, &[]))).collect();
    let all: Vec<Joined> = asked.iter_mut().map(joined).collect();
    assert!(all.iter().all(|one| one.generation == epoch + 1 && one.protocol.as_deref() == Some("range")));
    rig.share_out(&all);
    assert_eq!((rig.classic_state(), rig.classics().members.len()), (State::Stable, 2));
    assert_eq!(rig.runtime.soft().timers.len(), 3, "a session each, and the look for old offsets");
    rig.reload();
    assert_eq!(rig.classic_beat(&old[0].member_id, epoch + 1), ErrorCode::None);
    // And once more.
    let again = rig.consumer_beat(&arriving("newer"));
    assert_eq!(again.member_epoch, epoch + 2);
}

#[test]
fn grp_24_a_consumer_that_is_silent_or_removed_also_makes_it_a_classic_group() {
    for how in 0..3 {
        let mut rig = rig();
        let old = rig.stable_classic(1)[0].member_id.clone();
        rig.consumer_beat(&Heartbeat { instance_id: Some("i".into()), ..arriving("new") });
        rig.settle(&old, 1, &[0, 1, 2, 3, 4, 5]);
        match how {
            0 => (0..10).for_each(|_| {
                rig.advance(5_000);
                if matches!(rig.hard().by_id[GROUP].members, Members::Consumer(_)) {
                    rig.settle(&old, 2, &[0, 1, 2]);
                }
            }),
            1 => assert_eq!(rig.classic_leave("", Some("i")), ErrorCode::None),
            _ => assert_eq!(rig.classic_leave("new", Some("i")), ErrorCode::None),
        }
        let members: Vec<_> = rig.classics().members.iter().map(|one| one.member_id.clone()).collect();
        assert_eq!(members, [&*old], "{how}");
        rig.reload();
    }
}

#[test]
fn grp_24_the_policy_decides_whether_members_may_stay() {
    for policy in Migration::ALL {
        let mut rig = rig();
        rig.settings.consumer.migration = policy;
        let old = rig.stable_classic(1)[0].member_id.clone();
        let up = rig.try_beat(&arriving("new"));
        if !policy.upgrades() {
            assert_eq!(up, Err(ErrorCode::GroupIdNotFound));
            assert_eq!(rig.classic_beat(&old, 1), ErrorCode::None, "nothing happened");
            rig.settings.consumer.migration = Migration::Upgrade;
            rig.consumer_beat(&arriving("new"));
            rig.settings.consumer.migration = policy;
        }
        // Only where nothing may change a classic member may not even join (KAFKA-20640).
        let joined = rig.joined(joining(&old, &[0, 1, 2])).error;
        let wanted = if policy == Migration::Disabled { ErrorCode::InconsistentGroupProtocol } else { ErrorCode::None };
        assert_eq!(joined, wanted, "{policy:?}");
        rig.consumer_beat(&staying("new", -1));
        let is_classic = matches!(rig.hard().by_id[GROUP].members, Members::Classic(_));
        assert_eq!(is_classic, policy.downgrades(), "{policy:?}");
        rig.reload();
    }
}

#[test]
fn grp_24_classic_members_alone_in_a_consumer_group_hear_of_topics_and_of_who_left() {
    let mut rig = rig();
    rig.settings.consumer.migration = Migration::Upgrade;
    let old = rig.stable_classic(1)[0].member_id.clone();
    rig.consumer_beat(&arriving("new"));
    let (generation, _) = rig.settle(&old, 1, &[0, 1, 2, 3, 4, 5]);
    rig.stay("new");
    rig.consumer_beat(&staying("new", -1));
    let (generation, has) = rig.settle(&old, generation, &[0, 1, 2]);
    assert_eq!(has.len(), 6);
    rig.delete_topic(1);
    rig.create_topic("t", 9, 8);
    let (_, has) = rig.settle(&old, generation, &has);
    assert_eq!(has.len(), 8);
}

#[test]
fn grp_24_a_group_that_is_no_group_of_consumers_stays_what_it_is() {
    let refuses = |change: &dyn Fn(&mut JoinRequest)| {
        let mut rig = rig();
        let mut first = joining("", &[]);
        change(&mut first);
        let id = rig.joined(first.clone()).member_id;
        let mut asked = rig.classic_join(JoinRequest { member_id: id, ..first });
        rig.advance(1);
        assert_eq!(joined(&mut asked).error, ErrorCode::None);
        assert_eq!(rig.try_beat(&arriving("new")), Err(ErrorCode::GroupIdNotFound));
        assert_eq!(rig.classic_state(), State::CompletingRebalance, "it was not disturbed");
        assert!(rig.hard().by_id.is_empty(), "nothing was written");
    };
    refuses(&|join| join.protocol_type = "connect".into());
    refuses(&|join| join.protocols = protocols(&["range"], &Bytes::from_static(b"\0")));
}

#[test]
fn grp_24_words_of_an_own_assignor_or_too_many_members_keep_a_group_classic() {
    let mut rig = rig();
    let all = rig.stable_classic(2);
    rig.settings.consumer.members_max = 1;
    assert_eq!(rig.try_beat(&arriving("new")), Err(ErrorCode::GroupIdNotFound));
    rig.settings.consumer.members_max = 100;
    // The leader joins again, and this time its assignor leaves words.
    let mut asked: Vec<Asking> = all.iter().map(|one| rig.classic_join(joining(&one.member_id, &[]))).collect();
    let all: Vec<Joined> = asked.iter_mut().map(joined).collect();
    let words = Assignment { assigned_partitions: vec![], user_data: Some(Blob(Bytes::from_static(b"w"))) };
    for one in &all {
        let request = SyncRequest {
            group: GROUP.into(),
            generation: one.generation,
            member_id: one.member_id.clone(),
            instance_id: None,
            protocol_type: None,
            protocol: None,
            assignments: vec![(one.member_id.clone(), words.to_bytes(1))],
        };
        synced(&mut rig.old(classic::Request::Sync(request)));
        if one.leader == one.member_id {
            break;
        }
    }
    let refused = rig.told_beat(&arriving("new")).unwrap_err();
    let words = format!(
        "Cannot upgrade classic group {GROUP} to consumer group because an unsupported custom assignor is in use. \
         Please refer to the documentation or switch to a default assignor before re-attempting the upgrade."
    );
    assert_eq!((refused.code, refused.message), (ErrorCode::GroupIdNotFound, words), "as Kafka says it");
}

#[test]
fn grp_24_who_waits_in_a_round_is_told_to_join_again_and_keeps_its_partitions() {
    let mut rig = rig();
    let old = rig.stable_classic(2);
    let mut waits = rig.classic_join(joining(&old[0].member_id, &[0, 1, 2]));
    let late = rig.joined(joining("", &[])).member_id;
    let mut comes = rig.classic_join(joining(&late, &[]));
    assert!(answer(&mut waits).is_none() && answer(&mut comes).is_none());
    rig.consumer_beat(&arriving("new"));
    for asking in [&mut waits, &mut comes] {
        assert_eq!(joined(asking).error, ErrorCode::RebalanceInProgress);
    }
    assert_eq!((rig.share(&old[0].member_id), rig.share(&late)), (3, 0));
    let first = joined(&mut rig.classic_join(joining(&late, &[])));
    assert_eq!((first.error, &*first.leader, first.members.len()), (ErrorCode::None, "", 0));
    let told = rig.synced(&late, first.generation);
    assert_eq!(partitions(&told.assignment).len(), 0, "it waits until others give back");
    for (one, had) in old.iter().zip([[0, 1, 2], [3, 4, 5]]) {
        rig.settle(&one.member_id, 1, &had);
    }
    rig.stay("new");
    let (_, has) = rig.settle(&late, first.generation, &[]);
    assert!(!has.is_empty());
    assert_eq!(rig.described().state, consumer::State::Stable);
}

/// It joined with what it had and has not heard yet that it is to let go of a part.
#[test]
fn grp_24_what_a_member_may_still_have_is_not_given_to_another() {
    let mut rig = rig();
    let old = rig.stable_classic(1)[0].member_id.clone();
    let late = rig.joined(joining("", &[])).member_id;
    let mut asked = [rig.classic_join(joining(&late, &[])), rig.classic_join(joining(&old, &[0, 1, 2, 3, 4, 5]))];
    let all: Vec<Joined> = asked.iter_mut().map(joined).collect();
    let leader = all.iter().find(|one| one.leader == one.member_id).unwrap();
    assert_eq!(leader.member_id, old);
    let request = SyncRequest {
        group: GROUP.into(),
        generation: leader.generation,
        member_id: old.clone(),
        instance_id: None,
        protocol_type: None,
        protocol: None,
        assignments: vec![(old.clone(), assigned(&[0, 1, 2]))],
    };
    // The answer is under way when the consumer comes.
    drop(rig.old(classic::Request::Sync(request)));
    rig.consumer_beat(&arriving("new"));
    assert_eq!(rig.share("new"), 0);
    assert_eq!(rig.classic_beat(&old, 2), ErrorCode::RebalanceInProgress);
    rig.joined(joining(&old, &[]));
    rig.stay("new");
    assert_eq!(rig.share("new"), 2);
}

#[test]
fn grp_24_a_round_that_everybody_left_does_not_begin_anew() {
    let mut rig = rig();
    let old = rig.stable_classic(1)[0].member_id.clone();
    for generation in 2..=3 {
        let again = rig.joined(joining(&old, &[]));
        assert_eq!(again.generation, generation);
        rig.share_out(&[again]);
    }
    // An id that was given out and not used holds the round open.
    assert_eq!(rig.joined(joining("", &[])).error, ErrorCode::MemberIdRequired);
    assert_eq!(rig.classic_leave(&old, None), ErrorCode::None);
    assert_eq!(rig.classic_state(), State::PreparingRebalance);
    assert_eq!(rig.consumer_beat(&arriving("new")).member_epoch, 4);
    assert_eq!(rig.share("new"), 6);
}

#[test]
fn grp_24_an_empty_consumer_group_ends_only_when_somebody_comes_in() {
    let mut rig = rig();
    rig.consumer_beat(&arriving("new"));
    rig.consumer_beat(&staying("new", -1));
    let written = rig.records().count();
    let short = JoinRequest { session_timeout_ms: 1, ..joining("", &[]) };
    assert_eq!(rig.joined(short).error, ErrorCode::InvalidSessionTimeout);
    assert_eq!(rig.joined(joining("stranger", &[])).error, ErrorCode::UnknownMemberId);
    assert_eq!((rig.records().count(), rig.described().state), (written, consumer::State::Empty));
    assert_eq!(rig.joined(joining("", &[])).error, ErrorCode::MemberIdRequired);
    assert!(rig.hard().by_id.is_empty());
}

#[test]
fn why_a_group_of_both_protocols_rebalanced_is_remembered() {
    let mut rig = rig();
    let old = rig.stable_classic(1)[0].member_id.clone();
    rig.consumer_beat(&arriving("new"));
    rig.advance(5);
    let both = Some(BTreeSet::from(["t".to_owned(), "u".to_owned()]));
    let epoch = rig.consumers().member("new").unwrap().current.epoch;
    rig.consumer_beat(&Heartbeat { topics: both, ..staying("new", epoch) });
    rig.delete_topic(2);
    rig.stay("new");
    assert_eq!(rig.classic_leave("new", None), ErrorCode::None);
    let described = match rig.now(Request::Classic(classic::Request::Describe(GROUP.into()))) {
        Some(Reply::Classic(classic::Reply::Describe(described))) => described.unwrap(),
        other => panic!("{other:?}"),
    };
    let told: Vec<_> =
        described.rebalances.iter().map(|one| (one.cause, &*one.member_id, one.generation, &*one.words)).collect();
    let wanted = [
        (Cause::Joined, &*old, 0, ""),
        (Cause::Joined, "new", 1, ""),
        (Cause::SubscriptionChanged, "new", 2, ""),
        (Cause::TopicsChanged, "", 3, ""),
        (Cause::Downgraded, "new", 4, "bye"),
    ];
    assert_eq!(told, wanted);
    assert_eq!(described.rebalances[2].at_ms, described.rebalances[1].at_ms + 5);
}
