//! Another coordinator takes over; a broker sleeps and wakes.
use super::*;
use crate::{
    coordinator::group::{Members, listing, offsets, tests::rig::outcome},
    machine::NotWritten,
};

#[test]
fn grp_20_after_a_load_members_are_stable_with_fresh_sessions() {
    let mut rig = Rig::new();
    let all = rig.stable(2);
    rig.advance(SILENCE_MS - 1);
    rig.reload();
    assert_eq!(rig.state(), State::Stable);
    rig.advance(SILENCE_MS - 1);
    assert_eq!(rig.beat(&all[0].member_id, 1), ErrorCode::None, "the session began with the load");
    assert_eq!(&rig.sync_now(syncing(&all[0], &[])).assignment[..], b"some");
    rig.advance(1);
    assert_eq!(rig.beat(&all[1].member_id, 1), ErrorCode::UnknownMemberId, "it was silent");
}

#[test]
fn grp_20_whoever_was_parked_is_sent_away_and_the_last_generation_counts() {
    let mut rig = Rig::new();
    let all = rig.stable(2);
    let mut parked = rig.join(joining(&all[0].member_id));
    let (pending, _) = rig.enter();
    rig.reload();
    assert_eq!(outcome(&mut parked), Some(Err(NotWritten::NotLeader)));
    assert_eq!(rig.join_now(joining(&pending)).error, ErrorCode::UnknownMemberId);
    assert_eq!(rig.beat(&all[1].member_id, 1), ErrorCode::None, "who need not rejoin does not");
}

#[test]
fn grp_17_a_tombstone_ends_the_group_and_what_was_known_of_it() {
    let mut rig = Rig::new();
    let all = rig.stable(1);
    rig.leave(vec![leaving(&all[0].member_id, None)]);
    let mut groups = rig.runtime.hard().clone();
    assert_eq!(is_empty_since(rig.record(), None), Some(rig.at.wall_ms));
    replay(&mut groups, GROUP.into(), None);
    assert!(groups.by_id.is_empty());
    replay(&mut groups, GROUP.into(), None);
    let soft = rig.runtime.soft();
    assert!(soft.classic.get(rig.runtime.hard(), GROUP).is_some());
    assert!(soft.classic.get(&groups, GROUP).is_none() && !groups.by_id.contains_key(GROUP));
    assert!(listing::list(&groups, soft, &listing::Filter::default()).is_empty());
    groups.by_id.entry(GROUP.into()).or_default().members = Members::None;
    let simple = listing::list(&groups, soft, &listing::Filter::default());
    assert_eq!((simple[0].state, simple[0].protocol_type.as_str(), simple[0].kind), ("Empty", "", "classic"));
}

#[test]
fn grp_25_a_broker_that_slept_hears_its_members_before_it_judges_them() {
    let mut rig = Rig::new();
    let all = rig.stable(2);
    rig.pass(60_000);
    rig.advance(0);
    assert_eq!(rig.state(), State::Stable, "they may have been heard, had anybody listened");
    assert_eq!(rig.beat(&all[0].member_id, 1), ErrorCode::None);
    rig.advance(SESSION_MS - 1);
    assert_eq!(rig.beat(&all[0].member_id, 1), ErrorCode::None);
    rig.advance(1);
    assert_eq!(rig.beat(&all[1].member_id, 1), ErrorCode::UnknownMemberId, "silent for a whole session more");
    let mut rig = Rig::new();
    let calm = rig.stable(1);
    rig.pass(SESSION_MS + 10);
    rig.advance(0);
    assert_eq!(
        rig.beat(&calm[0].member_id, calm[0].generation),
        ErrorCode::None,
        "a short stop ended with the session"
    );
}

