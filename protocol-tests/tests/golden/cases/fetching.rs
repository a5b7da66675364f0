//! Questions of Fetch and what is asked about its sessions.
use super::{Case, PLAIN};
use crate::world::{STRANGE_ID, World, ZERO_ID};
use protocol_tests::Topic;
use serde_json::{Value, json};

fn of(topic: &Topic, partitions: Value) -> Value {
    json!({"topic": topic.name, "topicId": topic.id.to_string(), "partitions": partitions})
}

fn from(partition: i32, offset: i64) -> Value {
    json!({"partition": partition, "fetchOffset": offset, "partitionMaxBytes": 1 << 20})
}

/// `from` with one field changed.
fn odd(offset: i64, field: &str, value: i64) -> Value {
    let mut partition = from(0, offset);
    partition[field] = json!(value);
    partition
}

fn fetch(topics: Value) -> Value {
    json!({"maxWaitMs": 0, "minBytes": 0, "maxBytes": 1 << 20, "topics": topics})
}

fn with(mut request: Value, fields: &Value) -> Value {
    for (name, value) in fields.as_object().expect("fields") {
        request[name] = value.clone();
    }
    request
}

fn alpha(world: &World, fields: &Value) -> Value {
    with(fetch(json!([of(&world.alpha, json!([from(0, 0)]))])), fields)
}

fn alpha_odd(world: &World, offset: i64, field: &str, value: i64) -> Value {
    fetch(json!([of(&world.alpha, json!([odd(offset, field, value)]))]))
}

/// A topic that is not there.
fn strange(world: &World) -> Value {
    json!({"topic": world.name("nowhere"), "topicId": STRANGE_ID, "partitions": [from(0, 0)]})
}

fn committed(topic: Value) -> Value {
    with(fetch(json!([topic])), &json!({"isolationLevel": 1}))
}

