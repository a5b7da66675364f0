//! Coordinators and groups as others see them, and members of the consumer protocol.
use super::{Case, PLAIN};
use crate::world::World;
use serde_json::{Value, json};

fn find(version: i16, kind: i8, keys: &[&str]) -> Value {
    match version {
        ..4 => json!({"key": keys.first().unwrap_or(&""), "keyType": kind}),
        _ => json!({"keyType": kind, "coordinatorKeys": keys}),
    }
}

/// A classic group that only has offsets.
fn simple(world: &World) -> String {
    let group = world.name("g");
    let partition = json!({"partitionIndex": 0, "committedOffset": 1, "committedMetadata": ""});
    let topics = json!([{"name": world.beta.name, "partitions": [partition]}]);
    world.ask("OffsetCommit", 9, &json!({"groupId": group, "generationIdOrMemberEpoch": -1, "topics": topics}));
    group
}

fn beat(world: &World) -> Value {
    json!({"groupId": world.name("g"), "memberId": world.name("m"), "memberEpoch": 0, "rebalanceTimeoutMs": 10_000,
        "subscribedTopicNames": [world.beta.name], "topicPartitions": []})
}

fn beat_with(world: &World, field: &str, value: Value) -> Value {
    let mut request = beat(world);
    request[field] = value;
    request
}

fn beat_without(world: &World, field: &str) -> Value {
    let mut request = beat(world);
    request.as_object_mut().expect("fields").remove(field);
    request
}

/// A group of one member by the consumer protocol: the request that made it.
fn joined(world: &World) -> Value {
    let request = beat(world);
    world.ask("ConsumerGroupHeartbeat", 1, &request);
    request
}

fn next(world: &World, epoch: i32, member: Option<&str>) -> Value {
    let made = joined(world);
    json!({"groupId": made["groupId"], "memberId": member.map_or(made["memberId"].clone(), |member| json!(member)),
        "memberEpoch": epoch, "topicPartitions": []})
}

