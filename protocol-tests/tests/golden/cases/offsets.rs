//! What groups remember: OffsetCommit, OffsetFetch, OffsetDelete, DeleteGroups.
use super::{Case, PLAIN};
use crate::world::{STRANGE_ID, World, ZERO_ID};
use protocol_tests::Topic;
use serde_json::{Value, json};

fn commit(group: &str, topics: Value) -> Value {
    json!({"groupId": group, "generationIdOrMemberEpoch": -1, "memberId": "", "retentionTimeMs": -1, "topics": topics})
}

fn of(topic: &Topic, partitions: Value) -> Value {
    json!({"name": topic.name, "topicId": topic.id.to_string(), "partitions": partitions})
}

fn at(partition: i32, offset: i64, metadata: &str) -> Value {
    json!({"partitionIndex": partition, "committedOffset": offset, "committedMetadata": metadata})
}

/// A group that has committed offset 3 of the first partition of `alpha`.
fn committed(world: &World) -> String {
    let group = world.name("g");
    world.ask("OffsetCommit", 9, &commit(&group, json!([of(&world.alpha, json!([at(0, 3, "noted")]))])));
    group
}

/// In the form of versions 1 to 7 and in that of later ones.
fn fetch(version: i16, group: &str, topics: Value) -> Value {
    match version {
        ..8 => {
            let plain = topics.as_array().map(|topics| {
                let plain = topics
                    .iter()
                    .map(|topic| json!({"name": topic["name"], "partitionIndexes": topic["partitionIndexes"]}));
                plain.collect::<Vec<Value>>()
            });
            json!({"groupId": group, "topics": plain})
        }
        _ => json!({"groups": [{"groupId": group, "topics": topics}]}),
    }
}

fn asked(topic: &Topic, partitions: Value) -> Value {
    json!({"name": topic.name, "topicId": topic.id.to_string(), "partitionIndexes": partitions})
}

fn forget(group: &str, topics: Value) -> Value {
    json!({"groupId": group, "topics": topics})
}

fn parts(name: &str, partitions: &[i32]) -> Value {
    let partitions: Vec<Value> = partitions.iter().map(|index| json!({"partitionIndex": index})).collect();
    json!({"name": name, "partitions": partitions})
}

