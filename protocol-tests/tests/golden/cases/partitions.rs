//! Questions about partitions: ListOffsets, OffsetForLeaderEpoch, DescribeTopicPartitions, DescribeLogDirs, AlterReplicaLogDirs, and who leads.
use super::{Case, PLAIN};
use crate::world::World;
use serde_json::{Value, json};

fn offsets(topic: &str, partitions: Value) -> Value {
    json!({"replicaId": -1, "timeoutMs": 5_000, "topics": [{"name": topic, "partitions": partitions}]})
}

fn at(partition: i32, timestamp: i64) -> Value {
    json!({"partitionIndex": partition, "timestamp": timestamp})
}

fn alpha_at(world: &World, timestamp: i64) -> Value {
    offsets(&world.alpha.name, json!([at(0, timestamp), at(1, timestamp)]))
}

fn epochs(world: &World, partitions: Value) -> Value {
    json!({"replicaId": -1, "topics": [{"topic": world.alpha.name, "partitions": partitions}]})
}

fn epoch(partition: i32, epoch: i32) -> Value {
    json!({"partition": partition, "leaderEpoch": epoch, "currentLeaderEpoch": -1})
}

fn partitions_of(topics: Value, limit: i32) -> Value {
    json!({"topics": topics, "responsePartitionLimit": limit})
}

fn after(topic: &str, partition: i32, asked: &[&str]) -> Value {
    let topics: Vec<Value> = asked.iter().map(|name| json!({"name": name})).collect();
    json!({"topics": topics, "cursor": {"topicName": topic, "partitionIndex": partition}})
}

fn to_directory(path: &str, topics: Value) -> Value {
    json!({"dirs": [{"path": path, "topics": topics}]})
}

/// The broker's own directory.
fn directory(world: &World) -> String {
    let lines = world.ask("DescribeLogDirs", 4, &json!({"topics": []}));
    let line = lines.into_iter().find(|line| line.name() == "logDir").expect("a directory");
    line.value.trim_matches('"').to_string()
}

fn elect(kind: i8, topics: Value) -> Value {
    json!({"electionType": kind, "timeoutMs": 5_000, "topicPartitions": topics})
}

fn reassign(world: &World, replicas: Value) -> Value {
    let partitions = json!([{"partitionIndex": 0, "replicas": replicas}]);
    json!({"timeoutMs": 5_000, "topics": [{"name": world.beta.name, "partitions": partitions}]})
}

