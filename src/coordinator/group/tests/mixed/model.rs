//! Clients of both protocols in one group, by seeds: they come, go, come back with the other protocol, fall silent, while
//! the coordinator moves. `OTTLA_SEEDS=10000` runs more of them.
mod client;

use super::*;
use crate::platform::{Chance, SeededChance};
use client::{Client, Speaks};
use std::collections::BTreeMap;

const SEEDS: u64 = 200;
const STEPS: usize = 200;
const CLIENTS_MAX: usize = 6;

struct World {
    rig: Rig,
    chance: SeededChance,
    clients: Vec<Client>,
    /// Partitions of the topic.
    count: i32,
    named: u64,
    /// Epochs and generations are one row of numbers.
    generation: i32,
    /// How often the group changed its protocol with members in it.
    changes: usize,
    is_classic: Option<bool>,
}

impl World {
    fn new(seed: u64) -> World {
        let chance = SeededChance::new(seed);
        let mut rig = rig();
        rig.settings.consumer.assignment_interval_ms.default = [0, 1_000][(chance.u64() % 2) as usize];
        World { rig, chance, clients: vec![], count: 6, named: 0, generation: 0, changes: 0, is_classic: None }
    }

    fn draw(&self, below: u64) -> u64 {
        self.chance.u64() % below
    }

    fn step(&mut self, cooperative: bool) {
        match self.draw(30) {
            0 | 1 if self.clients.len() < CLIENTS_MAX => self.arrive(cooperative),
            2 | 3 if !self.clients.is_empty() => self.come_back(),
            4 if !self.clients.is_empty() => self.go(),
            5 => self.rig.reload(),
            6 if self.count < 10 => {
                self.rig.extend_topic(1, self.count);
                self.count += 1;
            }
            7..=9 => {
                let ms = [10, 500, 3_000, 12_000][self.draw(4) as usize];
                self.rig.advance(ms);
            }
            10..=13 => self.everyone(),
            _ if !self.clients.is_empty() => {
                let who = self.draw(self.clients.len() as u64) as usize;
                self.act(who);
            }
            _ => {}
        }
        self.check();
    }

    fn act(&mut self, who: usize) {
        let lazy = self.draw(3) == 0;
        self.clients[who].act(&mut self.rig, self.count, lazy);
    }

    fn everyone(&mut self) {
        for who in 0..self.clients.len() {
            self.act(who);
            self.check();
        }
    }

    fn arrive(&mut self, cooperative: bool) {
        let instance = (self.draw(3) == 0).then(|| format!("i{}", self.draw(3)));
        let taken = self.clients.iter().any(|client| client.instance.is_some() && client.instance == instance);
        let instance = instance.filter(|_| !taken);
        let client = Client::new(cooperative, instance, self.speech());
        self.clients.push(client);
    }

    /// The protocol of a new process.
    fn speech(&mut self) -> Speaks {
        self.named += 1;
        if self.draw(2) == 0 { Speaks::old() } else { Speaks::new(format!("n{}", self.named)) }
    }

    /// The process ends, with a word or without, and another comes in its place, maybe with the other protocol.
    fn come_back(&mut self) {
        let who = self.draw(self.clients.len() as u64) as usize;
        let word = self.draw(3) > 0;
        let client = self.clients.remove(who);
        let (cooperative, instance) = (client.cooperative, client.instance.clone());
        client.end(&mut self.rig, word, true);
        self.check();
        let speech = self.speech();
        self.clients.push(Client::new(cooperative, instance, speech));
    }

    fn go(&mut self) {
        let who = self.draw(self.clients.len() as u64) as usize;
        let word = self.draw(2) == 0;
        self.clients.remove(who).end(&mut self.rig, word, false);
    }

    /// What holds at every moment.
    fn check(&mut self) {
        let none = Members::None;
        let group = self.rig.hard().by_id.get(GROUP).map_or(&none, |group| &group.members);
        let (generation, is_empty) = match group {
            Members::None => (0, true),
            Members::Classic(record) => (record.generation, record.members.is_empty()),
            Members::Consumer(group) => (group.epoch(), group.is_empty()),
        };
        assert!(generation >= self.generation, "it goes back from {} to {generation}", self.generation);
        match group {
            Members::Consumer(group) => self.check_consumers(group),
            _ => self.check_classic(),
        }
        let is_classic = (!is_empty).then_some(matches!(group, Members::Classic(_)));
        let changed = is_classic.zip(self.is_classic).is_some_and(|(now, before)| now != before);
        self.changes += usize::from(changed);
        self.is_classic = is_classic;
        // Without members a group may begin anew.
        self.generation = if is_empty { 0 } else { generation };
    }

