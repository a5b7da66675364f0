//! Clients, topics and coordinators at random, by seed: what must always hold, and that all comes to rest (CG-10).
use super::shard::{Shard, joining, staying};
use crate::{
    coordinator::group::consumer::{Group, Heartbeat, HeartbeatReply, Metadata, Partitions, State},
    platform::{Chance, SeededChance},
    types::{ErrorCode, TopicId},
};
use std::collections::{BTreeMap, BTreeSet};

const TOPICS: [&str; 4] = ["ta", "tb", "u", "v"];

/// Seeds are drawn from 0 on; more of them on demand.
fn seeds() -> u64 {
    let asked = std::env::var("OTTLA_GROUP_SEEDS");
    asked.ok().and_then(|text| text.parse().ok()).unwrap_or(300)
}

/// What a real client knows and does.
#[derive(Clone, Debug)]
struct Client {
    id: String,
    instance: Option<String>,
    epoch: i32,
    topics: BTreeSet<String>,
    regex: Option<String>,
    assignor: Option<String>,
    /// What it reads from.
    owned: Partitions,
    /// What it was told to read from, once it let go of the rest.
    told: Option<Partitions>,
    /// It must say everything: it joins, or does not know what became of its last request.
    full: bool,
    /// It must say what it has.
    changed: bool,
    /// An answer did not reach it: it may begin with what it was told before, as it may with Apache Kafka, until it
    /// has heard and done what it is told now.
    is_behind: bool,
}

struct World {
    seed: u64,
    chance: SeededChance,
    shard: Shard,
    clients: Vec<Client>,
    named: u64,
    epoch: i32,
    assignment_epoch: i32,
    member_epochs: BTreeMap<String, i32>,
}

impl World {
    fn new(seed: u64) -> World {
        let chance = SeededChance::new(seed);
        let mut shard = Shard::new(&[]);
        shard.settings.consumer.assignment_interval_ms.default = [0, 1_000][(seed % 2) as usize];
        for topic in TOPICS.into_iter().filter(|_| Chance::u64(&chance).is_multiple_of(2)) {
            shard.create(topic, (Chance::u64(&chance) % 5) as i32 + 1);
        }
        let (clients, member_epochs) = (Vec::new(), BTreeMap::new());
        World { seed, chance, shard, clients, named: 0, epoch: 0, assignment_epoch: 0, member_epochs }
    }

    fn draw(&self, below: usize) -> usize {
        (Chance::u64(&self.chance) % below as u64) as usize
    }

    fn step(&mut self) {
        match self.draw(24) {
            0 | 1 if self.clients.len() < 6 => self.arrive(),
            2 => self.go(),
            3 => self.change_subscription(),
            4 => self.change_topics(),
            5 => self.shard.reload(),
            6 => {
                let ms = [10, 500, 3_000, 20_000][self.draw(4)];
                self.shard.pass(ms);
            }
            _ => self.beat_somebody(),
        }
        self.check();
    }

    fn arrive(&mut self) {
        self.named += 1;
        let instance = (self.draw(3) == 0).then(|| format!("i{}", self.draw(3)));
        let taken = self.clients.iter().any(|client| client.instance.is_some() && client.instance == instance);
        let client = Client {
            id: format!("m{}", self.named),
            instance: instance.filter(|_| !taken),
            epoch: 0,
            topics: BTreeSet::new(),
            regex: None,
            assignor: None,
            owned: Partitions::new(),
            told: None,
            full: true,
            changed: false,
            is_behind: false,
        };
        self.clients.push(client);
        self.subscribe(self.clients.len() - 1);
    }

    fn subscribe(&mut self, at: usize) {
        let topics = TOPICS.into_iter().filter(|_| self.draw(2) == 0).map(str::to_owned).collect();
        let regex = [None, Some(""), Some("t."), Some("[uv]")][self.draw(4)].map(str::to_owned);
        let assignor = [None, Some("uniform"), Some("range")][self.draw(3)].map(str::to_owned);
        let client = &mut self.clients[at];
        // What was told once is kept until something else is told.
        (client.topics, client.full) = (topics, true);
        client.regex = regex.or(client.regex.take());
        client.assignor = assignor.or(client.assignor.take());
    }

    fn change_subscription(&mut self) {
        if !self.clients.is_empty() {
            let at = self.draw(self.clients.len());
            self.subscribe(at);
        }
    }

    /// A client leaves, leaves for a while and comes back, or is never heard of again.
    fn go(&mut self) {
        if self.clients.is_empty() {
            return;
        }
        let at = self.draw(self.clients.len());
        let client = self.clients.remove(at);
        let how = self.draw(3);
        let member_epoch = if client.instance.is_some() && how == 0 { -2 } else { -1 };
        if how == 2 || client.epoch == 0 {
            return;
        }
        let bye = Heartbeat { instance_id: client.instance.clone(), ..staying(&client.id, member_epoch) };
        let answer = self.shard.beat(&bye);
        if member_epoch == -2 && answer.is_ok() {
            self.named += 1;
            let (id, owned) = (format!("m{}", self.named), Partitions::new());
            self.clients.push(Client { id, owned, told: None, epoch: 0, full: true, ..client });
        }
    }

