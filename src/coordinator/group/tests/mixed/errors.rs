//! What a classic member is refused in a consumer group, each with its code.
use super::*;

/// A consumer, and a classic member that has synced: its id and generation.
fn both(rig: &mut Rig) -> (String, i32) {
    let old = rig.stable_classic(1)[0].member_id.to_string();
    rig.consumer_beat(&arriving("new"));
    let (generation, _) = rig.settle(&old, 1, &[0, 1, 2, 3, 4, 5]);
    (old, generation)
}

#[track_caller]
fn refuses(rig: &mut Rig, request: JoinRequest, code: ErrorCode) {
    let written = rig.records().count();
    // What needs no group to be refused is refused with the id of who asked.
    let id = if code == ErrorCode::InvalidSessionTimeout { request.member_id.clone() } else { "".into() };
    let told = rig.joined(request);
    assert_eq!((told.error, told.generation, told.member_id), (code, -1, id));
    assert_eq!(rig.records().count(), written, "what is refused writes nothing");
}

#[test]
fn grp_24_a_join_is_refused_with_its_reason() {
    let mut rig = rig();
    let (old, _) = both(&mut rig);
    let with = |change: &dyn Fn(&mut JoinRequest)| {
        let mut request = joining(&old, &[]);
        change(&mut request);
        request
    };
    refuses(&mut rig, with(&|join| join.session_timeout_ms = 5_999), ErrorCode::InvalidSessionTimeout);
    let unlike = ErrorCode::InconsistentGroupProtocol;
    refuses(&mut rig, with(&|join| join.protocol_type = "connect".into()), unlike);
    refuses(&mut rig, with(&|join| join.protocols.clear()), unlike);
    refuses(&mut rig, with(&|join| join.protocols = protocols(&["other"], &subscription(&["t"], &[]))), unlike);
    refuses(&mut rig, with(&|join| join.protocols = protocols(&["range"], &Bytes::from_static(b"\0\x01"))), unlike);
    let long: String = "x".repeat(40_000);
    refuses(&mut rig, with(&|join| join.member_id = long.as_str().into()), ErrorCode::InvalidRequest);
    let large = Bytes::from(vec![0; 2_000_000]);
    let metadata = [subscription(&["t"], &[]).to_vec(), large.to_vec()].concat();
    refuses(
        &mut rig,
        with(&|join| join.protocols = protocols(&["range"], &metadata.clone().into())),
        ErrorCode::UnknownServerError,
    );
    let lost = joining("stranger", &[0]);
    refuses(&mut rig, lost, ErrorCode::UnknownMemberId);
    rig.settings.consumer.members_max = 2;
    refuses(&mut rig, JoinRequest { takes_id: false, ..joining("", &[]) }, ErrorCode::GroupMaxSizeReached);
    assert_eq!(rig.joined(joining(&old, &[])).error, ErrorCode::None, "who is in stays in");
}

#[test]
fn grp_24_heartbeat_and_sync_are_refused_with_their_reasons() {
    let mut rig = rig();
    let (old, generation) = both(&mut rig);
    for (id, instance_id, at, code) in [
        ("stranger", None, generation, ErrorCode::UnknownMemberId),
        ("new", None, generation, ErrorCode::UnknownMemberId),
        (&*old, Some("i"), generation, ErrorCode::UnknownMemberId),
        (&*old, None, generation + 1, ErrorCode::IllegalGeneration),
        (&*old, None, generation - 1, ErrorCode::IllegalGeneration),
    ] {
        assert_eq!(rig.classic_beat_as(id, instance_id, at), code, "{id} {instance_id:?} {at}");
        assert_eq!(rig.synced_as(id, instance_id, at).error, code, "{id} {instance_id:?} {at}");
    }
    let sync = |protocol_type: &str, protocol: &str| SyncRequest {
        group: GROUP.into(),
        generation,
        member_id: old.as_str().into(),
        instance_id: None,
        protocol_type: Some(protocol_type.into()),
        protocol: Some(protocol.into()),
        assignments: vec![],
    };
    for (kind, name, code) in [
        ("connect", "range", ErrorCode::InconsistentGroupProtocol),
        ("consumer", "sticky", ErrorCode::InconsistentGroupProtocol),
        ("consumer", "range", ErrorCode::None),
    ] {
        assert_eq!(synced(&mut rig.old(classic::Request::Sync(sync(kind, name)))).error, code);
    }
    rig.consumer_beat(&arriving("newer"));
    assert_eq!(rig.synced(&old, generation).error, ErrorCode::RebalanceInProgress);
    assert_eq!(rig.classic_leave("stranger", None), ErrorCode::UnknownMemberId);
    assert_eq!(rig.classic_leave("", Some("i")), ErrorCode::UnknownMemberId);
}

#[test]
fn grp_18_a_group_that_is_too_large_for_one_write_keeps_its_protocol() {
    let mut rig = rig();
    let old = rig.stable_classic(3)[0].member_id.clone();
    let words = Bytes::from([subscription(&["t"], &[]).to_vec(), vec![0; 3_000]].concat());
    let talkative = |id: &str| JoinRequest { protocols: protocols(&["range"], &words), ..joining(id, &[]) };
    let fits = rig.settings.record_bytes_max;
    rig.consumer_beat(&arriving("new"));
    let id = rig.joined(talkative("")).member_id;
    for member in [&*old, &*id] {
        assert_eq!(rig.joined(talkative(member)).error, ErrorCode::None);
    }
    rig.settings.record_bytes_max = 5_000;
    rig.consumer_beat(&staying("new", -1));
    assert_eq!(rig.consumers().members().count(), 4, "it stays a consumer group");
    rig.settings.record_bytes_max = fits;
    // The next one that leaves makes it a classic one after all, which then does not fit the other way either.
    assert_eq!(rig.classic_leave(&id, None), ErrorCode::None);
    assert_eq!(rig.classics().members.len(), 3);
    rig.settings.record_bytes_max = 4_100;
    let mut again = arriving("newer");
    again.topics = Some((0..600).map(|number| format!("topic-{number}")).collect());
    assert_eq!(rig.try_beat(&again), Err(ErrorCode::UnknownServerError));
    let generation = rig.classics().generation;
    assert_eq!(rig.classic_beat(&old, generation), ErrorCode::RebalanceInProgress, "it was not disturbed");
}