pub const CASES: &[Case] = &[
    Case::new("FindCoordinator", PLAIN, |w, v| find(v, 0, &[&w.name("g")])),
    Case::new("FindCoordinator", "of transactions", |w, v| find(v, 1, &[&w.name("t")])).from(1),
    Case::new("FindCoordinator", "of a kind that is none", |w, v| find(v, 9, &[&w.name("g")])).from(1),
    Case::new("FindCoordinator", "of a negative kind", |w, v| find(v, -1, &[&w.name("g")])).from(1),
    Case::new("FindCoordinator", "of shares", |w, v| find(v, 2, &[&w.name("g")])).from(1).upto(5),
    Case::new("FindCoordinator", "of the empty key", |_, v| find(v, 0, &[""])),
    Case::new("FindCoordinator", "of no keys", |_, v| find(v, 0, &[])).from(4),
    Case::new("FindCoordinator", "of a key twice", |w, v| {
        let key = w.name("g");
        find(v, 0, &[&key, &key])
    })
    .from(4),
    Case::new("DescribeGroups", PLAIN, |w, _| json!({"groups": [simple(w)]})),
    Case::new("DescribeGroups", "unknown", |w, _| json!({"groups": [w.name("g")]})),
    Case::new("DescribeGroups", "empty", |_, _| json!({"groups": [""]})),
    Case::new("DescribeGroups", "nothing", |_, _| json!({"groups": []})),
    Case::new("DescribeGroups", "one twice", |w, _| {
        let group = simple(w);
        json!({"groups": [group, group]})
    }),
    Case::new(
        "DescribeGroups",
        "with operations",
        |w, _| json!({"groups": [simple(w), w.name("gone")], "includeAuthorizedOperations": true}),
    )
    .from(3),
    Case::new("DescribeGroups", "a group of the consumer protocol", |w, _| json!({"groups": [joined(w)["groupId"]]})),
    Case::new("ListGroups", PLAIN, |w, _| {
        simple(w);
        json!({})
    })
    .only_ours("groups"),
    Case::new("ListGroups", "a group of the consumer protocol", |w, _| {
        joined(w);
        json!({})
    })
    .only_ours("groups"),
    Case::new("ListGroups", "by state", |w, _| {
        simple(w);
        json!({"statesFilter": ["empty"]})
    })
    .only_ours("groups")
    .from(4),
    Case::new("ListGroups", "by type", |w, _| {
        simple(w);
        joined(w);
        json!({"typesFilter": ["Classic"]})
    })
    .only_ours("groups")
    .from(5),
    Case::new("ListGroups", "states that are none", |_, _| json!({"statesFilter": ["NoSuch"]})).from(4),
    Case::new("ListGroups", "types that are none", |_, _| json!({"typesFilter": ["nosuch"]})).from(5),
    Case::new("ConsumerGroupDescribe", PLAIN, |w, _| json!({"groupIds": [joined(w)["groupId"]]})),
    Case::new("ConsumerGroupDescribe", "unknown", |w, _| json!({"groupIds": [w.name("g")]})),
    Case::new("ConsumerGroupDescribe", "classic", |w, _| json!({"groupIds": [simple(w)]})),
    Case::new("ConsumerGroupDescribe", "empty", |_, _| json!({"groupIds": [""]})),
    Case::new("ConsumerGroupDescribe", "nothing", |_, _| json!({"groupIds": []})),
    Case::new("ConsumerGroupDescribe", "one twice", |w, _| {
        let group = joined(w)["groupId"].clone();
        json!({"groupIds": [group, group]})
    }),
    Case::new("ConsumerGroupHeartbeat", PLAIN, |w, _| beat(w)),
    Case::new("ConsumerGroupHeartbeat", "empty group", |w, _| beat_with(w, "groupId", json!(""))),
    Case::new("ConsumerGroupHeartbeat", "empty member", |w, _| beat_with(w, "memberId", json!(""))),
    Case::new("ConsumerGroupHeartbeat", "a member without id", |w, _| beat_without(w, "memberId")),
    Case::new("ConsumerGroupHeartbeat", "no rebalance timeout", |w, _| beat_without(w, "rebalanceTimeoutMs")),
    Case::new("ConsumerGroupHeartbeat", "no subscription", |w, _| beat_without(w, "subscribedTopicNames")),
    Case::new("ConsumerGroupHeartbeat", "no partitions told", |w, _| beat_with(w, "topicPartitions", json!(null))),
    Case::new("ConsumerGroupHeartbeat", "partitions of a new member", |w, _| {
        beat_with(w, "topicPartitions", json!([{"topicId": w.beta.id.to_string(), "partitions": [0]}]))
    }),
    Case::new("ConsumerGroupHeartbeat", "an unknown assignor", |w, _| beat_with(w, "serverAssignor", json!("no.such"))),
    Case::new("ConsumerGroupHeartbeat", "an empty instance", |w, _| beat_with(w, "instanceId", json!(""))),
    Case::new("ConsumerGroupHeartbeat", "an empty rack", |w, _| beat_with(w, "rackId", json!(""))),
    Case::new("ConsumerGroupHeartbeat", "an empty subscription", |w, _| {
        beat_with(w, "subscribedTopicNames", json!([]))
    }),
    Case::new("ConsumerGroupHeartbeat", "a pattern", |w, _| beat_with(w, "subscribedTopicRegex", json!("nothing-.*")))
        .from(1),
    Case::new("ConsumerGroupHeartbeat", "a pattern that is none", |w, _| {
        beat_with(w, "subscribedTopicRegex", json!("["))
    })
    .from(1),
    Case::new("ConsumerGroupHeartbeat", "epoch 3 of a new group", |w, _| beat_with(w, "memberEpoch", json!(3))),
    Case::new("ConsumerGroupHeartbeat", "epoch -3", |w, _| beat_with(w, "memberEpoch", json!(-3))),
    Case::new("ConsumerGroupHeartbeat", "epoch -2 without an instance", |w, _| beat_with(w, "memberEpoch", json!(-2))),
    Case::new("ConsumerGroupHeartbeat", "leaving a group that is none", |w, _| beat_with(w, "memberEpoch", json!(-1))),
    Case::new("ConsumerGroupHeartbeat", "a second one", |w, _| next(w, 1, None)),
    Case::new("ConsumerGroupHeartbeat", "an epoch ahead", |w, _| next(w, 9, None)),
    Case::new("ConsumerGroupHeartbeat", "somebody else", |w, _| next(w, 1, Some("somebody"))),
    Case::new("ConsumerGroupHeartbeat", "leaving", |w, _| next(w, -1, None)),
    Case::new("ConsumerGroupHeartbeat", "somebody else leaving", |w, _| next(w, -1, Some("somebody"))),
];
