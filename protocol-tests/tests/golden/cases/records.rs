//! Produce and DeleteRecords, and who produces.
use super::{Case, PLAIN};
use crate::world::{STRANGE_ID, World, ZERO_ID};
use protocol_tests::batch::TRANSACTIONAL;
use protocol_tests::schema::encode::hex;
use protocol_tests::{Batch, Topic};
use serde_json::{Value, json};

fn produce(acks: i16, topics: Value) -> Value {
    json!({"acks": acks, "timeoutMs": 10_000, "topicData": topics})
}

fn of(topic: &Topic, partitions: Value) -> Value {
    json!({"name": topic.name, "topicId": topic.id.to_string(), "partitionData": partitions})
}

fn one(world: &World, index: i32) -> Value {
    json!({"index": index, "records": world.batch()})
}

fn nowhere(world: &World, id: &str, partitions: Value) -> Value {
    json!({"name": world.name("nowhere"), "topicId": id, "partitionData": partitions})
}

fn delete(topics: Value) -> Value {
    json!({"timeoutMs": 10_000, "topics": topics})
}

fn filled(world: &World) -> Topic {
    let topic = world.topic(1);
    world.ask("Produce", 9, &produce(-1, json!([of(&topic, json!([one(world, 0)]))])));
    topic
}

/// A producer that no coordinator knows.
const STRANGER: (i64, i16) = (4_000_000, 0);

/// The first batch of a transaction.
fn in_transaction(world: &World, acks: i16, producer: (i64, i16), name: &str) -> Value {
    let batch = hex(&Batch::from_producer(producer, 0, 1).attributes(TRANSACTIONAL).encode());
    let mut request = produce(acks, json!([of(&world.topic(1), json!([{"index": 0, "records": batch}]))]));
    request["transactionalId"] = json!(name);
    request
}

/// A new producer's id, and its transactional id.
fn producer(world: &World) -> (i64, String) {
    let name = world.name("tx");
    let begun = world.ask("InitProducerId", 4, &json!({"transactionalId": name, "transactionTimeoutMs": 60_000}));
    let id = begun.iter().find(|line| line.name() == "producerId").expect("a producer id");
    (id.value.parse().expect("a producer id"), name)
}

