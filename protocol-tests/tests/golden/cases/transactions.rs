//! Producers and their transactions.
use super::{Case, PLAIN};
use crate::world::World;
use serde_json::{Value, json};

/// A transactional id with its producer id and epoch.
struct Known {
    id: String,
    producer: i64,
    epoch: i64,
}

fn known(world: &World) -> Known {
    let id = world.name("t");
    let lines = world.ask("InitProducerId", 4, &begin(Some(&id), 60_000));
    let number = |path: &str| lines.iter().find(|line| line.path == path).and_then(|line| line.value.parse().ok());
    Known { id, producer: number("producerId").expect("an id"), epoch: number("producerEpoch").expect("an epoch") }
}

fn begin(id: Option<&str>, timeout_ms: i32) -> Value {
    json!({"transactionalId": id, "transactionTimeoutMs": timeout_ms, "producerId": -1, "producerEpoch": -1})
}

fn begin_as(id: Option<&str>, producer: i64, epoch: i64) -> Value {
    json!({"transactionalId": id, "transactionTimeoutMs": 60_000, "producerId": producer, "producerEpoch": epoch})
}

/// In the form of versions 0 to 3 and in that of later ones.
fn add(version: i16, of: &Known, topics: Value) -> Value {
    match version {
        ..4 => json!({"v3AndBelowTransactionalId": of.id, "v3AndBelowProducerId": of.producer,
            "v3AndBelowProducerEpoch": of.epoch, "v3AndBelowTopics": topics}),
        _ => json!({"transactions": [{"transactionalId": of.id, "producerId": of.producer,
            "producerEpoch": of.epoch, "verifyOnly": false, "topics": topics}]}),
    }
}

fn beta(world: &World, partitions: Value) -> Value {
    json!([{"name": world.beta.name, "partitions": partitions}])
}

fn other(of: Known, producer: i64, epoch: i64) -> Known {
    Known { producer: of.producer + producer, epoch: of.epoch + epoch, ..of }
}

fn stranger(world: &World) -> Known {
    Known { id: world.name("t"), producer: 77, epoch: 0 }
}

fn end(of: &Known, commit: bool) -> Value {
    json!({"transactionalId": of.id, "producerId": of.producer, "producerEpoch": of.epoch, "committed": commit})
}

fn add_offsets(of: &Known, group: &str) -> Value {
    json!({"transactionalId": of.id, "producerId": of.producer, "producerEpoch": of.epoch, "groupId": group})
}

fn commit(world: &World, of: &Known, partitions: Value) -> Value {
    json!({"transactionalId": of.id, "groupId": world.name("g"), "producerId": of.producer, "producerEpoch": of.epoch,
        "topics": [{"name": world.beta.name, "partitions": partitions}]})
}

fn at(partition: i32, offset: i64) -> Value {
    json!({"partitionIndex": partition, "committedOffset": offset, "committedMetadata": ""})
}

fn markers(topics: Value) -> Value {
    json!({"markers": [{"producerId": 77, "producerEpoch": 0, "transactionResult": false, "coordinatorEpoch": 0,
        "topics": topics}]})
}