#[test]
fn grp_22_a_group_goes_as_soon_as_no_session_runs_unless_the_broker_slept() {
    let delete = |rig: &mut Rig| {
        let request = group::Request::Offsets(offsets::Request::DeleteGroup(GROUP.into()));
        match rig.now(request) {
            Some(group::Reply::Offsets(offsets::Reply::GroupDeleted(code))) => code,
            other => panic!("{other:?}"),
        }
    };
    let mut rig = Rig::new();
    let all = rig.stable(2);
    rig.advance(SESSION_MS - 1);
    assert_eq!(delete(&mut rig), ErrorCode::NonEmptyGroup);
    assert_eq!(rig.beat(&all[0].member_id, 1), ErrorCode::None);
    rig.advance(1);
    assert_eq!(delete(&mut rig), ErrorCode::NonEmptyGroup, "one was heard");
    for handled in [true, false] {
        let mut rig = Rig::new();
        rig.stable(2);
        if handled {
            rig.advance(SESSION_MS)
        } else {
            rig.pass(SESSION_MS)
        }
        assert_eq!(delete(&mut rig), ErrorCode::None, "they are only waited for");
        assert!(rig.runtime.hard().by_id.is_empty());
        rig.advance(SESSION_MS);
        assert!(rig.runtime.hard().by_id.is_empty(), "no timer of theirs makes it again");
    }
    let mut rig = Rig::new();
    rig.stable(2);
    rig.pass(60_000);
    assert_eq!(delete(&mut rig), ErrorCode::NonEmptyGroup, "they may have been heard, had anybody listened");
    rig.advance(0);
    assert_eq!(delete(&mut rig), ErrorCode::NonEmptyGroup);
    rig.advance(SESSION_MS);
    assert_eq!(rig.state(), State::Empty);
}

#[test]
fn grp_25_a_round_that_slept_through_its_end_waits_a_little_more_and_only_once() {
    let mut rig = Rig::new();
    let all = rig.stable(2);
    let mut leader = rig.join(joining(&all[0].member_id));
    rig.pass(REBALANCE_MS + 5_000);
    rig.advance(0);
    assert!(waits(&mut leader));
    let follower = joined(&mut rig.join(joining(&all[1].member_id)));
    let leader = joined(&mut leader);
    assert_eq!((follower.generation, leader.members.len()), (2, 2));
    rig.assign(&[leader, follower]);
    let mut leader = rig.join(joining(&all[0].member_id));
    rig.pass(REBALANCE_MS + 5_000);
    rig.advance(0);
    rig.pass(8_000);
    rig.advance(0);
    assert_eq!(joined(&mut leader).members.len(), 1);
}

#[test]
fn groups_are_listed_by_state_and_kind_in_any_case() {
    let mut rig = Rig::new();
    rig.stable(1);
    let _ = rig.join_now(JoinRequest { group: "pending".into(), ..joining("") });
    let _waiting = rig.join(JoinRequest { group: "first".into(), takes_id: false, ..joining("") });
    let mut list = |states: &[&str], types: &[&str]| {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let filter = listing::Filter { states: owned(states), types: owned(types) };
        let Some(group::Reply::Listed(listed)) = rig.now(group::Request::List(filter)) else { panic!() };
        listed.into_iter().map(|one| (one.group.to_string(), one.state)).collect::<Vec<_>>()
    };
    let (stable, empty, first) = (("g", "Stable"), ("pending", "Empty"), ("first", "PreparingRebalance"));
    let owned =
        |of: &[(&str, &'static str)]| of.iter().map(|(id, state)| ((*id).to_owned(), *state)).collect::<Vec<_>>();
    assert_eq!(list(&[], &[]), owned(&[stable, first, empty]));
    assert_eq!(list(&["sTABLE", " dead "], &[]), owned(&[stable]));
    assert_eq!(list(&["preparingrebalance"], &["classic"]), owned(&[first]));
    assert_eq!(list(&[], &["consumer"]), []);
}

#[test]
fn a_group_of_offsets_alone_is_listed_as_its_first_rebalance_has_it() {
    let mut rig = Rig::new();
    let (_, _waiting) = rig.enter();
    let mut groups = rig.runtime.hard().clone();
    groups.by_id.entry(GROUP.into()).or_default().members = Members::None;
    let listed = listing::list(&groups, rig.runtime.soft(), &listing::Filter::default());
    assert_eq!((listed.len(), listed[0].state, &*listed[0].protocol_type), (1, "PreparingRebalance", "consumer"));
}
