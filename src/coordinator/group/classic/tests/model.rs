//! Clients by seeds: they join, sync, beat, leave, vanish, repeat themselves and flood, while the coordinator moves and
//! sleeps. `OTTLA_SEEDS=10000` runs more of them.
mod client;

use super::*;
use crate::platform::{Chance, SeededChance};
use client::{Client, Phase};
use std::collections::{BTreeMap, BTreeSet};

const PARTITIONS: u8 = 12;
const SEEDS: u64 = 300;
const STEPS: usize = 250;
/// Longest wait of a parked request: a round, the grace of one that slept, and the longest sleep.
const WAIT_MS_MAX: u64 = REBALANCE_MS + 5_000 + SLEEP_MS + 1_000;
const SLEEP_MS: u64 = 45_000;

struct World {
    rig: Rig,
    chance: SeededChance,
    clients: Vec<Client>,
    /// A member of another group, which nothing of all this may disturb.
    calm: Joined,
    /// Requests whose clients are gone: they too must be answered.
    ghosts: Vec<(u64, Asking)>,
    records_seen: usize,
    last_generation: i32,
}

impl World {
    fn new(seed: u64) -> World {
        let chance = SeededChance::new(seed);
        let mut rig = Rig::new();
        rig.settings.initial_rebalance_delay_ms = [0, 3_000][(chance.u64() % 2) as usize];
        rig.settings.members_max = [4, 1_000][(chance.u64() % 2) as usize];
        let calm = JoinRequest { group: "calm".into(), takes_id: false, ..joining("") };
        let mut asked = rig.join(calm);
        rig.advance(3_000);
        let calm = joined(&mut asked);
        let own = (calm.member_id.clone(), Bytes::from_static(b"all"));
        rig.sync_now(SyncRequest { group: "calm".into(), assignments: vec![own], ..syncing(&calm, &[]) });
        // The last two believe that they are the same static member.
        let instances = [None, None, None, Some("i"), Some("j"), Some("j")];
        let clients = instances.into_iter().map(Client::new).collect();
        World { rig, chance, clients, calm, ghosts: vec![], records_seen: 0, last_generation: 0 }
    }

    fn draw(&self, below: u64) -> u64 {
        self.chance.u64() % below
    }

    fn step(&mut self) {
        let who = self.draw(self.clients.len() as u64) as usize;
        match self.draw(40) {
            0..=21 => self.act(who),
            22..=28 => {
                let ms = self.draw(2_500);
                self.pass_awake(ms);
            }
            29 => self.vanish(who),
            30 => self.leave(who),
            31 => self.clients[who].wants_rejoin = true,
            32 => self.clients[who].only_range = self.draw(2) == 0,
            33 => self.repeat(who),
            34 => self.flood(),
            35 => self.stranger(),
            36 => self.reload(),
            37 if self.draw(4) == 0 => {
                self.rig.pass(self.draw(SLEEP_MS));
                self.rig.advance(0);
                self.everyone();
            }
            _ => self.everyone(),
        }
        self.check();
    }

    fn act(&mut self, who: usize) {
        let ghost = self.clients[who].act(&mut self.rig);
        self.ghosts.extend(ghost);
    }

    fn everyone(&mut self) {
        for who in 0..self.clients.len() {
            self.act(who);
        }
        let Joined { generation, member_id, .. } = self.calm.clone();
        let beat = HeartbeatRequest { group: "calm".into(), generation, member_id, instance_id: None };
        let told = self.rig.now(group::Request::Classic(Request::Heartbeat(beat)));
        assert_eq!(told, Some(group::Reply::Classic(Reply::Heartbeat(ErrorCode::None))), "another group is disturbed");
    }

    /// Everybody gets to act at least every second.
    fn pass_awake(&mut self, mut ms: u64) {
        while ms > 0 {
            let now = ms.min(1_000);
            self.rig.advance(now);
            self.everyone();
            ms -= now;
        }
    }

    fn vanish(&mut self, who: usize) {
        let ghost = self.clients[who].vanish(self.rig.at.monotonic_ms);
        self.ghosts.extend(ghost);
    }

    fn leave(&mut self, who: usize) {
        let (member_id, instance) = (self.clients[who].member_id.clone(), self.clients[who].instance);
        if !member_id.is_empty() {
            self.rig.leave(vec![leaving(&member_id, instance)]);
        }
        self.vanish(who);
    }

    /// The client believes that its request got lost.
    fn repeat(&mut self, who: usize) {
        let at_ms = self.rig.at.monotonic_ms;
        let again = match &self.clients[who].phase {
            Phase::Joining(..) => Phase::Joining(at_ms, self.rig.join(self.clients[who].join_request())),
            _ => return,
        };
        if let Phase::Joining(at_ms, asking) = std::mem::replace(&mut self.clients[who].phase, again) {
            self.ghosts.push((at_ms, asking));
        }
    }

