//! Members of classic groups: JoinGroup, SyncGroup, Heartbeat, LeaveGroup.
use super::{Case, PLAIN};
use crate::world::World;
use serde_json::{Value, json};

fn join(group: &str, member: &str) -> Value {
    json!({"groupId": group, "sessionTimeoutMs": 10_000, "rebalanceTimeoutMs": 10_000, "memberId": member,
        "protocolType": "consumer", "protocols": [{"name": "range", "metadata": "0102"}]})
}

fn join_with(world: &World, field: &str, value: Value) -> Value {
    let mut request = join(&world.name("g"), "");
    request[field] = value;
    request
}

/// The only member of a new group, in its first generation: group and member.
fn member(world: &World) -> (String, String) {
    let group = world.name("g");
    let joined = world.ask("JoinGroup", 3, &join(&group, ""));
    let id =
        joined.iter().find(|line| line.path == "memberId").expect("a member id").value.trim_matches('"').to_string();
    let assignments = json!([{"memberId": id, "assignment": "0a0b"}]);
    world.ask(
        "SyncGroup",
        3,
        &json!({"groupId": group, "generationId": 1, "memberId": id, "assignments": assignments}),
    );
    (group, id)
}

fn beat(group: &str, generation: i32, member: &str) -> Value {
    json!({"groupId": group, "generationId": generation, "memberId": member})
}

fn leave(version: i16, group: &str, members: &[&str]) -> Value {
    match version {
        ..3 => json!({"groupId": group, "memberId": members.first().unwrap_or(&"")}),
        _ => {
            let members: Vec<Value> = members.iter().map(|member| json!({"memberId": member})).collect();
            json!({"groupId": group, "members": members})
        }
    }
}

