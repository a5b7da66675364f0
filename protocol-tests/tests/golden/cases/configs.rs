//! Settings: described, altered, listed.
use super::{Case, PLAIN};
use crate::world::World;
use serde_json::{Value, json};

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const LOGGER: i8 = 8;
const CLIENT_METRICS: i8 = 16;
const GROUP: i8 = 32;
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

fn asked(kind: i8, name: &str, keys: Value) -> Value {
    json!({"resourceType": kind, "resourceName": name, "configurationKeys": keys})
}

fn describe(resources: Value) -> Value {
    json!({"resources": resources})
}

fn describe_one(kind: i8, name: &str, keys: Value) -> Value {
    describe(json!([asked(kind, name, keys)]))
}

fn describe_all(world: &World, key: &str) -> Value {
    let resource = asked(TOPIC, &world.alpha.name, json!([key]));
    json!({"resources": [resource], "includeSynonyms": true, "includeDocumentation": false})
}

fn alter(kind: i8, name: &str, configs: Value) -> Value {
    json!({"resources": [{"resourceType": kind, "resourceName": name, "configs": configs}]})
}

fn alter_twice(kind: i8, name: &str, configs: Value) -> Value {
    let one = json!({"resourceType": kind, "resourceName": name, "configs": configs});
    json!({"resources": [one, one]})
}

fn validate(mut request: Value) -> Value {
    request["validateOnly"] = json!(true);
    request
}

fn pair(name: &str, value: &str) -> Value {
    json!({"name": name, "value": value})
}

fn step(operation: i8, name: &str, value: Value) -> Value {
    json!({"name": name, "configOperation": operation, "value": value})
}

fn set(name: &str, value: &str) -> Value {
    step(SET, name, json!(value))
}

