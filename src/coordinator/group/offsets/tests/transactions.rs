//! What transactions have pending, and what their markers make of it.
use super::*;

fn pending(group: &str, producer_id: i64, topic: &str, offset: i64) -> Commit {
    let durability = Durability::InTransaction(producer(producer_id));
    Commit { durability, ..commit(group, &[(name(topic), vec![at(0, offset)])]) }
}

fn end(rig: &mut Rig, producer_id: i64, commit: bool) {
    let marker = Marker { commit, coordinator_epoch: 0 };
    assert_eq!(ask(rig, Request::EndTransaction(producer(producer_id), marker)), Reply::Done);
}

fn stable(rig: &mut Rig, group: &str) -> Vec<(ErrorCode, i64)> {
    let asked = fetch_of(group, Some(vec![(name("t"), vec![0])]));
    let told = fetch(rig, Fetch { require_stable: true, ..asked });
    told[0].partitions.iter().map(|one| (one.error, one.offset)).collect()
}

#[test]
fn txn_22_a_marker_makes_pending_offsets_real_or_drops_them() {
    let mut rig = Rig::with_topics(&[("t", 1)]);
    committed(&mut rig, "g", "t", 5);
    codes(&mut rig, pending("g", 7, "t", 9));
    assert_eq!(offset(&mut rig, "g", "t"), 5);
    assert_eq!(stable(&mut rig, "g"), [(ErrorCode::UnstableOffsetCommit, -1)]);
    let all = Fetch { require_stable: true, ..fetch_of("g", None) };
    assert_eq!(fetch(&mut rig, all)[0].partitions[0].error, ErrorCode::UnstableOffsetCommit);
    end(&mut rig, 8, true);
    assert_eq!(offset(&mut rig, "g", "t"), 5, "another's marker");
    end(&mut rig, 7, true);
    assert_eq!(stable(&mut rig, "g"), [(ErrorCode::None, 9)]);
    codes(&mut rig, pending("g", 7, "t", 20));
    end(&mut rig, 7, false);
    assert_eq!(stable(&mut rig, "g"), [(ErrorCode::None, 9)]);
    rig.reload();
    assert_eq!(stable(&mut rig, "g"), [(ErrorCode::None, 9)]);
}

#[test]
fn txn_22_what_was_committed_behind_the_pending_one_stays() {
    let mut rig = Rig::with_topics(&[("t", 1)]);
    codes(&mut rig, pending("g", 7, "t", 9));
    codes(&mut rig, pending("g", 8, "t", 11));
    committed(&mut rig, "g", "t", 10);
    end(&mut rig, 7, true);
    assert_eq!(offset(&mut rig, "g", "t"), 10);
    assert_eq!(stable(&mut rig, "g"), [(ErrorCode::UnstableOffsetCommit, -1)], "the other is still open");
    end(&mut rig, 8, true);
    assert_eq!(stable(&mut rig, "g"), [(ErrorCode::None, 10)]);
}

#[test]
fn txn_22_markers_reach_every_group_and_a_tombstone_what_is_pending() {
    let mut rig = Rig::with_topics(&[("t", 1)]);
    for group in ["a", "b", "c"] {
        codes(&mut rig, pending(group, 7, "t", 9));
    }
    codes(&mut rig, pending("c", 8, "t", 10));
    ask(&mut rig, Request::DeleteGroup(text("b")));
    end(&mut rig, 7, true);
    assert_eq!((offset(&mut rig, "a", "t"), offset(&mut rig, "b", "t"), offset(&mut rig, "c", "t")), (9, -1, 9));
    end(&mut rig, 8, false);
    assert_eq!(offset(&mut rig, "c", "t"), 9);
    codes(&mut rig, pending("d", 7, "t", 9));
    end(&mut rig, 7, false);
    assert!(rig.hard().by_id["d"].is_gone(), "nothing is left of it");
    assert!(rig.hard().offsets.open.is_empty());
}

#[test]
fn txn_21_a_transaction_s_commit_is_fenced_as_any() {
    let mut rig = Rig::with_topics(&[("t", 1)]);
    let member = Committer { member_id: text("m"), instance_id: None, generation: 4 };
    let of = |version: i16| Commit { committer: member.clone(), version, ..pending("g", 7, "t", 9) };
    assert_eq!(codes(&mut rig, of(3)), [ErrorCode::IllegalGeneration]);
    assert_eq!(codes(&mut rig, of(5)), [ErrorCode::IllegalGeneration]);
    committed(&mut rig, "g", "t", 5);
    assert_eq!(codes(&mut rig, of(3)), [ErrorCode::UnknownMemberId]);
    assert!(rig.hard().offsets.open.is_empty());
}