pub const CASES: &[Case] = &[
    Case::new("Fetch", PLAIN, |w, _| fetch(json!([of(&w.alpha, json!([from(0, 0)]))]))),
    Case::new("Fetch", "several partitions", |w, _| {
        fetch(json!([of(&w.alpha, json!([from(2, 0), from(0, 5), from(1, 0)])), of(&w.beta, json!([from(0, 0)]))]))
    }),
    Case::new("Fetch", "inside a batch", |w, _| fetch(json!([of(&w.alpha, json!([from(0, 3)]))]))),
    Case::new("Fetch", "offsets out of range", |w, _| {
        fetch(json!([of(&w.alpha, json!([from(0, 6), from(1, -1), from(2, i64::MAX)]))]))
    }),
    Case::new("Fetch", "a partition twice", |w, _| fetch(json!([of(&w.alpha, json!([from(0, 0), from(0, 5)]))]))),
    Case::new("Fetch", "a topic twice", |w, _| {
        fetch(json!([of(&w.alpha, json!([from(0, 0)])), of(&w.alpha, json!([from(1, 0)]))]))
    }),
    Case::new("Fetch", "a topic and partition twice", |w, _| {
        fetch(json!([of(&w.alpha, json!([from(0, 0)])), of(&w.alpha, json!([from(0, 9)]))]))
    }),
    Case::new("Fetch", "two topics with one between", |w, _| {
        let first = of(&w.alpha, json!([from(1, 0)]));
        fetch(json!([first, of(&w.beta, json!([from(0, 0)])), of(&w.alpha, json!([from(2, 0)]))]))
    }),
    Case::new("Fetch", "unknown topic", |w, _| {
        fetch(json!([{"topic": w.name("nowhere"), "topicId": STRANGE_ID, "partitions": [from(0, 0)]}]))
    }),
    Case::new("Fetch", "known and unknown topic", |w, _| {
        let strange =
            json!({"topic": w.name("nowhere"), "topicId": STRANGE_ID, "partitions": [from(0, 0), from(1, 0)]});
        fetch(json!([strange, of(&w.alpha, json!([from(0, 0)]))]))
    }),
    Case::new("Fetch", "zero topic id", |_, _| fetch(json!([{"topicId": ZERO_ID, "partitions": [from(0, 0)]}])))
        .from(13),
    Case::new("Fetch", "empty topic name", |_, _| fetch(json!([{"topic": "", "partitions": [from(0, 0)]}]))).upto(12),
    Case::new("Fetch", "unknown partitions", |w, _| fetch(json!([of(&w.beta, json!([from(1, 0), from(-1, 0)]))]))),
    Case::new("Fetch", "nothing", |_, _| fetch(json!([]))),
    Case::new("Fetch", "no partitions", |w, _| fetch(json!([of(&w.beta, json!([]))]))),
    Case::new("Fetch", "partition without bytes", |w, _| alpha_odd(w, 0, "partitionMaxBytes", 0)),
    Case::new("Fetch", "partition with negative bytes", |w, _| alpha_odd(w, 0, "partitionMaxBytes", -1)),
    Case::new("Fetch", "no bytes", |w, _| alpha(w, &json!({"maxBytes": 0}))),
    Case::new("Fetch", "negative bytes", |w, _| alpha(w, &json!({"maxBytes": -1}))),
    Case::new("Fetch", "negative wait and least", |w, _| alpha(w, &json!({"maxWaitMs": -5, "minBytes": -5}))),
    Case::new("Fetch", "read committed", |w, _| alpha(w, &json!({"isolationLevel": 1}))),
    Case::new("Fetch", "unknown topic, read committed", |w, _| committed(strange(w))),
    Case::new("Fetch", "unknown partition, read committed", |w, _| committed(of(&w.alpha, json!([from(7, 0)])))),
    Case::new("Fetch", "offsets out of range, read committed", |w, _| committed(of(&w.alpha, json!([from(0, 99)])))),
    Case::new("Fetch", "read committed, newer leader epoch", |w, _| {
        with(alpha_odd(w, 0, "currentLeaderEpoch", 7), &json!({"isolationLevel": 1}))
    })
    .from(9),
    Case::new("Fetch", "isolation level 2", |w, _| alpha(w, &json!({"isolationLevel": 2}))),
    Case::new("Fetch", "isolation level -1", |w, _| {
        let topics = json!([strange(w), of(&w.alpha, json!([from(7, 0), from(0, 0)]))]);
        with(fetch(topics), &json!({"isolationLevel": -1}))
    }),
    Case::new("Fetch", "isolation level 2 of what there is not", |w, _| {
        with(fetch(json!([strange(w), of(&w.beta, json!([from(7, 0)]))])), &json!({"isolationLevel": 2}))
    }),
    Case::new("Fetch", "isolation level 2 of nothing", |_, _| with(fetch(json!([])), &json!({"isolationLevel": 2}))),
    Case::new("Fetch", "isolation level 2 in a new session", |w, _| {
        alpha(w, &json!({"isolationLevel": 2, "sessionEpoch": 0}))
    })
    .from(7),
    Case::new("Fetch", "isolation level 2 in an unknown session", |w, _| {
        alpha(w, &json!({"isolationLevel": 2, "sessionId": 77, "sessionEpoch": 1}))
    })
    .from(7),
    Case::new("Fetch", "newer leader epoch", |w, _| alpha_odd(w, 0, "currentLeaderEpoch", 7)).from(9),
    Case::new("Fetch", "negative leader epoch", |w, _| alpha_odd(w, 0, "currentLeaderEpoch", -2)).from(9),
    Case::new("Fetch", "last epoch of another log", |w, _| alpha_odd(w, 3, "lastFetchedEpoch", 3)).from(12),
    Case::new("Fetch", "negative last epoch", |w, _| alpha_odd(w, 3, "lastFetchedEpoch", -2)).from(12),
    Case::new("Fetch", "last epoch right", |w, _| alpha_odd(w, 3, "lastFetchedEpoch", 0)).from(12),
    Case::new("Fetch", "log start of a consumer", |w, _| alpha_odd(w, 0, "logStartOffset", 3)).from(5),
    Case::new("Fetch", "a new session", |w, _| alpha(w, &json!({"sessionEpoch": 0}))).from(7),
    Case::new(
        "Fetch",
        "a new session without partitions",
        |_, _| json!({"maxWaitMs": 0, "maxBytes": 1 << 20, "sessionEpoch": 0}),
    )
    .from(7),
    Case::new("Fetch", "an unknown session", |w, _| alpha(w, &json!({"sessionId": 77, "sessionEpoch": 1}))).from(7),
    Case::new("Fetch", "no session with an epoch", |w, _| alpha(w, &json!({"sessionId": 0, "sessionEpoch": 3})))
        .from(7),
    Case::new("Fetch", "the end of an unknown session", |w, _| alpha(w, &json!({"sessionId": 77, "sessionEpoch": -1})))
        .from(7),
    Case::new("Fetch", "a new session in an unknown one", |w, _| {
        alpha(w, &json!({"sessionId": 77, "sessionEpoch": 0}))
    })
    .from(7),
    Case::new("Fetch", "a negative session epoch", |w, _| alpha(w, &json!({"sessionId": 77, "sessionEpoch": -5})))
        .from(7),
    Case::new("Fetch", "forgotten without a session", |w, _| {
        let forgotten = json!([{"topic": w.beta.name, "topicId": w.beta.id.to_string(), "partitions": [0]}]);
        alpha(w, &json!({"forgottenTopicsData": forgotten}))
    })
    .from(7),
    Case::new("Fetch", "a session with a partition twice", |w, _| {
        let topics = json!([of(&w.alpha, json!([from(0, 0), from(0, 5)]))]);
        with(fetch(topics), &json!({"sessionEpoch": 0}))
    })
    .from(7),
    Case::new("Fetch", "another cluster", |w, _| alpha(w, &json!({"clusterId": "another"}))).from(12),
    Case::new("Fetch", "a rack", |w, _| alpha(w, &json!({"rackId": "somewhere"}))).from(11),
    Case::new("Fetch", "a replica that is none", |w, _| alpha(w, &json!({"replicaId": 9}))).upto(14),
    Case::new("Fetch", "a debugging consumer", |w, _| alpha(w, &json!({"replicaId": -2}))).upto(14),
    Case::new("Fetch", "a replica state that is none", |w, _| {
        alpha(w, &json!({"replicaState": {"replicaId": 9, "replicaEpoch": 1}}))
    })
    .from(15),
];
