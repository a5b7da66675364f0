//! Metadata, and topics made, grown and deleted.
use super::{Case, PLAIN};
use crate::world::{STRANGE_ID, World, ZERO_ID};
use serde_json::{Value, json};

fn about(topics: Value) -> Value {
    json!({"topics": topics, "allowAutoTopicCreation": false})
}

fn named(name: &str) -> Value {
    json!({"name": name, "topicId": ZERO_ID})
}

fn topic(name: &str, partitions: i32, replicas: i16) -> Value {
    json!({"name": name, "numPartitions": partitions, "replicationFactor": replicas})
}

fn create(topics: Value) -> Value {
    json!({"topics": topics, "timeoutMs": 10_000})
}

fn create_with(world: &World, configs: Value) -> Value {
    let mut topic = topic(&world.name("configured"), 1, 1);
    topic["configs"] = configs;
    create(json!([topic]))
}

fn create_assigned(world: &World, partitions: i32, replicas: i16, assignments: Value) -> Value {
    let mut topic = topic(&world.name("assigned"), partitions, replicas);
    topic["assignments"] = assignments;
    create(json!([topic]))
}

fn assigned(partition: i32, brokers: &[i32]) -> Value {
    json!({"partitionIndex": partition, "brokerIds": brokers})
}

/// By name in versions that know nothing else.
fn delete(version: i16, name: Value, id: &str) -> Value {
    match version {
        ..6 => json!({"timeoutMs": 10_000, "topicNames": [name]}),
        _ => json!({"timeoutMs": 10_000, "topics": [{"name": name, "topicId": id}]}),
    }
}

fn delete_states(topics: Value) -> Value {
    json!({"timeoutMs": 10_000, "topics": topics})
}

fn grow(topics: Value) -> Value {
    json!({"topics": topics, "timeoutMs": 10_000})
}

fn only_validate(topics: Value) -> Value {
    json!({"topics": topics, "timeoutMs": 10_000, "validateOnly": true})
}

fn to(name: &str, count: i32) -> Value {
    json!({"name": name, "count": count, "assignments": null})
}

fn to_by_hand(world: &World, count: i32, assignments: &[&[i32]]) -> Value {
    let assignments: Vec<Value> = assignments.iter().map(|brokers| json!({"brokerIds": brokers})).collect();
    grow(json!([{"name": world.topic(1).name, "count": count, "assignments": assignments}]))
}