    fn change_topics(&mut self) {
        let name = TOPICS[self.draw(TOPICS.len())];
        let partitions = self.shard.image.topics.named(name).map(|topic| topic.partitions.len() as i32);
        match (partitions, self.draw(3)) {
            (None, _) => self.shard.create(name, self.draw(5) as i32 + 1),
            (Some(_), 0) => self.shard.delete(name),
            (Some(partitions), _) => self.shard.extend(name, partitions + self.draw(3) as i32),
        }
    }

    fn beat_somebody(&mut self) {
        if self.clients.is_empty() {
            return;
        }
        let at = self.draw(self.clients.len());
        // It takes a client time to let go, and then to take.
        if self.draw(3) > 0 {
            self.work(at);
        }
        self.beat(at);
    }

    /// Letting go comes first, taking second; in between others may have what it let go.
    fn work(&mut self, at: usize) {
        let half = self.draw(2) == 0;
        let client = &mut self.clients[at];
        let Some(told) = client.told.clone() else { return };
        let kept = |topic: &TopicId, one: &i32| told.get(topic).is_some_and(|told| told.contains(one));
        let before = client.owned.clone();
        client.owned.iter_mut().for_each(|(topic, owned)| owned.retain(|one| kept(topic, one)));
        client.owned.retain(|_, owned| !owned.is_empty());
        if before == client.owned || !half {
            client.owned = told;
            client.told = None;
            client.changed = true;
            client.is_behind &= client.full;
        }
    }

    fn beat(&mut self, at: usize) {
        let answer = self.send(at);
        if self.draw(8) == 0 {
            // The answer is lost. The client may ask again at once, which the coordinator then hears twice.
            (self.clients[at].full, self.clients[at].is_behind) = (true, true);
            if self.draw(2) == 0 {
                let answer = self.send(at);
                self.hear(at, answer);
            }
            return;
        }
        self.hear(at, answer);
    }

    /// Who comes in the place of a static member has its regular expression too, unless it tells of another (CG-7).
    fn send(&mut self, at: usize) -> Result<HeartbeatReply, ErrorCode> {
        let heartbeat = self.heartbeat(at);
        let regex = self.shard.find().and_then(|group| {
            let mut members = group.members().map(|(_, member)| &member.metadata);
            let is_before = |metadata: &&Metadata| metadata.instance_id == heartbeat.instance_id;
            members.find(is_before).filter(|_| heartbeat.instance_id.is_some())?.regex.clone()
        });
        let answer = self.shard.beat(&heartbeat);
        if answer.is_ok() && heartbeat.joins() {
            let client = &mut self.clients[at];
            client.regex = client.regex.take().or(regex);
        }
        answer.map_err(|refused| refused.code)
    }

    fn heartbeat(&self, at: usize) -> Heartbeat {
        let client = &self.clients[at];
        let heartbeat = Heartbeat {
            instance_id: client.instance.clone(),
            owned: (client.changed || client.full).then(|| client.owned.clone()),
            ..staying(&client.id, client.epoch)
        };
        if !client.full {
            return heartbeat;
        }
        let full = joining(&client.id, &[]);
        Heartbeat {
            rebalance_timeout_ms: full.rebalance_timeout_ms,
            topics: Some(client.topics.clone()),
            regex: client.regex.clone(),
            assignor: client.assignor.clone(),
            ..heartbeat
        }
    }

    fn hear(&mut self, at: usize, answer: Result<HeartbeatReply, ErrorCode>) {
        let client = &mut self.clients[at];
        match answer {
            Ok(reply) => {
                assert!(reply.member_epoch >= client.epoch, "seed {}: {} goes back", self.seed, client.id);
                (client.epoch, client.full, client.changed) = (reply.member_epoch, false, false);
                client.told = reply.assignment.or(client.told.take());
                client.is_behind &= client.told.is_some();
            }
            Err(ErrorCode::FencedMemberEpoch | ErrorCode::UnknownMemberId | ErrorCode::GroupIdNotFound) => {
                (client.epoch, client.full, client.told, client.is_behind) = (0, true, None, false);
                client.owned.clear();
            }
            Err(ErrorCode::UnreleasedInstanceId) => assert!(client.instance.is_some() && client.epoch == 0),
            Err(code) => panic!("seed {}: {client:?} is told {code}", self.seed),
        }
    }