pub const CASES: &[Case] = &[
    Case::new("ListOffsets", PLAIN, |w, _| alpha_at(w, -1)),
    Case::new("ListOffsets", "earliest", |w, _| alpha_at(w, -2)),
    Case::new("ListOffsets", "greatest timestamp", |w, _| alpha_at(w, -3)),
    Case::new("ListOffsets", "earliest local", |w, _| alpha_at(w, -4)),
    Case::new("ListOffsets", "latest tiered", |w, _| alpha_at(w, -5)),
    Case::new("ListOffsets", "earliest pending upload", |w, _| alpha_at(w, -6)),
    Case::new("ListOffsets", "no such timestamp", |w, _| alpha_at(w, -7)),
    Case::new("ListOffsets", "least timestamp", |w, _| alpha_at(w, i64::MIN)),
    Case::new("ListOffsets", "from the beginning of time", |w, _| alpha_at(w, 0)),
    Case::new("ListOffsets", "of the records", |w, _| alpha_at(w, crate::world::RECORD_TIME)),
    Case::new("ListOffsets", "behind the records", |w, _| alpha_at(w, crate::world::RECORD_TIME + 1)),
    Case::new("ListOffsets", "a partition twice", |w, _| {
        offsets(&w.alpha.name, json!([at(0, -1), at(0, -2), at(1, -1)]))
    }),
    Case::new("ListOffsets", "a topic twice", |w, _| {
        let topic = |partition: i32| json!({"name": w.alpha.name, "partitions": [at(partition, -1)]});
        json!({"replicaId": -1, "topics": [topic(0), topic(1)]})
    }),
    Case::new("ListOffsets", "a topic and partition twice", |w, _| {
        let topic = |timestamp: i64| json!({"name": w.alpha.name, "partitions": [at(0, timestamp)]});
        json!({"replicaId": -1, "topics": [topic(-1), topic(-2)]})
    }),
    Case::new("ListOffsets", "unknown topic", |w, _| offsets(&w.name("nowhere"), json!([at(0, -1)]))),
    Case::new("ListOffsets", "invalid topic", |_, _| offsets("a b", json!([at(0, -1)]))),
    Case::new("ListOffsets", "unknown partitions", |w, _| offsets(&w.beta.name, json!([at(1, -1), at(-1, -1)]))),
    Case::new("ListOffsets", "nothing", |_, _| json!({"replicaId": -1, "topics": []})),
    Case::new("ListOffsets", "no partitions", |w, _| offsets(&w.beta.name, json!([]))),
    Case::new("ListOffsets", "read committed", |w, _| {
        let mut request = alpha_at(w, -1);
        request["isolationLevel"] = json!(1);
        request
    })
    .from(2),
    Case::new("ListOffsets", "isolation level 2", |w, _| {
        let mut request = alpha_at(w, -1);
        request["isolationLevel"] = json!(2);
        request
    })
    .from(2),
    Case::new("ListOffsets", "isolation level -1 of what there is not", |w, _| {
        let mut request = offsets(&w.name("nowhere"), json!([at(0, -1), at(1, -1), at(1, -1), at(2, -99)]));
        request["isolationLevel"] = json!(-1);
        request
    })
    .from(2),
    Case::new(
        "ListOffsets",
        "isolation level 2 of nothing",
        |_, _| json!({"replicaId": -1, "isolationLevel": 2, "topics": []}),
    )
    .from(2),
    Case::new("ListOffsets", "a replica", |w, _| {
        let mut request = alpha_at(w, -1);
        request["replicaId"] = json!(9);
        request
    }),
    Case::new("ListOffsets", "a debugging consumer", |w, _| {
        let mut request = alpha_at(w, -1);
        request["replicaId"] = json!(-2);
        request
    }),
    Case::new("ListOffsets", "newer leader epoch", |w, _| {
        offsets(&w.beta.name, json!([{"partitionIndex": 0, "timestamp": -1, "currentLeaderEpoch": 7}]))
    })
    .from(4),
    Case::new("ListOffsets", "negative leader epoch", |w, _| {
        offsets(&w.beta.name, json!([{"partitionIndex": 0, "timestamp": -1, "currentLeaderEpoch": -5}]))
    })
    .from(4),
    Case::new("OffsetForLeaderEpoch", PLAIN, |w, _| epochs(w, json!([epoch(0, 0)]))),
    Case::new("OffsetForLeaderEpoch", "a later epoch", |w, _| epochs(w, json!([epoch(0, 1), epoch(1, i32::MAX)]))),
    Case::new("OffsetForLeaderEpoch", "epoch -1", |w, _| epochs(w, json!([epoch(0, -1)]))),
    Case::new("OffsetForLeaderEpoch", "epoch -5", |w, _| epochs(w, json!([epoch(0, -5), epoch(1, i32::MIN)]))),
    Case::new("OffsetForLeaderEpoch", "an empty partition", |w, _| epochs(w, json!([epoch(1, 0), epoch(2, -1)]))),
    Case::new("OffsetForLeaderEpoch", "a partition twice", |w, _| epochs(w, json!([epoch(0, 0), epoch(0, 7)]))),
    Case::new("OffsetForLeaderEpoch", "a topic twice", |w, _| {
        let topic = |partition: i32| json!({"topic": w.alpha.name, "partitions": [epoch(partition, 0)]});
        json!({"replicaId": -1, "topics": [topic(0), topic(1)]})
    }),
    Case::new("OffsetForLeaderEpoch", "unknown", |w, _| {
        json!({"replicaId": -1, "topics": [
            {"topic": w.beta.name, "partitions": [epoch(1, 0), epoch(-1, 0)]},
            {"topic": w.name("nowhere"), "partitions": [epoch(0, 0)]},
        ]})
    }),
    Case::new("OffsetForLeaderEpoch", "current epochs", |w, _| {
        let current = |partition: i32, current: i32| json!({"partition": partition, "leaderEpoch": 0, "currentLeaderEpoch": current});
        epochs(w, json!([current(0, 0), current(1, 1), current(2, -5)]))
    }),
    Case::new(
        "OffsetForLeaderEpoch",
        "a replica",
        |w, _| json!({"replicaId": 9, "topics": [{"topic": w.alpha.name, "partitions": [epoch(0, 0)]}]}),
    ),
    Case::new("OffsetForLeaderEpoch", "nothing", |_, _| json!({"replicaId": -1})),
    Case::new("DescribeTopicPartitions", PLAIN, |w, _| partitions_of(json!([{"name": w.alpha.name}]), 2_000)),
    Case::new("DescribeTopicPartitions", "cut to a limit", |w, _| partitions_of(json!([{"name": w.alpha.name}]), 2)),
    Case::new("DescribeTopicPartitions", "limit 0", |w, _| partitions_of(json!([{"name": w.alpha.name}]), 0)),
    Case::new("DescribeTopicPartitions", "negative limit", |w, _| partitions_of(json!([{"name": w.alpha.name}]), -1)),
    Case::new("DescribeTopicPartitions", "unknown and twice", |w, _| {
        let topics =
            json!([{"name": w.beta.name}, {"name": w.beta.name}, {"name": w.name("nowhere")}, {"name": "a b"}]);
        partitions_of(topics, 2_000)
    }),
    Case::new("DescribeTopicPartitions", "from a cursor", |w, _| after(&w.alpha.name, 1, &[&w.alpha.name])),
    Case::new("DescribeTopicPartitions", "a cursor behind the end", |w, _| after(&w.alpha.name, 3, &[&w.alpha.name])),
    Case::new("DescribeTopicPartitions", "a negative cursor", |w, _| after(&w.alpha.name, -1, &[&w.alpha.name])),
    Case::new("DescribeTopicPartitions", "a cursor before the topic", |w, _| after("A", 0, &[&w.alpha.name])),
    Case::new("DescribeTopicPartitions", "a cursor behind the topic", |w, _| after("zzz", 0, &[&w.alpha.name])),
    Case::new("DescribeLogDirs", PLAIN, |w, _| json!({"topics": [{"topic": w.alpha.name, "partitions": [0, 2]}]})),
    Case::new("DescribeLogDirs", "unknown and twice", |w, _| {
        json!({"topics": [
            {"topic": w.beta.name, "partitions": [0, 0, 5]},
            {"topic": w.name("nowhere"), "partitions": [0]},
        ]})
    }),
    Case::new("DescribeLogDirs", "nothing", |_, _| json!({"topics": []})),
    Case::new("DescribeLogDirs", "no partitions", |w, _| json!({"topics": [{"topic": w.alpha.name}]})),
    Case::new("AlterReplicaLogDirs", PLAIN, |w, _| {
        to_directory(&directory(w), json!([{"name": w.alpha.name, "partitions": [0, 2]}]))
    }),
    Case::new("AlterReplicaLogDirs", "a directory that is none", |w, _| {
        to_directory("/no/such/directory", json!([{"name": w.alpha.name, "partitions": [0]}]))
    }),
    Case::new("AlterReplicaLogDirs", "partitions that are none", |w, _| {
        let unknown = json!({"name": w.name("nowhere"), "partitions": [0]});
        to_directory(&directory(w), json!([{"name": w.beta.name, "partitions": [5]}, unknown]))
    }),
    Case::new("AlterReplicaLogDirs", "a partition twice", |w, _| {
        to_directory(&directory(w), json!([{"name": w.alpha.name, "partitions": [0, 0]}]))
    }),
    Case::new("AlterReplicaLogDirs", "nothing", |_, _| json!({"dirs": []})),
    Case::new("ElectLeaders", PLAIN, |w, _| elect(0, json!([{"topic": w.beta.name, "partitions": [0]}]))),
    Case::new("ElectLeaders", "unclean", |w, _| elect(1, json!([{"topic": w.beta.name, "partitions": [0]}]))).from(1),
    Case::new("ElectLeaders", "a kind that is none", |w, _| {
        elect(5, json!([{"topic": w.beta.name, "partitions": [0]}]))
    })
    .from(1),
    Case::new("ElectLeaders", "unknown and twice", |w, _| {
        elect(
            0,
            json!([
                {"topic": w.beta.name, "partitions": [0, 7, -1]},
                {"topic": w.name("nowhere"), "partitions": [0]},
            ]),
        )
    }),
    Case::new("ElectLeaders", "a partition twice", |w, _| {
        elect(0, json!([{"topic": w.beta.name, "partitions": [0, 0]}]))
    }),
    Case::new("ElectLeaders", "nothing", |_, _| elect(0, json!([]))),
    Case::new("AlterPartitionReassignments", PLAIN, |w, _| reassign(w, json!([1]))),
    Case::new("AlterPartitionReassignments", "nothing to cancel", |w, _| reassign(w, json!(null))),
    Case::new("AlterPartitionReassignments", "no replicas", |w, _| reassign(w, json!([]))),
    Case::new("AlterPartitionReassignments", "a broker that is none", |w, _| reassign(w, json!([1, 99]))),
    Case::new("AlterPartitionReassignments", "a broker twice", |w, _| reassign(w, json!([1, 1]))),
    Case::new("AlterPartitionReassignments", "a negative broker", |w, _| reassign(w, json!([-1]))),
    Case::new("AlterPartitionReassignments", "unknown", |w, _| {
        let partitions = |index: i32| json!([{"partitionIndex": index, "replicas": [1]}]);
        json!({"timeoutMs": 5_000, "topics": [
            {"name": w.beta.name, "partitions": partitions(9)},
            {"name": w.name("nowhere"), "partitions": partitions(0)},
        ]})
    }),
    Case::new("AlterPartitionReassignments", "a partition twice", |w, _| {
        let one = json!({"partitionIndex": 0, "replicas": [1]});
        json!({"timeoutMs": 5_000, "topics": [{"name": w.beta.name, "partitions": [one, one]}]})
    }),
    Case::new("AlterPartitionReassignments", "nothing", |_, _| json!({"timeoutMs": 5_000})),
    Case::new("ListPartitionReassignments", PLAIN, |_, _| json!({"timeoutMs": 5_000, "topics": null})),
    Case::new("ListPartitionReassignments", "unknown and twice", |w, _| {
        json!({"timeoutMs": 5_000, "topics": [
            {"name": w.beta.name, "partitionIndexes": [0, 0, 9]},
            {"name": w.name("nowhere"), "partitionIndexes": [0]},
        ]})
    }),
    Case::new("ListPartitionReassignments", "nothing", |_, _| json!({"timeoutMs": 5_000, "topics": []})),
];