    /// No partition has two owners, and nobody reads what it has not.
    fn check_consumers(&self, group: &consumer::Group) {
        let mut owners = BTreeMap::new();
        for (id, member) in group.members() {
            for (_, partition) in member.current.held().flat_map(|(topic, all)| all.keys().map(move |one| (topic, one)))
            {
                let other = owners.insert(*partition, id);
                assert!(other.is_none(), "{partition} belongs to {other:?} and to {id}");
            }
        }
        for client in &self.clients {
            if group.member(client.id()).is_none() || !client.is_in() {
                continue;
            }
            for partition in &client.owned {
                let owner = owners.get(partition).map(|owner| &***owner);
                assert_eq!(
                    owner,
                    Some(client.id()),
                    "{} reads {partition}: {:?}",
                    client.id(),
                    group.member(client.id())
                );
            }
        }
    }

    /// Of one generation, no partition has two readers.
    fn check_classic(&self) {
        let mut owners: BTreeMap<(i32, i32), &str> = BTreeMap::new();
        for client in &self.clients {
            let Some(generation) = client.reads_in() else { continue };
            for partition in &client.owned {
                let other = owners.insert((generation, *partition), client.id());
                assert!(other.is_none(), "{partition} of {generation} belongs to {other:?} and to {}", client.id());
            }
        }
    }

    fn members(&self) -> usize {
        match self.rig.hard().by_id.get(GROUP).map(|group| &group.members) {
            Some(Members::Consumer(group)) => group.members().count(),
            Some(Members::Classic(record)) => record.members.len(),
            _ => 0,
        }
    }

    /// Left alone, the group settles: everyone who is there is in, and reads its share.
    fn settle(&mut self) {
        for _ in 0..120 {
            self.rig.advance(1_000);
            self.everyone();
            let read: usize = self.clients.iter().map(|client| client.owned.len()).sum();
            let everyone = self.clients.iter().all(Client::is_settled) && self.members() == self.clients.len();
            if everyone && (self.clients.is_empty() || read == self.count as usize) {
                break;
            }
        }
        // Ids that were given out and not used have a session too.
        for _ in 0..12 {
            self.rig.advance(1_000);
            self.clients.iter_mut().for_each(|client| client.act(&mut self.rig, self.count, false));
            self.check();
        }
        let mut read = BTreeSet::new();
        for client in &self.clients {
            assert!(client.is_settled(), "{client:?}");
            client.owned.iter().for_each(|one| assert!(read.insert(*one), "{one} twice: {:?}", self.clients));
        }
        let wanted = if self.clients.is_empty() { 0 } else { self.count };
        assert_eq!(read, (0..wanted).collect(), "{:?}", self.clients);
        assert_eq!(self.rig.runtime.parked(), 0);
        let group = self.rig.hard().by_id.get(GROUP).map(|group| &group.members);
        assert_eq!(self.members(), self.clients.len());
        let has_new = self.clients.iter().any(|client| matches!(client.speaks, Speaks::New { .. }));
        let is_consumer = matches!(group, Some(Members::Consumer(group)) if !group.is_empty());
        assert_eq!(has_new, is_consumer, "a group is what its members speak");
        let timers = &self.rig.soft().timers;
        assert_eq!(timers.len(), self.clients.len() + 1, "a session each, and the expiry: {timers:?}");
    }
}

#[test]
fn grp_24_model_of_mixed_groups_by_seeds() {
    let seeds = std::env::var("OTTLA_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(SEEDS);
    let mut changes = 0;
    for seed in 0..seeds {
        let run = std::panic::catch_unwind(|| {
            let mut world = World::new(seed);
            (0..STEPS).for_each(|_| world.step(seed % 3 != 0));
            world.settle();
            world.changes
        });
        match run {
            Ok(changed) => changes += changed,
            Err(why) => {
                eprintln!("seed {seed}");
                std::panic::resume_unwind(why);
            }
        }
    }
    assert!(changes as u64 > seeds / 2, "groups changed {changes} times only");
}