pub const CASES: &[Case] = &[
    Case::new("Metadata", PLAIN, |w, _| about(json!([named(&w.alpha.name)]))),
    Case::new("Metadata", "all", |w, v| {
        w.topic(1);
        about(if v == 0 { json!([]) } else { json!(null) })
    })
    .only_ours("topics"),
    Case::new("Metadata", "none", |_, _| about(json!([]))).from(1),
    Case::new("Metadata", "unknown topic", |w, _| about(json!([named(&w.name("nowhere"))]))).from(4),
    Case::new("Metadata", "invalid names", |_, _| {
        let names = ["", ".", "..", "a b", "é"].map(named);
        about(json!([names[0], names[1], names[2], names[3], names[4], named(&"x".repeat(250))]))
    })
    .from(4),
    Case::new("Metadata", "null name", |_, _| about(json!([{"name": null, "topicId": ZERO_ID}]))).from(10),
    Case::new("Metadata", "null name and a good one", |w, _| {
        about(json!([named(&w.alpha.name), {"name": null, "topicId": ZERO_ID}]))
    })
    .from(10),
    Case::new("Metadata", "by id", |w, _| about(json!([{"name": null, "topicId": w.alpha.id.to_string()}]))).from(10),
    Case::new("Metadata", "unknown id", |_, _| about(json!([{"name": null, "topicId": STRANGE_ID}]))).from(10),
    Case::new("Metadata", "id and its name", |w, _| {
        about(json!([{"name": w.alpha.name, "topicId": w.alpha.id.to_string()}]))
    })
    .from(10),
    Case::new("Metadata", "id and another name", |w, _| {
        about(json!([{"name": w.beta.name, "topicId": w.alpha.id.to_string()}]))
    })
    .from(10),
    Case::new("Metadata", "unknown id and a name", |w, _| about(json!([{"name": w.beta.name, "topicId": STRANGE_ID}])))
        .from(10),
    Case::new("Metadata", "a name twice", |w, _| about(json!([named(&w.alpha.name), named(&w.alpha.name)]))),
    Case::new("Metadata", "an id twice", |w, _| {
        let one = json!({"name": null, "topicId": w.alpha.id.to_string()});
        about(json!([one, one]))
    })
    .from(10),
    Case::new("Metadata", "by name and by id", |w, _| {
        about(json!([named(&w.beta.name), {"name": null, "topicId": w.beta.id.to_string()}]))
    })
    .from(10),
    Case::new("Metadata", "an unknown id twice", |_, _| {
        about(json!([{"name": null, "topicId": STRANGE_ID}, {"name": null, "topicId": STRANGE_ID}]))
    })
    .from(10),
    Case::new("Metadata", "with operations", |w, _| {
        json!({"topics": [named(&w.beta.name)], "includeClusterAuthorizedOperations": true,
            "includeTopicAuthorizedOperations": true})
    })
    .from(8),
    Case::new("CreateTopics", PLAIN, |w, _| create(json!([topic(&w.name("new"), 2, 1)]))),
    Case::new("CreateTopics", "defaults", |w, _| create(json!([topic(&w.name("new"), -1, -1)]))),
    Case::new("CreateTopics", "nothing", |_, _| create(json!([]))),
    Case::new("CreateTopics", "one twice", |w, _| {
        let name = w.name("twice");
        create(json!([topic(&name, 1, 1), topic(&name, 2, 1), topic(&w.name("once"), 1, 1)]))
    }),
    Case::new("CreateTopics", "there already", |w, _| create(json!([topic(&w.alpha.name, 1, 1)]))),
    Case::new("CreateTopics", "there already and wrong", |w, _| create(json!([topic(&w.alpha.name, 0, 9)]))),
    Case::new("CreateTopics", "invalid names", |_, _| {
        create(json!([topic("", 1, 1), topic(".", 1, 1), topic("..", 1, 1), topic("a b", 1, 1)]))
    }),
    Case::new("CreateTopics", "a name too long", |_, _| create(json!([topic(&"x".repeat(250), 1, 1)]))),
    Case::new("CreateTopics", "the metadata log", |_, _| create(json!([topic("__cluster_metadata", 1, 1)]))),
    Case::new("CreateTopics", "names that collide", |w, _| {
        let name = w.name("c.d");
        w.ask("CreateTopics", 7, &create(json!([topic(&name, 1, 1)])));
        create(json!([topic(&name.replace("c.d", "c_d"), 1, 1)]))
    }),
    Case::new("CreateTopics", "wrong counts", |w, _| {
        create(json!([
            topic(&w.name("none"), 0, 1),
            topic(&w.name("negative"), -2, 1),
            topic(&w.name("replicas"), 1, 0),
            topic(&w.name("negative-replicas"), 1, -2),
            topic(&w.name("brokers"), 1, 2),
            topic(&w.name("both"), 0, 0)
        ]))
    }),
    Case::new("CreateTopics", "more than 10000 partitions", |w, _| create(json!([topic(&w.name("many"), 10_001, 1)]))),
    Case::new("CreateTopics", "more than 10000 partitions together", |w, _| {
        create(json!([topic(&w.name("many"), 5_000, 1), topic(&w.name("more"), 5_001, 1)]))
    }),
    Case::new("CreateTopics", "too many and a wrong one", |w, _| {
        create(json!([topic(&w.name("many"), 10_001, 1), topic("a b", 1, 1), topic(&w.alpha.name, 1, 1)]))
    }),
    Case::new("CreateTopics", "too many in a topic that is there", |w, _| {
        create(json!([topic(&w.alpha.name, 10_001, 1), topic(&w.name("one"), 1, 1)]))
    }),
    Case::new(
        "CreateTopics",
        "too many only to validate",
        |w, _| json!({"topics": [topic(&w.name("many"), 10_001, 1)], "timeoutMs": 10_000, "validateOnly": true}),
    ),
    Case::new(
        "CreateTopics",
        "only to validate",
        |w, _| json!({"topics": [topic(&w.name("v"), 2, 1), topic(&w.alpha.name, 1, 1)], "timeoutMs": 10_000, "validateOnly": true}),
    ),
    Case::new("CreateTopics", "settings", |w, _| {
        create_with(w, json!([{"name": "retention.ms", "value": "5"}, {"name": "cleanup.policy", "value": "compact"}]))
    })
    .upto(4),
    Case::new("CreateTopics", "a setting twice", |w, _| {
        create_with(w, json!([{"name": "retention.ms", "value": "5"}, {"name": "retention.ms", "value": "6"}]))
    })
    .upto(4),
    Case::new("CreateTopics", "an unknown setting", |w, _| create_with(w, json!([{"name": "no.such", "value": "5"}]))),
    Case::new("CreateTopics", "a wrong setting", |w, _| {
        create_with(w, json!([{"name": "retention.ms", "value": "x"}]))
    }),
    Case::new("CreateTopics", "a null setting", |w, _| {
        create_with(w, json!([{"name": "retention.ms", "value": null}]))
    }),
    Case::new("CreateTopics", "by hand", |w, _| {
        create_assigned(w, -1, -1, json!([assigned(0, &[1]), assigned(1, &[1])]))
    })
    .upto(4),
    Case::new("CreateTopics", "by hand with a count", |w, _| create_assigned(w, 1, -1, json!([assigned(0, &[1])]))),
    Case::new("CreateTopics", "by hand with a factor", |w, _| create_assigned(w, -1, 1, json!([assigned(0, &[1])]))),
    Case::new("CreateTopics", "by hand with a gap", |w, _| {
        create_assigned(w, -1, -1, json!([assigned(0, &[1]), assigned(2, &[1])]))
    }),
    Case::new("CreateTopics", "by hand from 1", |w, _| create_assigned(w, -1, -1, json!([assigned(1, &[1])]))),
    Case::new("CreateTopics", "by hand a partition twice", |w, _| {
        create_assigned(w, -1, -1, json!([assigned(0, &[1]), assigned(0, &[1])]))
    }),
    Case::new("CreateTopics", "by hand a broker twice", |w, _| {
        create_assigned(w, -1, -1, json!([assigned(0, &[1, 1])]))
    }),
    Case::new("CreateTopics", "by hand no broker", |w, _| create_assigned(w, -1, -1, json!([assigned(0, &[])]))),
    Case::new("CreateTopics", "by hand an unknown broker", |w, _| {
        create_assigned(w, -1, -1, json!([assigned(0, &[9])]))
    }),
    Case::new("CreateTopics", "by hand different factors", |w, _| {
        create_assigned(w, -1, -1, json!([assigned(0, &[1]), assigned(1, &[1, 9])]))
    }),
    Case::new("DeleteTopics", PLAIN, |w, v| delete(v, json!(w.topic(1).name), ZERO_ID)),
    Case::new("DeleteTopics", "unknown name", |w, v| delete(v, json!(w.name("nowhere")), ZERO_ID)),
    Case::new("DeleteTopics", "invalid name", |_, v| delete(v, json!("a b"), ZERO_ID)),
    Case::new("DeleteTopics", "empty name", |_, v| delete(v, json!(""), ZERO_ID)),
    Case::new("DeleteTopics", "nothing", |_, _| json!({"timeoutMs": 10_000})),
    Case::new("DeleteTopics", "names twice", |w, v| {
        let (name, other) = (w.topic(1).name, w.name("nowhere"));
        match v {
            ..6 => json!({"timeoutMs": 10_000, "topicNames": [name, name, other, other]}),
            _ => delete_states(json!([{"name": name}, {"name": name}, {"name": other}, {"name": other}])),
        }
    }),
    Case::new("DeleteTopics", "by id", |w, v| delete(v, json!(null), &w.topic(1).id.to_string())).from(6),
    Case::new("DeleteTopics", "unknown id", |_, v| delete(v, json!(null), STRANGE_ID)).from(6),
    Case::new("DeleteTopics", "neither name nor id", |_, v| delete(v, json!(null), ZERO_ID)).from(6),
    Case::new("DeleteTopics", "neither name nor id twice", |_, _| {
        delete_states(json!([{"name": null, "topicId": ZERO_ID}, {"name": null, "topicId": ZERO_ID}]))
    })
    .from(6),
    Case::new("DeleteTopics", "name and id", |w, v| {
        let topic = w.topic(1);
        delete(v, json!(topic.name), &topic.id.to_string())
    })
    .from(6),
    Case::new("DeleteTopics", "name and an unknown id", |w, v| delete(v, json!(w.topic(1).name), STRANGE_ID)).from(6),
    Case::new("DeleteTopics", "ids twice", |w, _| {
        let known = json!({"name": null, "topicId": w.topic(1).id.to_string()});
        let strange = json!({"name": null, "topicId": STRANGE_ID});
        delete_states(json!([known, strange, known, strange]))
    })
    .from(6),
    Case::new("DeleteTopics", "one by name and by id", |w, _| {
        let topic = w.topic(1);
        delete_states(json!([{"name": topic.name}, {"name": null, "topicId": topic.id.to_string()}]))
    })
    .from(6),
    Case::new("DeleteTopics", "one by id and by name", |w, _| {
        let topic = w.topic(1);
        delete_states(json!([{"name": null, "topicId": topic.id.to_string()}, {"name": topic.name}]))
    })
    .from(6),
    Case::new("CreatePartitions", PLAIN, |w, _| grow(json!([to(&w.topic(1).name, 2)]))),
    Case::new("CreatePartitions", "as many as there are", |w, _| grow(json!([to(&w.alpha.name, 3)]))),
    Case::new("CreatePartitions", "fewer", |w, _| grow(json!([to(&w.alpha.name, 2)]))),
    Case::new("CreatePartitions", "none", |w, _| grow(json!([to(&w.alpha.name, 0), to(&w.beta.name, -1)]))),
    Case::new("CreatePartitions", "unknown", |w, _| grow(json!([to(&w.name("nowhere"), 2), to("a b", 2), to("", 2)]))),
    Case::new("CreatePartitions", "one twice", |w, _| grow(json!([to(&w.beta.name, 2), to(&w.beta.name, 3)]))),
    Case::new("CreatePartitions", "nothing", |_, _| grow(json!([]))),
    Case::new("CreatePartitions", "more than 10000", |w, _| only_validate(json!([to(&w.beta.name, 10_002)]))),
    Case::new("CreatePartitions", "too many of what is not there", |w, _| {
        grow(json!([to(&w.name("nowhere"), 20_000)]))
    }),
    Case::new(
        "CreatePartitions",
        "only to validate",
        |w, _| json!({"topics": [to(&w.beta.name, 2), to(&w.alpha.name, 3)], "timeoutMs": 10_000, "validateOnly": true}),
    ),
    Case::new("CreatePartitions", "by hand", |w, _| to_by_hand(w, 2, &[&[1]])),
    Case::new("CreatePartitions", "by hand too few", |w, _| to_by_hand(w, 3, &[&[1]])),
    Case::new("CreatePartitions", "by hand none", |w, _| to_by_hand(w, 2, &[])),
    Case::new("CreatePartitions", "by hand too many", |w, _| to_by_hand(w, 2, &[&[1], &[1]])),
    Case::new("CreatePartitions", "by hand no broker", |w, _| to_by_hand(w, 2, &[&[]])),
    Case::new("CreatePartitions", "by hand an unknown broker", |w, _| to_by_hand(w, 2, &[&[9]])),
    Case::new("CreatePartitions", "by hand a broker twice", |w, _| to_by_hand(w, 2, &[&[1, 1]])),
];