pub const CASES: &[Case] = &[
    Case::new("InitProducerId", PLAIN, |_, _| begin(None, 60_000)),
    Case::new("InitProducerId", "transactional", |w, _| begin(Some(&w.name("t")), 60_000)),
    Case::new("InitProducerId", "again", |w, _| begin(Some(&known(w).id), 60_000)),
    Case::new("InitProducerId", "an empty id", |_, _| begin(Some(""), 60_000)),
    Case::new("InitProducerId", "timeout 0", |w, _| begin(Some(&w.name("t")), 0)),
    Case::new("InitProducerId", "a negative timeout", |w, _| begin(Some(&w.name("t")), -1)),
    Case::new("InitProducerId", "a timeout too long", |w, _| begin(Some(&w.name("t")), i32::MAX)),
    Case::new("InitProducerId", "a negative timeout without transactions", |_, _| begin(None, -1)),
    Case::new("InitProducerId", "a producer id without epoch", |w, _| begin_as(Some(&w.name("t")), 77, -1)).from(3),
    Case::new("InitProducerId", "an epoch without producer id", |w, _| begin_as(Some(&w.name("t")), -1, 3)).from(3),
    Case::new("InitProducerId", "a producer id nobody has", |w, _| begin_as(Some(&w.name("t")), 77, 3)).from(3),
    Case::new("InitProducerId", "a producer id of another", |w, _| begin_as(Some(&known(w).id), 77, 0)).from(3),
    Case::new("InitProducerId", "a producer's own id", |w, _| {
        let of = known(w);
        begin_as(Some(&of.id), of.producer, of.epoch)
    })
    .from(3),
    Case::new("InitProducerId", "an epoch ahead", |w, _| {
        let of = known(w);
        begin_as(Some(&of.id), of.producer, of.epoch + 5)
    })
    .from(3),
    Case::new("InitProducerId", "a producer id without transactions", |_, _| begin_as(None, 77, 3)).from(3),
    Case::new("InitProducerId", "negative ids", |w, _| begin_as(Some(&w.name("t")), -5, -5)).from(3),
    Case::new("AddPartitionsToTxn", PLAIN, |w, v| add(v, &known(w), beta(w, json!([0])))),
    Case::new("AddPartitionsToTxn", "unknown id", |w, v| add(v, &stranger(w), beta(w, json!([0])))),
    Case::new("AddPartitionsToTxn", "empty id", |w, v| {
        add(v, &Known { id: String::new(), ..stranger(w) }, beta(w, json!([0])))
    }),
    Case::new("AddPartitionsToTxn", "another producer", |w, v| {
        add(v, &other(known(w), 1_000_000, 0), beta(w, json!([0])))
    }),
    Case::new("AddPartitionsToTxn", "another epoch", |w, v| add(v, &other(known(w), 0, 1), beta(w, json!([0])))),
    Case::new("AddPartitionsToTxn", "unknown partitions", |w, v| {
        let topics = json!([
            {"name": w.beta.name, "partitions": [0, 7]},
            {"name": w.name("nowhere"), "partitions": [0]},
        ]);
        add(v, &known(w), topics)
    }),
    Case::new("AddPartitionsToTxn", "a partition twice", |w, v| add(v, &known(w), beta(w, json!([0, 0])))).from(1),
    Case::new("AddPartitionsToTxn", "nothing", |w, v| add(v, &known(w), json!([]))).upto(3),
    Case::new("AddOffsetsToTxn", PLAIN, |w, _| add_offsets(&known(w), &w.name("g"))),
    Case::new("AddOffsetsToTxn", "unknown id", |w, _| add_offsets(&stranger(w), &w.name("g"))),
    Case::new("AddOffsetsToTxn", "empty id", |w, _| {
        add_offsets(&Known { id: String::new(), ..stranger(w) }, &w.name("g"))
    }),
    Case::new("AddOffsetsToTxn", "another producer", |w, _| add_offsets(&other(known(w), 1_000_000, 0), &w.name("g"))),
    Case::new("AddOffsetsToTxn", "another epoch", |w, _| add_offsets(&other(known(w), 0, 1), &w.name("g"))),
    Case::new("AddOffsetsToTxn", "empty group", |w, _| add_offsets(&known(w), "")),
    Case::new("EndTxn", PLAIN, |w, _| {
        let of = known(w);
        w.ask("AddPartitionsToTxn", 3, &add(3, &of, beta(w, json!([0]))));
        end(&of, true)
    }),
    Case::new("EndTxn", "abort", |w, _| {
        let of = known(w);
        w.ask("AddPartitionsToTxn", 3, &add(3, &of, beta(w, json!([0]))));
        end(&of, false)
    }),
    Case::new("EndTxn", "commit of nothing", |w, _| end(&known(w), true)),
    Case::new("EndTxn", "abort of nothing", |w, _| end(&known(w), false)),
    Case::new("EndTxn", "unknown id", |w, _| end(&stranger(w), true)),
    Case::new("EndTxn", "empty id", |w, _| end(&Known { id: String::new(), ..stranger(w) }, true)),
    Case::new("EndTxn", "another producer", |w, _| end(&other(known(w), 1_000_000, 0), true)),
    Case::new("EndTxn", "another epoch", |w, _| end(&other(known(w), 0, 1), true)),
    Case::new("EndTxn", "negative producer", |w, _| end(&Known { producer: -1, epoch: -1, ..known(w) }, true)),
    Case::new("TxnOffsetCommit", PLAIN, |w, _| {
        let of = known(w);
        let mut request = commit(w, &of, json!([at(0, 1)]));
        let group = request["groupId"].as_str().expect("a group").to_string();
        w.ask("AddOffsetsToTxn", 3, &add_offsets(&of, &group));
        request["memberId"] = json!("");
        request
    }),
    Case::new("TxnOffsetCommit", "empty group", |w, _| {
        let mut request = commit(w, &known(w), json!([at(0, 1)]));
        request["groupId"] = json!("");
        request
    }),
    Case::new("TxnOffsetCommit", "unknown partitions", |w, _| {
        let mut request = commit(w, &known(w), json!([at(7, 1), at(-1, 1)]));
        request["topics"]
            .as_array_mut()
            .expect("topics")
            .push(json!({"name": w.name("nowhere"), "partitions": [at(0, 1)]}));
        request
    })
    .upto(4),
    Case::new("TxnOffsetCommit", "a member nobody knows", |w, _| {
        let mut request = commit(w, &known(w), json!([at(0, 1)]));
        request["memberId"] = json!("somebody");
        request["generationId"] = json!(3);
        request
    })
    .from(3)
    .upto(4),
    Case::new("TxnOffsetCommit", "unknown id", |w, _| commit(w, &stranger(w), json!([at(0, 1)]))).from(5),
    Case::new("TxnOffsetCommit", "nothing", |w, _| {
        let mut request = commit(w, &known(w), json!([]));
        request["topics"] = json!([]);
        request
    }),
    Case::new("WriteTxnMarkers", PLAIN, |w, _| markers(json!([{"name": w.topic(1).name, "partitionIndexes": [0]}]))),
    Case::new("WriteTxnMarkers", "unknown", |w, _| {
        markers(json!([
            {"name": w.beta.name, "partitionIndexes": [7, -1]},
            {"name": w.name("nowhere"), "partitionIndexes": [0]},
        ]))
    }),
    Case::new("WriteTxnMarkers", "nothing", |_, _| json!({"markers": []})),
    Case::new("DescribeTransactions", PLAIN, |w, _| json!({"transactionalIds": [known(w).id]})),
    Case::new("DescribeTransactions", "unknown", |w, _| json!({"transactionalIds": [w.name("t")]})),
    Case::new("DescribeTransactions", "empty", |_, _| json!({"transactionalIds": [""]})),
    Case::new("DescribeTransactions", "nothing", |_, _| json!({"transactionalIds": []})),
    Case::new("DescribeTransactions", "one twice", |w, _| {
        let id = known(w).id;
        json!({"transactionalIds": [id, id]})
    }),
    Case::new("ListTransactions", PLAIN, |w, _| {
        known(w);
        json!({})
    })
    .only_ours("transactionStates"),
    Case::new("ListTransactions", "states that are none", |w, _| {
        known(w);
        json!({"stateFilters": ["NoSuch", "Empty", "NoSuch"]})
    })
    .only_ours("transactionStates"),
    Case::new("ListTransactions", "producers that are none", |_, _| json!({"producerIdFilters": [-1, 5_000_000]})),
    Case::new("ListTransactions", "a pattern that is none", |_, _| json!({"transactionalIdPattern": "["})).from(2),
    Case::new(
        "ListTransactions",
        "an empty pattern",
        |_, _| json!({"transactionalIdPattern": "", "producerIdFilters": [-1]}),
    )
    .from(2),
    Case::new(
        "ListTransactions",
        "a negative duration",
        |_, _| json!({"durationFilter": -5, "producerIdFilters": [-1]}),
    )
    .from(1),
];