    /// What holds at every moment.
    fn check(&mut self) {
        let Some(group) = self.shard.find() else { return };
        let seed = self.seed;
        assert!(group.epoch >= self.epoch && group.assignment_epoch >= self.assignment_epoch, "seed {seed}");
        assert!(group.assignment_epoch <= group.epoch, "seed {seed}");
        (self.epoch, self.assignment_epoch) = (group.epoch, group.assignment_epoch);
        let mut epochs = BTreeMap::new();
        for (id, member) in group.members() {
            let epoch = member.current.epoch;
            assert!(epoch <= group.assignment_epoch, "seed {seed}: {id} is ahead");
            let before = self.member_epochs.get(&**id).copied().unwrap_or_default();
            assert!(epoch >= before || epoch == -2, "seed {seed}: {id} goes back from {before} to {epoch}");
            epochs.insert(id.to_string(), epoch);
        }
        self.member_epochs = epochs;
        one_owner(seed, "target", group.target.values().map(|target| (**target).clone()));
        let held = group.members().map(|(_, member)| {
            let held = member.current.held().map(|(topic, partitions)| (*topic, partitions.keys().copied()));
            let mut all = Partitions::new();
            held.for_each(|(topic, partitions)| all.entry(topic).or_default().extend(partitions));
            all
        });
        one_owner(seed, "current", held);
        // Clients read from what the group knows them to have.
        let reading = self.clients.iter().filter(|client| is_member(group, client));
        one_owner(seed, "clients", reading.clone().map(|client| client.owned.clone()));
        for client in reading {
            let current = &group.member(&client.id).unwrap().current;
            for (topic, one) in client.owned.iter().flat_map(|(topic, all)| all.iter().map(move |one| (topic, one))) {
                let has = current.held().any(|(held, partitions)| held == topic && partitions.contains_key(one));
                assert!(has, "seed {seed}: {} reads {topic} {one}, {current:?}", client.id);
            }
        }
    }

    /// No more changes: everyone who is left gets what it shall have.
    fn come_to_rest(&mut self) {
        for round in 0.. {
            assert!(round < 40, "seed {}: {:?}", self.seed, self.shard.find().map(Group::state));
            for at in 0..self.clients.len() {
                self.work(at);
                self.work(at);
                let answer = self.send(at);
                self.hear(at, answer);
                self.check();
            }
            self.shard.pass(2_500);
            self.check();
            let quiet = self.clients.iter().all(|client| client.told.is_none() && !client.full && !client.changed);
            let group = self.shard.find();
            let members = group.map_or(0, |group| group.members.len());
            let settled = group.is_none_or(|group| matches!(group.state(), State::Stable | State::Empty));
            if quiet && settled && members == self.clients.len() && round > 20 {
                break;
            }
        }
        self.check_coverage();
    }

    /// Every partition of a topic that somebody subscribes to is read, by one who does.
    fn check_coverage(&self) {
        let topics = |client: &Client| -> BTreeSet<TopicId> {
            let by_regex = |name: &str| match client.regex.as_deref() {
                Some("t.") => name.starts_with('t'),
                Some("[uv]") => name == "u" || name == "v",
                _ => false,
            };
            let existing = self.shard.image.topics.iter();
            let subscribed =
                existing.filter(|topic| client.topics.contains(topic.name.as_str()) || by_regex(topic.name.as_str()));
            subscribed.map(|topic| topic.id).collect()
        };
        let mut wanted = BTreeSet::new();
        let mut read = BTreeSet::new();
        for client in &self.clients {
            let topics = topics(client);
            for topic in &topics {
                let count = self.shard.image.topics.by_id(*topic).unwrap().partitions.len() as i32;
                wanted.extend((0..count).map(|one| (*topic, one)));
            }
            for (topic, owned) in &client.owned {
                assert!(topics.contains(topic), "seed {}: {} reads {topic}", self.seed, client.id);
                read.extend(owned.iter().map(|one| (*topic, *one)));
            }
        }
        assert_eq!(read, wanted, "seed {}", self.seed);
    }
}

/// The group and the client know the same of each other.
fn is_member(group: &Group, client: &Client) -> bool {
    client.epoch != 0 && !client.is_behind && group.member(&client.id).is_some()
}

fn one_owner(seed: u64, what: &str, all: impl Iterator<Item = Partitions>) {
    let mut owned = BTreeSet::new();
    for (topic, partitions) in all.flatten() {
        for partition in partitions {
            assert!(owned.insert((topic, partition)), "seed {seed}: two have {topic} {partition} ({what})");
        }
    }
}

#[test]
fn cg_10_by_seed_no_partition_has_two_owners_epochs_rise_and_all_comes_to_rest() {
    for seed in 0..seeds() {
        let mut world = World::new(seed);
        for _ in 0..150 {
            world.step();
        }
        world.come_to_rest();
    }
}