pub const CASES: &[Case] = &[
    Case::new("OffsetCommit", PLAIN, |w, _| commit(&w.name("g"), json!([of(&w.alpha, json!([at(0, 3, "noted")]))]))),
    Case::new("OffsetCommit", "null metadata", |w, _| {
        let partition = json!({"partitionIndex": 0, "committedOffset": 1, "committedMetadata": null});
        commit(&w.name("g"), json!([of(&w.alpha, json!([partition]))]))
    }),
    Case::new("OffsetCommit", "long metadata", |w, _| {
        let text = "x".repeat(4_097);
        commit(&w.name("g"), json!([of(&w.alpha, json!([at(0, 3, &text), at(1, 3, &text[1..])]))]))
    }),
    Case::new("OffsetCommit", "unknown topic", |w, _| {
        let nowhere = json!({"name": w.name("nowhere"), "topicId": STRANGE_ID, "partitions": [at(0, 1, "")]});
        commit(&w.name("g"), json!([nowhere, of(&w.alpha, json!([at(0, 1, "")]))]))
    }),
    Case::new("OffsetCommit", "zero topic id", |w, _| {
        commit(&w.name("g"), json!([{"topicId": ZERO_ID, "partitions": [at(0, 1, "")]}]))
    })
    .from(10),
    Case::new("OffsetCommit", "unknown partitions", |w, _| {
        commit(&w.name("g"), json!([of(&w.beta, json!([at(0, 1, ""), at(7, 1, ""), at(-1, 1, "")]))]))
    }),
    Case::new("OffsetCommit", "negative offset", |w, _| {
        commit(&w.name("g"), json!([of(&w.beta, json!([at(0, -1, "")]))]))
    }),
    Case::new("OffsetCommit", "a partition twice", |w, _| {
        commit(&w.name("g"), json!([of(&w.beta, json!([at(0, 1, ""), at(0, 2, "")]))]))
    }),
    Case::new("OffsetCommit", "a topic twice", |w, _| {
        commit(&w.name("g"), json!([of(&w.beta, json!([at(0, 1, "")])), of(&w.beta, json!([at(0, 2, "")]))]))
    }),
    Case::new("OffsetCommit", "empty group", |w, _| commit("", json!([of(&w.beta, json!([at(0, 1, "")]))]))),
    Case::new("OffsetCommit", "a member nobody knows", |w, _| {
        let mut request = commit(&w.name("g"), json!([of(&w.beta, json!([at(0, 1, "")]))]));
        request["memberId"] = json!("somebody");
        request
    }),
    Case::new("OffsetCommit", "a generation that never was", |w, _| {
        let mut request = commit(&w.name("g"), json!([of(&w.beta, json!([at(0, 1, "")]))]));
        request["generationIdOrMemberEpoch"] = json!(5);
        request
    }),
    Case::new("OffsetCommit", "generation -2", |w, _| {
        let mut request = commit(&w.name("g"), json!([of(&w.beta, json!([at(0, 1, "")]))]));
        request["generationIdOrMemberEpoch"] = json!(-2);
        request
    }),
    Case::new("OffsetCommit", "nothing", |w, _| commit(&w.name("g"), json!([]))),
    Case::new("OffsetCommit", "no partitions", |w, _| commit(&w.name("g"), json!([of(&w.beta, json!([]))]))),
    Case::new("OffsetFetch", PLAIN, |w, v| fetch(v, &committed(w), json!([asked(&w.alpha, json!([0, 1]))]))),
    Case::new("OffsetFetch", "all", |w, v| fetch(v, &committed(w), json!(null))).from(2),
    Case::new("OffsetFetch", "all of nothing", |w, v| fetch(v, &w.name("g"), json!(null))).from(2),
    Case::new("OffsetFetch", "nothing", |w, v| fetch(v, &committed(w), json!([]))),
    Case::new("OffsetFetch", "no partitions", |w, v| fetch(v, &committed(w), json!([asked(&w.alpha, json!([]))]))),
    Case::new("OffsetFetch", "unknown topic", |w, v| {
        let nowhere = json!({"name": w.name("nowhere"), "topicId": STRANGE_ID, "partitionIndexes": [0]});
        fetch(v, &committed(w), json!([nowhere, asked(&w.alpha, json!([0]))]))
    }),
    Case::new("OffsetFetch", "zero topic id", |w, v| {
        fetch(v, &committed(w), json!([{"topicId": ZERO_ID, "partitionIndexes": [0]}]))
    })
    .from(10),
    Case::new("OffsetFetch", "unknown partitions", |w, v| {
        fetch(v, &committed(w), json!([asked(&w.beta, json!([0, 7, -1]))]))
    }),
    Case::new("OffsetFetch", "a partition twice", |w, v| {
        fetch(v, &committed(w), json!([asked(&w.alpha, json!([0, 0]))]))
    }),
    Case::new("OffsetFetch", "a topic twice", |w, v| {
        fetch(v, &committed(w), json!([asked(&w.alpha, json!([0])), asked(&w.alpha, json!([1]))]))
    }),
    Case::new("OffsetFetch", "unknown group", |w, v| fetch(v, &w.name("g"), json!([asked(&w.alpha, json!([0]))]))),
    Case::new("OffsetFetch", "empty group", |w, v| fetch(v, "", json!([asked(&w.alpha, json!([0]))]))),
    Case::new("OffsetFetch", "stable", |w, v| {
        let mut request = fetch(v, &committed(w), json!([asked(&w.alpha, json!([0]))]));
        request["requireStable"] = json!(true);
        request
    })
    .from(7),
    Case::new("OffsetFetch", "groups twice and none", |w, _| {
        let group = json!({"groupId": committed(w), "topics": [asked(&w.alpha, json!([0]))]});
        json!({"groups": [group, group]})
    })
    .from(8),
    Case::new("OffsetFetch", "no groups", |_, _| json!({"groups": []})).from(8),
    Case::new("OffsetFetch", "a member nobody knows", |w, _| {
        let topics = json!([asked(&w.alpha, json!([0]))]);
        json!({"groups": [{"groupId": committed(w), "memberId": "somebody", "memberEpoch": 3, "topics": topics}]})
    })
    .from(9),
    Case::new("OffsetDelete", PLAIN, |w, _| forget(&committed(w), json!([parts(&w.alpha.name, &[0])]))),
    Case::new("OffsetDelete", "what was never committed", |w, _| {
        forget(&committed(w), json!([parts(&w.alpha.name, &[1])]))
    }),
    Case::new("OffsetDelete", "unknown", |w, _| {
        forget(&committed(w), json!([parts(&w.beta.name, &[7, -1]), parts(&w.name("nowhere"), &[0])]))
    }),
    Case::new("OffsetDelete", "a partition twice", |w, _| {
        forget(&committed(w), json!([parts(&w.alpha.name, &[0, 0])]))
    }),
    Case::new("OffsetDelete", "a topic twice", |w, _| {
        forget(&committed(w), json!([parts(&w.alpha.name, &[0]), parts(&w.alpha.name, &[1])]))
    }),
    Case::new("OffsetDelete", "unknown group", |w, _| forget(&w.name("g"), json!([parts(&w.alpha.name, &[0])]))),
    Case::new("OffsetDelete", "empty group", |w, _| forget("", json!([parts(&w.alpha.name, &[0])]))),
    Case::new("OffsetDelete", "nothing", |w, _| forget(&committed(w), json!([]))),
    Case::new("OffsetDelete", "nothing of an unknown group", |w, _| forget(&w.name("g"), json!([]))),
    Case::new("DeleteGroups", PLAIN, |w, _| json!({"groupsNames": [committed(w)]})),
    Case::new("DeleteGroups", "unknown", |w, _| json!({"groupsNames": [w.name("g")]})),
    Case::new("DeleteGroups", "empty", |_, _| json!({"groupsNames": [""]})),
    Case::new("DeleteGroups", "nothing", |_, _| json!({"groupsNames": []})),
    Case::new("DeleteGroups", "one twice", |w, _| {
        let group = committed(w);
        json!({"groupsNames": [group, group]})
    }),
    Case::new("DeleteGroups", "an unknown one twice", |w, _| {
        let group = w.name("g");
        json!({"groupsNames": [group, group]})
    }),
];