pub const CASES: &[Case] = &[
    Case::new("DescribeConfigs", PLAIN, |w, _| {
        describe_one(TOPIC, &w.alpha.name, json!(["retention.ms", "segment.ms"]))
    }),
    Case::new("DescribeConfigs", "synonyms", |w, _| describe_all(w, "retention.ms")),
    Case::new("DescribeConfigs", "an empty key list of a topic", |w, _| describe_one(TOPIC, &w.alpha.name, json!([]))),
    Case::new("DescribeConfigs", "unknown and repeated keys", |w, _| {
        describe_one(TOPIC, &w.alpha.name, json!(["no.such", "retention.ms", "retention.ms", ""]))
    }),
    Case::new("DescribeConfigs", "unknown topic", |w, _| describe_one(TOPIC, &w.name("nowhere"), json!(null))),
    Case::new("DescribeConfigs", "invalid topic", |_, _| describe_one(TOPIC, "a b", json!(null))),
    Case::new("DescribeConfigs", "empty topic", |_, _| describe_one(TOPIC, "", json!(null))),
    Case::new("DescribeConfigs", "a topic twice", |w, _| {
        let one = asked(TOPIC, &w.alpha.name, json!(["retention.ms"]));
        describe(json!([one, one]))
    }),
    Case::new("DescribeConfigs", "broker", |_, _| describe_one(BROKER, "1", json!(["log.retention.ms"]))),
    Case::new("DescribeConfigs", "all brokers", |_, _| describe_one(BROKER, "", json!(["log.retention.ms"]))),
    Case::new("DescribeConfigs", "another broker", |_, _| describe_one(BROKER, "99", json!(null))),
    Case::new("DescribeConfigs", "a broker that is no number", |_, _| describe_one(BROKER, "one", json!(null))),
    Case::new("DescribeConfigs", "loggers of another broker", |_, _| describe_one(LOGGER, "99", json!(null))),
    Case::new("DescribeConfigs", "loggers of no broker", |_, _| describe_one(LOGGER, "", json!(null))),
    Case::new("DescribeConfigs", "group", |w, _| describe_one(GROUP, &w.name("g"), json!(null))),
    Case::new("DescribeConfigs", "an empty key list of a group", |w, _| describe_one(GROUP, &w.name("g"), json!([]))),
    Case::new("DescribeConfigs", "empty group", |_, _| describe_one(GROUP, "", json!(null))),
    Case::new("DescribeConfigs", "client metrics", |w, _| describe_one(CLIENT_METRICS, &w.name("m"), json!(null))),
    Case::new("DescribeConfigs", "empty client metrics", |_, _| describe_one(CLIENT_METRICS, "", json!(null))),
    Case::new("DescribeConfigs", "kinds that are none", |_, _| {
        describe(json!([
            asked(0, "a", json!(null)),
            asked(1, "a", json!(null)),
            asked(99, "a", json!(null)),
            asked(-1, "a", json!(null))
        ]))
    }),
    Case::new("DescribeConfigs", "nothing", |_, _| describe(json!([]))),
    Case::new("AlterConfigs", PLAIN, |w, _| alter(TOPIC, &w.topic(1).name, json!([pair("retention.ms", "5000")]))),
    Case::new("AlterConfigs", "only to validate", |w, _| {
        validate(alter(TOPIC, &w.beta.name, json!([pair("retention.ms", "5000")])))
    }),
    Case::new("AlterConfigs", "only to validate what is wrong", |w, _| {
        validate(alter(TOPIC, &w.beta.name, json!([pair("retention.ms", "x")])))
    }),
    Case::new("AlterConfigs", "a topic twice", |w, _| {
        alter_twice(TOPIC, &w.topic(1).name, json!([pair("retention.ms", "5")]))
    })
    .silent_on_kafka(),
    Case::new("AlterConfigs", "an unknown topic twice", |w, _| alter_twice(TOPIC, &w.name("nowhere"), json!([])))
        .silent_on_kafka(),
    Case::new("AlterConfigs", "a key twice", |w, _| {
        validate(alter(TOPIC, &w.beta.name, json!([pair("retention.ms", "5"), pair("retention.ms", "6")])))
    }),
    Case::new("AlterConfigs", "a null value", |w, _| {
        validate(alter(TOPIC, &w.beta.name, json!([{"name": "retention.ms", "value": null}])))
    }),
    Case::new("AlterConfigs", "an unknown key", |w, _| {
        validate(alter(TOPIC, &w.beta.name, json!([pair("no.such", "5")])))
    }),
    Case::new("AlterConfigs", "an empty key", |w, _| validate(alter(TOPIC, &w.beta.name, json!([pair("", "5")])))),
    Case::new("AlterConfigs", "no keys", |w, _| alter(TOPIC, &w.topic(1).name, json!([]))),
    Case::new("AlterConfigs", "unknown topic", |w, _| {
        alter(TOPIC, &w.name("nowhere"), json!([pair("retention.ms", "5")]))
    }),
    Case::new("AlterConfigs", "unknown topic only to validate", |w, _| {
        validate(alter(TOPIC, &w.name("nowhere"), json!([pair("retention.ms", "5")])))
    }),
    Case::new("AlterConfigs", "invalid topic", |_, _| alter(TOPIC, "a b", json!([pair("retention.ms", "5")]))),
    Case::new("AlterConfigs", "empty topic", |_, _| alter(TOPIC, "", json!([pair("retention.ms", "5")]))),
    Case::new("AlterConfigs", "another broker", |_, _| alter(BROKER, "99", json!([pair("log.retention.ms", "5")]))),
    Case::new("AlterConfigs", "a broker that is no number", |_, _| alter(BROKER, "one", json!([]))),
    Case::new("AlterConfigs", "what only a restart changes", |_, _| alter(BROKER, "1", json!([pair("node.id", "7")]))),
    Case::new("AlterConfigs", "loggers", |_, _| alter(LOGGER, "1", json!([pair("kafka", "INFO")]))),
    Case::new("AlterConfigs", "kinds that are none", |_, _| {
        let of = |kind: i8| json!({"resourceType": kind, "resourceName": "a", "configs": []});
        json!({"resources": [of(0), of(1), of(99), of(-1)]})
    })
    .silent_on_kafka(),
    Case::new("AlterConfigs", "empty group", |_, _| alter(GROUP, "", json!([]))),
    Case::new("AlterConfigs", "empty client metrics", |_, _| alter(CLIENT_METRICS, "", json!([]))),
    Case::new("AlterConfigs", "nothing", |_, _| json!({"resources": []})),
    Case::new("IncrementalAlterConfigs", PLAIN, |w, _| {
        alter(TOPIC, &w.topic(1).name, json!([set("retention.ms", "5000")]))
    }),
    Case::new("IncrementalAlterConfigs", "every operation", |w, _| {
        alter(
            TOPIC,
            &w.topic(1).name,
            json!([
                set("retention.ms", "5"),
                step(DELETE, "segment.ms", json!(null)),
                step(APPEND, "cleanup.policy", json!("compact"))
            ]),
        )
    }),
    Case::new("IncrementalAlterConfigs", "delete with a value", |w, _| {
        alter(TOPIC, &w.topic(1).name, json!([step(DELETE, "retention.ms", json!("5"))]))
    }),
    Case::new("IncrementalAlterConfigs", "delete an unknown key", |w, _| {
        alter(TOPIC, &w.topic(1).name, json!([step(DELETE, "no.such", json!(null))]))
    }),
    Case::new("IncrementalAlterConfigs", "subtract what is not there", |w, _| {
        alter(TOPIC, &w.topic(1).name, json!([step(SUBTRACT, "cleanup.policy", json!("compact"))]))
    }),
    Case::new("IncrementalAlterConfigs", "append to no list", |w, _| {
        alter(TOPIC, &w.topic(1).name, json!([step(APPEND, "retention.ms", json!("5"))]))
    }),
    Case::new("IncrementalAlterConfigs", "append null", |w, _| {
        alter(TOPIC, &w.topic(1).name, json!([step(APPEND, "cleanup.policy", json!(null))]))
    }),
    Case::new("IncrementalAlterConfigs", "set to null", |w, _| {
        alter(TOPIC, &w.topic(1).name, json!([step(SET, "retention.ms", json!(null))]))
    }),
    Case::new("IncrementalAlterConfigs", "a topic twice", |w, _| {
        alter_twice(TOPIC, &w.topic(1).name, json!([set("retention.ms", "5")]))
    }),
    Case::new("IncrementalAlterConfigs", "a topic twice and another", |w, _| {
        let of =
            |name: &str| json!({"resourceType": TOPIC, "resourceName": name, "configs": [set("retention.ms", "5")]});
        let (first, second) = (w.topic(1).name, w.topic(1).name);
        json!({"resources": [of(&first), of(&second), of(&first)]})
    }),
    Case::new("IncrementalAlterConfigs", "a key twice", |w, _| {
        alter(TOPIC, &w.topic(1).name, json!([set("retention.ms", "5"), set("retention.ms", "6")]))
    }),
    Case::new("IncrementalAlterConfigs", "a key set and deleted", |w, _| {
        alter(TOPIC, &w.topic(1).name, json!([set("retention.ms", "5"), step(DELETE, "retention.ms", json!(null))]))
    }),
    Case::new("IncrementalAlterConfigs", "an operation that is none", |w, _| {
        alter(TOPIC, &w.topic(1).name, json!([step(9, "retention.ms", json!("5"))]))
    }),
    Case::new("IncrementalAlterConfigs", "only to validate", |w, _| {
        validate(alter(TOPIC, &w.topic(1).name, json!([set("retention.ms", "5")])))
    }),
    Case::new("IncrementalAlterConfigs", "only to validate what is wrong", |w, _| {
        validate(alter(TOPIC, &w.topic(1).name, json!([set("retention.ms", "x")])))
    }),
    Case::new("IncrementalAlterConfigs", "no keys", |w, _| alter(TOPIC, &w.topic(1).name, json!([]))),
    Case::new("IncrementalAlterConfigs", "an empty key", |w, _| alter(TOPIC, &w.topic(1).name, json!([set("", "5")]))),
    Case::new("IncrementalAlterConfigs", "unknown topic", |w, _| {
        alter(TOPIC, &w.name("nowhere"), json!([set("retention.ms", "5")]))
    }),
    Case::new("IncrementalAlterConfigs", "invalid topic", |_, _| {
        alter(TOPIC, "a b", json!([set("retention.ms", "5")]))
    }),
    Case::new("IncrementalAlterConfigs", "empty topic", |_, _| alter(TOPIC, "", json!([set("retention.ms", "5")]))),
    Case::new("IncrementalAlterConfigs", "another broker", |_, _| {
        alter(BROKER, "99", json!([set("log.retention.ms", "5")]))
    }),
    Case::new("IncrementalAlterConfigs", "a broker that is no number", |_, _| alter(BROKER, "one", json!([]))),
    Case::new("IncrementalAlterConfigs", "what only a restart changes", |_, _| {
        alter(BROKER, "1", json!([set("node.id", "7")]))
    }),
    Case::new("IncrementalAlterConfigs", "kinds that are none", |_, _| {
        let of = |kind: i8| json!({"resourceType": kind, "resourceName": "a", "configs": []});
        json!({"resources": [of(0), of(1), of(99), of(-1)]})
    }),
    Case::new("IncrementalAlterConfigs", "group", |w, _| {
        alter(GROUP, &w.name("g"), json!([set("consumer.session.timeout.ms", "50000")]))
    }),
    Case::new("IncrementalAlterConfigs", "a group's unknown key", |w, _| {
        alter(GROUP, &w.name("g"), json!([set("no.such", "1")]))
    }),
    Case::new("IncrementalAlterConfigs", "empty group", |_, _| {
        alter(GROUP, "", json!([set("consumer.session.timeout.ms", "50000")]))
    }),
    Case::new("IncrementalAlterConfigs", "nothing", |_, _| json!({"resources": []})),
    Case::new("ListConfigResources", PLAIN, |_, v| {
        if v == 0 { json!({}) } else { json!({"resourceTypes": [CLIENT_METRICS]}) }
    })
    .only_ours("configResources"),
    Case::new("ListConfigResources", "a kind that is none", |_, _| json!({"resourceTypes": [99]})).from(1),
    Case::new("ListConfigResources", "a kind twice", |_, _| json!({"resourceTypes": [BROKER, BROKER]})).from(1),
];
