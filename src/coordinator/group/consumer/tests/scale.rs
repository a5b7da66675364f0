//! A thousand members of one group.
use super::shard::{Shard, joining, staying};
use crate::{
    coordinator::group::consumer::{Heartbeat, Partitions, State},
    platform::{Clock, SystemClock},
};
use std::{collections::BTreeMap, time::Duration};

/// A member that does at once what it is told.
struct Client {
    epoch: i32,
    owned: Partitions,
    /// It has something to tell.
    changed: bool,
    next_ms: u64,
}

#[test]
fn cg_4_a_thousand_members_that_come_at_once_are_settled_within_five_seconds() {
    let mut shard = Shard::new(&[("t", 1_000), ("u", 1_000)]);
    shard.compares = false;
    let clock = SystemClock::default();
    let started = clock.monotonic();
    let begun_ms = shard.at.monotonic_ms;
    let mut clients: BTreeMap<String, Client> = BTreeMap::new();
    for number in 0..1_000 {
        let id = format!("member-{number:04}");
        let reply = shard.beat(&joining(&id, &["t", "u"])).unwrap();
        let owned = reply.assignment.unwrap_or_default();
        let next_ms = shard.at.monotonic_ms + reply.heartbeat_interval_ms as u64;
        clients.insert(id, Client { epoch: reply.member_epoch, owned, changed: true, next_ms });
    }
    while shard.group().state() != State::Stable {
        shard.pass(50);
        let took_ms = shard.at.monotonic_ms - begun_ms;
        assert!(took_ms <= 5_000, "the group is {:?} after {took_ms} ms", shard.group().state());
        for (id, client) in &mut clients {
            if !client.changed && client.next_ms > shard.at.monotonic_ms {
                continue;
            }
            let owned = client.changed.then(|| client.owned.clone());
            let reply = shard.beat(&Heartbeat { owned, ..staying(id, client.epoch) }).unwrap();
            client.changed = reply.assignment.as_ref().is_some_and(|assignment| *assignment != client.owned);
            client.owned = reply.assignment.unwrap_or_else(|| client.owned.clone());
            client.epoch = reply.member_epoch;
            client.next_ms = shard.at.monotonic_ms + reply.heartbeat_interval_ms as u64;
        }
    }
    assert!(clients.keys().all(|id| shard.count(id) == 2), "two partitions for each");
    shard.compare();
    // Without optimisation, on a machine that may be busy.
    let took = clock.monotonic() - started;
    assert!(took < Duration::from_secs(60), "{took:?}");
}