pub const CASES: &[Case] = &[
    Case::new("Produce", PLAIN, |w, _| produce(-1, json!([of(&w.topic(1), json!([one(w, 0)]))]))),
    Case::new("Produce", "acks 1", |w, _| produce(1, json!([of(&w.topic(1), json!([one(w, 0)]))]))),
    Case::new("Produce", "acks 0", |w, _| produce(0, json!([of(&w.topic(1), json!([one(w, 0)]))]))),
    Case::new("Produce", "acks 2", |w, _| produce(2, json!([of(&w.topic(1), json!([one(w, 0)]))]))),
    Case::new("Produce", "acks -2", |w, _| produce(-2, json!([of(&w.topic(1), json!([one(w, 0)]))]))),
    Case::new("Produce", "acks 2 unknown topic", |w, _| {
        produce(2, json!([nowhere(w, STRANGE_ID, json!([one(w, 0)])), of(&w.topic(1), json!([one(w, 0), one(w, 1)]))]))
    }),
    Case::new("Produce", "acks -2 zero topic id", |w, _| produce(-2, json!([nowhere(w, ZERO_ID, json!([one(w, 0)]))]))),
    Case::new("Produce", "acks 2 bad batches", |w, _| {
        let bad = |index: i32, records: &str| json!({"index": index, "records": records});
        let crc = w.spoilt_batch();
        produce(2, json!([of(&w.topic(3), json!([bad(0, "00"), bad(1, ""), {"index": 2, "records": crc}]))]))
    }),
    Case::new("Produce", "acks 2 internal topic", |w, _| {
        produce(2, json!([{"name": "__consumer_offsets", "topicId": ZERO_ID, "partitionData": [one(w, 0)]}]))
    })
    .upto(12),
    Case::new("Produce", "acks 2 of a transaction", |w, _| in_transaction(w, 2, STRANGER, &w.name("tx"))),
    Case::new("Produce", "a transaction of a producer nobody knows", |w, _| {
        in_transaction(w, -1, STRANGER, &w.name("tx"))
    }),
    Case::new("Produce", "a transaction of an epoch that never was", |w, _| {
        let (id, name) = producer(w);
        in_transaction(w, -1, (id, 7), &name)
    }),
    Case::new("Produce", "a transaction whose partition was not added", |w, _| {
        let (id, name) = producer(w);
        in_transaction(w, -1, (id, 0), &name)
    })
    .upto(11),
    Case::new("Produce", "acks 2 of a transaction whose partition was not added", |w, _| {
        let (id, name) = producer(w);
        in_transaction(w, 2, (id, 0), &name)
    })
    .upto(11),
    Case::new("Produce", "a transaction without an id", |w, _| {
        let mut request = in_transaction(w, -1, STRANGER, "");
        request["transactionalId"] = Value::Null;
        request
    }),
    Case::new("Produce", "a gap in the sequences of a producer", |w, _| {
        let topic = w.topic(1);
        let of_sequence = |sequence: i32| {
            let batch = hex(&Batch::from_producer(STRANGER, sequence, 1).encode());
            produce(-1, json!([of(&topic, json!([{"index": 0, "records": batch}]))]))
        };
        w.ask("Produce", 9, &of_sequence(0));
        of_sequence(5)
    }),
    Case::new("Produce", "an epoch of before", |w, _| {
        let topic = w.topic(1);
        let of_epoch = |epoch: i16| {
            let batch = hex(&Batch::from_producer((STRANGER.0, epoch), 0, 1).encode());
            produce(-1, json!([of(&topic, json!([{"index": 0, "records": batch}]))]))
        };
        w.ask("Produce", 9, &of_epoch(3));
        of_epoch(2)
    }),
    Case::new("Produce", "sequences of a producer nobody knows", |w, _| {
        let batch = hex(&Batch::from_producer(STRANGER, 7, 1).encode());
        produce(-1, json!([of(&w.topic(1), json!([{"index": 0, "records": batch}]))]))
    }),
    Case::new("Produce", "a damaged batch", |w, _| {
        produce(-1, json!([of(&w.topic(1), json!([{"index": 0, "records": w.spoilt_batch()}]))]))
    }),
    Case::new("Produce", "no topics", |_, _| produce(-1, json!([]))),
    Case::new("Produce", "no partitions", |w, _| produce(-1, json!([of(&w.beta, json!([]))]))),
    Case::new("Produce", "a partition twice", |w, _| {
        produce(-1, json!([of(&w.topic(1), json!([one(w, 0), one(w, 0)]))]))
    }),
    Case::new("Produce", "a topic twice", |w, _| {
        let topic = w.topic(2);
        produce(-1, json!([of(&topic, json!([one(w, 0)])), of(&topic, json!([one(w, 1)]))]))
    }),
    Case::new("Produce", "a topic and partition twice", |w, _| {
        let topic = w.topic(1);
        produce(-1, json!([of(&topic, json!([one(w, 0)])), of(&topic, json!([one(w, 0)]))]))
    }),
    Case::new("Produce", "unknown topic", |w, _| produce(-1, json!([nowhere(w, STRANGE_ID, json!([one(w, 0)]))]))),
    Case::new("Produce", "zero topic id", |w, _| produce(-1, json!([nowhere(w, ZERO_ID, json!([one(w, 0)]))])))
        .from(13),
    Case::new("Produce", "empty topic name", |w, _| {
        produce(-1, json!([{"name": "", "topicId": ZERO_ID, "partitionData": [one(w, 0)]}]))
    })
    .upto(12),
    Case::new("Produce", "unknown partitions", |w, _| {
        produce(-1, json!([of(&w.beta, json!([one(w, 1), one(w, -1), one(w, i32::MAX)]))]))
    }),
    Case::new("Produce", "good and bad together", |w, _| {
        let bad = json!({"index": 1, "records": "00"});
        produce(-1, json!([of(&w.topic(3), json!([one(w, 0), bad, one(w, 2), one(w, 3)]))]))
    }),
    Case::new("Produce", "no bytes", |w, _| {
        produce(-1, json!([of(&w.topic(1), json!([{"index": 0, "records": ""}]))]))
    }),
    Case::new(
        "Produce",
        "negative timeout",
        |w, _| json!({"acks": -1, "timeoutMs": -1, "topicData": [of(&w.topic(1), json!([one(w, 0)]))]}),
    ),
    Case::new("Produce", "internal topic", |w, _| {
        produce(-1, json!([{"name": "__consumer_offsets", "topicId": ZERO_ID, "partitionData": [one(w, 0)]}]))
    })
    .upto(12),
    Case::new("Produce", "a transactional id without transactions", |w, _| {
        let mut request = produce(-1, json!([of(&w.topic(1), json!([one(w, 0)]))]));
        request["transactionalId"] = json!(w.name("tx"));
        request
    }),
    Case::new("DeleteRecords", PLAIN, |w, _| {
        delete(json!([{"name": filled(w).name, "partitions": [{"partitionIndex": 0, "offset": 1}]}]))
    }),
    Case::new("DeleteRecords", "up to the high watermark", |w, _| {
        delete(json!([{"name": filled(w).name, "partitions": [{"partitionIndex": 0, "offset": -1}]}]))
    }),
    Case::new("DeleteRecords", "beyond", |w, _| {
        delete(json!([{"name": filled(w).name, "partitions": [{"partitionIndex": 0, "offset": 3}]}]))
    }),
    Case::new("DeleteRecords", "negative offset", |w, _| {
        delete(json!([{"name": filled(w).name, "partitions": [{"partitionIndex": 0, "offset": -2}]}]))
    }),
    Case::new("DeleteRecords", "a partition twice", |w, _| {
        let both = json!([{"partitionIndex": 0, "offset": 1}, {"partitionIndex": 0, "offset": 2}]);
        delete(json!([{"name": filled(w).name, "partitions": both}]))
    }),
    Case::new("DeleteRecords", "a topic twice", |w, _| {
        let topic = filled(w).name;
        let part = |offset: i64| json!({"name": topic, "partitions": [{"partitionIndex": 0, "offset": offset}]});
        delete(json!([part(2), part(1)]))
    }),
    Case::new("DeleteRecords", "unknown", |w, _| {
        let partitions = json!([{"partitionIndex": 0, "offset": 0}]);
        delete(json!([
            {"name": w.beta.name, "partitions": [{"partitionIndex": 9, "offset": 0}, {"partitionIndex": -1, "offset": 0}]},
            {"name": w.name("nowhere"), "partitions": partitions},
        ]))
    }),
    Case::new("DeleteRecords", "invalid topic", |_, _| {
        delete(json!([{"name": "a b", "partitions": [{"partitionIndex": 0, "offset": 0}]}]))
    }),
    Case::new("DeleteRecords", "nothing", |_, _| delete(json!([]))),
    Case::new("DeleteRecords", "no partitions", |w, _| delete(json!([{"name": w.beta.name}]))),
    Case::new("DescribeProducers", PLAIN, |w, _| json!({"topics": [{"name": w.alpha.name, "partitionIndexes": [0]}]})),
    Case::new("DescribeProducers", "unknown and twice", |w, _| {
        json!({"topics": [
            {"name": w.alpha.name, "partitionIndexes": [0, 0, 7, -1]},
            {"name": w.alpha.name, "partitionIndexes": [0]},
            {"name": w.name("nowhere"), "partitionIndexes": [0]},
            {"name": "a b", "partitionIndexes": [0]},
        ]})
    }),
    Case::new("DescribeProducers", "nothing", |w, _| json!({"topics": [{"name": w.alpha.name}]})),
];
