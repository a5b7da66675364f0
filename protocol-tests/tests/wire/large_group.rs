//! A thousand members join one group, assign and have their assignments.
use kafka_protocol::messages::{JoinGroupRequest, JoinGroupResponse, SyncGroupRequest};
use protocol_tests::groups::*;
use protocol_tests::time::{Stopwatch, eventually};
use protocol_tests::{Code, Connection, assert_error, assert_ok, on_kafka};

const MEMBERS: usize = 1_000;
/// Of a debug build on a busy machine; an optimised one needs far less.
const JOIN_MS_MAX: u64 = 60_000;

#[test]
fn grp_6_a_thousand_members_join_one_group() {
    let group = new_group();
    let mut connections: Vec<Connection> = (0..MEMBERS).map(|_| Connection::open()).collect();
    let watch = Stopwatch::start();
    let asked: Vec<i32> =
        connections.iter_mut().map(|connection| connection.send(JOIN, &joining(&group, "", &["range"]))).collect();
    let mut ids = Vec::with_capacity(MEMBERS);
    for (connection, asked) in connections.iter_mut().zip(&asked) {
        let told = connection.receive::<JoinGroupRequest>(JOIN, *asked);
        assert_error(told.error_code, Code::MemberIdRequired);
        ids.push(told.member_id);
    }
    let given_ms = watch.elapsed_ms();
    // The first is alone in its generation; the next one is complete when every id that was given out has come.
    let first = connections[0].call(JOIN, &joining(&group, &ids[0], &["range"]));
    assert_eq!((first.error_code, first.generation_id, first.members.len()), (0, 1, 1));
    let mut asked = vec![0];
    for (connection, id) in connections.iter_mut().zip(&ids).skip(1) {
        asked.push(connection.send(JOIN, &joining(&group, id, &["range"])));
    }
    eventually(10_000, "the others are coming", || {
        let code = heartbeat(&mut connections[0], HEARTBEAT, &group, 1, &ids[0]);
        (code == Code::RebalanceInProgress.code()).then_some(())
    });
    asked[0] = connections[0].send(JOIN, &joining(&group, &ids[0], &["range"]));
    let joined: Vec<JoinGroupResponse> =
        connections.iter_mut().zip(&asked).map(|(one, asked)| one.receive::<JoinGroupRequest>(JOIN, *asked)).collect();
    let joined_ms = watch.elapsed_ms();
    assert!(joined.iter().all(|one| (one.error_code, one.generation_id) == (0, 2)));
    let leader = joined.iter().position(|one| one.leader == one.member_id).expect("a leader");
    assert_eq!(joined[leader].members.len(), MEMBERS);
    let assignments: Vec<(&str, &str)> = ids.iter().map(|id| (id.as_str(), id.as_str())).collect();
    let mut waiting = Vec::with_capacity(MEMBERS);
    for (index, connection) in connections.iter_mut().enumerate() {
        let given = if index == leader { &assignments[..] } else { &[] };
        waiting.push(connection.send(SYNC, &syncing(SYNC, &group, &joined[index], given)));
    }
    for (index, connection) in connections.iter_mut().enumerate() {
        let synced = connection.receive::<SyncGroupRequest>(SYNC, waiting[index]);
        assert_ok(synced.error_code);
        assert_eq!(synced.assignment, ids[index].as_bytes());
    }
    let all_ms = watch.elapsed_ms();
    let broker = if on_kafka() { "Apache Kafka" } else { "Ottla" };
    eprintln!(
        "{broker}: {MEMBERS} ids after {given_ms} ms, all joined after {joined_ms} ms, all synced after {all_ms} ms"
    );
    assert!(all_ms <= JOIN_MS_MAX);
}