pub const CASES: &[Case] = &[
    Case::new("JoinGroup", PLAIN, |w, _| join(&w.name("g"), "")),
    Case::new("JoinGroup", "empty group", |_, _| join("", "")),
    Case::new("JoinGroup", "a member nobody knows", |w, _| join(&w.name("g"), "somebody")),
    Case::new("JoinGroup", "a member nobody knows of a group", |w, _| join(&member(w).0, "somebody")),
    Case::new("JoinGroup", "no protocols", |w, _| join_with(w, "protocols", json!([]))),
    Case::new("JoinGroup", "no protocol type", |w, _| join_with(w, "protocolType", json!(""))),
    Case::new("JoinGroup", "a session too short", |w, _| join_with(w, "sessionTimeoutMs", json!(10))),
    Case::new("JoinGroup", "a session too long", |w, _| join_with(w, "sessionTimeoutMs", json!(i32::MAX))),
    Case::new("JoinGroup", "a negative session", |w, _| join_with(w, "sessionTimeoutMs", json!(-1))),
    Case::new("JoinGroup", "a negative rebalance", |w, _| join_with(w, "rebalanceTimeoutMs", json!(-1))),
    Case::new("JoinGroup", "a static member", |w, _| join_with(w, "groupInstanceId", json!("i"))).from(5),
    Case::new("JoinGroup", "an empty instance", |w, _| join_with(w, "groupInstanceId", json!(""))).from(5),
    Case::new("JoinGroup", "a static member nobody knows", |w, _| {
        let mut request = join(&w.name("g"), "somebody");
        request["groupInstanceId"] = json!("i");
        request
    })
    .from(5),
    Case::new("JoinGroup", "other protocols than the group's", |w, _| {
        let mut request = join(&member(w).0, "");
        request["protocols"] = json!([{"name": "other", "metadata": ""}]);
        request
    }),
    Case::new("JoinGroup", "another type than the group's", |w, _| {
        let mut request = join(&member(w).0, "");
        request["protocolType"] = json!("connect");
        request
    }),
    Case::new("JoinGroup", "a protocol twice", |w, _| {
        join_with(w, "protocols", json!([{"name": "a", "metadata": "01"}, {"name": "a", "metadata": "02"}]))
    })
    .silent_on_kafka(),
    Case::new("JoinGroup", "again", |w, _| {
        let (group, id) = member(w);
        join(&group, &id)
    }),
    Case::new("SyncGroup", PLAIN, |w, v| {
        let (group, id) = member(w);
        let request = json!({"groupId": group, "generationId": 1, "memberId": id});
        if v < 5 { request } else { with_protocol(request, "consumer", "range") }
    }),
    Case::new("SyncGroup", "without its protocol", |w, _| {
        let (group, id) = member(w);
        json!({"groupId": group, "generationId": 1, "memberId": id})
    })
    .from(5),
    Case::new("SyncGroup", "another protocol", |w, _| {
        let (group, id) = member(w);
        with_protocol(json!({"groupId": group, "generationId": 1, "memberId": id}), "consumer", "other")
    })
    .from(5),
    Case::new("SyncGroup", "another type", |w, _| {
        let (group, id) = member(w);
        with_protocol(json!({"groupId": group, "generationId": 1, "memberId": id}), "connect", "range")
    })
    .from(5),
    Case::new("SyncGroup", "another generation", |w, v| {
        let (group, id) = member(w);
        let request = json!({"groupId": group, "generationId": 7, "memberId": id});
        if v < 5 { request } else { with_protocol(request, "consumer", "range") }
    }),
    Case::new("SyncGroup", "unknown", |w, v| {
        let request = json!({"groupId": w.name("g"), "generationId": 1, "memberId": "somebody"});
        if v < 5 { request } else { with_protocol(request, "consumer", "range") }
    }),
    Case::new("SyncGroup", "empty group", |_, v| {
        let request = json!({"groupId": "", "generationId": 1, "memberId": "somebody"});
        if v < 5 { request } else { with_protocol(request, "consumer", "range") }
    }),
    Case::new("Heartbeat", PLAIN, |w, _| {
        let (group, id) = member(w);
        beat(&group, 1, &id)
    }),
    Case::new("Heartbeat", "another generation", |w, _| {
        let (group, id) = member(w);
        beat(&group, 2, &id)
    }),
    Case::new("Heartbeat", "a negative generation", |w, _| {
        let (group, id) = member(w);
        beat(&group, -1, &id)
    }),
    Case::new("Heartbeat", "somebody else", |w, _| beat(&member(w).0, 1, "somebody")),
    Case::new("Heartbeat", "unknown", |w, _| beat(&w.name("g"), 1, "somebody")),
    Case::new("Heartbeat", "empty member", |w, _| beat(&w.name("g"), -1, "")),
    Case::new("Heartbeat", "empty group", |_, _| beat("", 1, "somebody")),
    Case::new("Heartbeat", "an instance nobody knows", |w, _| {
        let (group, id) = member(w);
        json!({"groupId": group, "generationId": 1, "memberId": id, "groupInstanceId": "i"})
    })
    .from(3),
    Case::new("LeaveGroup", PLAIN, |w, v| {
        let (group, id) = member(w);
        leave(v, &group, &[&id])
    }),
    Case::new("LeaveGroup", "somebody else", |w, v| leave(v, &member(w).0, &["somebody"])),
    Case::new("LeaveGroup", "unknown", |w, v| leave(v, &w.name("g"), &["somebody"])),
    Case::new("LeaveGroup", "empty group", |_, v| leave(v, "", &["somebody"])),
    Case::new("LeaveGroup", "nobody", |w, v| leave(v, &member(w).0, &[])),
    Case::new("LeaveGroup", "nobody of an unknown group", |w, v| leave(v, &w.name("g"), &[])).from(3),
    Case::new("LeaveGroup", "twice", |w, v| {
        let (group, id) = member(w);
        leave(v, &group, &[&id, &id, "somebody"])
    })
    .from(3),
    Case::new(
        "LeaveGroup",
        "an instance nobody knows",
        |w, _| json!({"groupId": member(w).0, "members": [{"memberId": "", "groupInstanceId": "i"}]}),
    )
    .from(3),
];

fn with_protocol(mut request: Value, kind: &str, name: &str) -> Value {
    request["protocolType"] = json!(kind);
    request["protocolName"] = json!(name);
    request
}