    fn flood(&mut self) {
        for _ in 0..self.draw(30) {
            let takes_id = self.draw(10) > 0;
            let at_ms = self.rig.at.monotonic_ms;
            let request = JoinRequest { takes_id, session_timeout_ms: 6_000, ..joining("") };
            let request = JoinRequest { protocols: protocols(&["range"]), ..request };
            self.ghosts.push((at_ms, self.rig.join(request)));
        }
    }

    fn stranger(&mut self) {
        let generation = self.draw(5) as i32 - 1;
        let known = self.clients[self.draw(6) as usize].member_id.clone();
        let member_id = if self.draw(2) == 0 { "stranger".into() } else { known };
        if self.last_generation != generation || &*member_id == "stranger" {
            self.rig.beat(&member_id, generation);
        }
        let request = SyncRequest { generation, member_id: "stranger".into(), ..syncing(&self.calm, &[("a", "b")]) };
        assert_ne!(self.rig.sync_now(request).error, ErrorCode::None);
        self.rig.leave(vec![leaving("stranger", None), leaving("", Some("nobody"))]);
    }

    fn reload(&mut self) {
        let before = self.rig.runtime.soft().classic.get(self.rig.runtime.hard(), GROUP).map(|live| live.state);
        let described = before.is_some().then(|| self.rig.describe());
        self.rig.reload();
        if before == Some(State::Stable) {
            let after = self.rig.describe();
            let described = Described { rebalances: vec![], ..described.unwrap() };
            // Absent static members may make a group larger than it should be; a load makes it shrink.
            if described.members.len() > self.rig.settings.members_max {
                return assert_eq!(after.state, State::PreparingRebalance);
            }
            assert_eq!(after, described, "a stable group is what its record says");
        }
    }

    fn check(&mut self) {
        self.check_records();
        self.check_owners();
        let now_ms = self.rig.at.monotonic_ms;
        self.ghosts.retain_mut(|(_, asking)| client::poll(asking).is_none());
        let parked = self.clients.iter().filter_map(Client::asked_at).chain(self.ghosts.iter().map(|ghost| ghost.0));
        for asked_ms in parked {
            assert!(now_ms - asked_ms <= WAIT_MS_MAX, "a request waits since {} ms", now_ms - asked_ms);
        }
    }

    /// Generations rise, and the members of each have all partitions, each once.
    fn check_records(&mut self) {
        let appended = self.rig.runtime.journal().appended.len();
        if std::mem::replace(&mut self.records_seen, appended) == appended {
            return;
        }
        let Some(group) = self.rig.runtime.hard().by_id.get(GROUP) else { return };
        let group::Members::Classic(record) = &group.members else { panic!("{group:?}") };
        assert!(record.generation >= self.last_generation, "the generation went back");
        self.last_generation = record.generation;
        let assigned: Vec<u8> = record.members.iter().flat_map(|one| one.assignment.0.to_vec()).collect();
        if !record.members.is_empty() {
            let unique: BTreeSet<u8> = assigned.iter().copied().collect();
            assert_eq!((assigned.len(), unique.len()), (PARTITIONS.into(), PARTITIONS.into()), "{record:?}");
        }
    }

    /// Of one generation, no partition has two owners.
    fn check_owners(&self) {
        let mut owners: BTreeMap<(i32, u8), &str> = BTreeMap::new();
        for client in &self.clients {
            if !matches!(client.phase, Phase::In { .. }) {
                continue;
            }
            let name = client.instance.unwrap_or(&client.member_id);
            for partition in &client.owned {
                let other = owners.insert((client.generation, *partition), name);
                assert!(other.is_none_or(|other| other == name), "{partition} belongs to {other:?} and to {name}");
            }
        }
    }

    /// Left alone, the group settles: everyone who is there is in, and owns its share.
    fn settle(&mut self) {
        self.rig.settings.members_max = 1_000;
        for client in &mut self.clients {
            (client.wants_rejoin, client.only_range) = (false, false);
        }
        self.pass_awake(180_000);
        self.check();
        assert_eq!(self.ghosts.len(), 0);
        assert_eq!(self.rig.state(), State::Stable);
        let waiting = self.clients.iter().filter(|client| !matches!(client.phase, Phase::In { .. } | Phase::Fenced));
        assert_eq!(waiting.count(), 0);
        let owned: usize = self.clients.iter().map(|client| client.owned.len()).sum();
        assert_eq!(owned, usize::from(PARTITIONS));
        assert_eq!(self.rig.runtime.parked(), 0);
        let soft = self.rig.runtime.soft();
        let live = soft.classic.get(self.rig.runtime.hard(), GROUP).unwrap();
        assert_eq!(soft.timers.len(), live.members().len() + 2, "a session each, that of the other group, the expiry");
    }
}

#[test]
fn model_by_seeds() {
    let seeds = std::env::var("OTTLA_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(SEEDS);
    for seed in 0..seeds {
        let run = std::panic::catch_unwind(|| {
            let mut world = World::new(seed);
            (0..STEPS).for_each(|_| world.step());
            world.settle();
        });
        if let Err(why) = run {
            eprintln!("seed {seed}");
            std::panic::resume_unwind(why);
        }
    }
}
