//! Whole transactions by seeds: clients that retry, a coordinator that crashes at any step, markers that are late, lost
//! and repeated. In the end every transaction is there whole or not at all, and as its client was told (TXN-29, TXN-30).
use super::*;
use crate::platform::{Chance, SeededChance};
use TransactionVersion::V2;
use std::collections::BTreeMap;

const PARTITIONS: i32 = 3;

/// What a partition's leader knows and checks: the epoch last seen, what is open, what became visible.
#[derive(Default)]
struct Leader {
    epochs: BTreeMap<i64, i16>,
    open: BTreeMap<i64, Vec<u64>>,
    visible: BTreeSet<u64>,
}

impl Leader {
    fn write(&mut self, producer: Producer, transaction: u64) -> bool {
        if producer.epoch < self.epochs.get(&producer.id).copied().unwrap_or(-1) {
            return false;
        }
        self.epochs.insert(producer.id, producer.epoch);
        self.open.entry(producer.id).or_default().push(transaction);
        true
    }

    /// TXN-10 under TV2.
    fn mark(&mut self, producer: Producer, result: TransactionResult) -> ErrorCode {
        let current = self.epochs.get(&producer.id).copied().unwrap_or(-1);
        let is_open = self.open.get(&producer.id).is_some_and(|open| !open.is_empty());
        if producer.epoch < current || (producer.epoch == current && is_open) {
            return ErrorCode::InvalidProducerEpoch;
        }
        self.epochs.insert(producer.id, producer.epoch);
        let open = self.open.remove(&producer.id).unwrap_or_default();
        if result == Commit {
            self.visible.extend(open);
        }
        ErrorCode::None
    }
}

/// One producer of one transactional id, which begins anew when it is fenced.
struct Client {
    id: TransactionalId,
    producer: Option<Producer>,
    /// The transaction being written: its number and partitions.
    writing: Option<(u64, BTreeSet<i32>)>,
    /// How it is being ended.
    ending: Option<TransactionResult>,
}

/// What a client knows of a transaction: told committed or aborted, else unknown.
#[derive(Clone, Debug)]
struct Known {
    partitions: BTreeSet<i32>,
    told: Option<TransactionResult>,
}

struct World {
    shard: Shard,
    committed: Offset,
    leaders: Vec<Leader>,
    clients: Vec<Client>,
    all: BTreeMap<u64, Known>,
    /// Markers on the wire.
    sent: Vec<(PendingMarkers, Partition)>,
    next: u64,
    chance: SeededChance,
}

impl World {
    fn below(&self, most: u64) -> u64 {
        self.chance.u64() % most
    }

    /// What a request is answered; `None` when the answer is lost, with or without what it decided.
    fn ask(&mut self, request: Request) -> Option<Reply> {
        let reply = self.shard.ask(request);
        if self.below(8) == 0 {
            self.crash();
            return None;
        }
        if self.below(3) == 0 {
            // Decided and not committed yet: who asked has no patience.
            return None;
        }
        // An answer leaves when all it saw is committed.
        self.committed = self.shard.runtime.journal().end();
        (self.below(8) > 0).then_some(reply)
    }

    /// The next coordinator has what was committed, and perhaps more.
    fn crash(&mut self) {
        let mut records = Records::default();
        let mut hard = Transactions::default();
        let keep = self.committed.plus(self.below(3) as i64);
        for (base, group) in &self.shard.runtime.journal().groups {
            if *base >= keep {
                break;
            }
            records.append(group).unwrap();
            TransactionMachine.replay(&mut hard, *base, group.clone()).unwrap();
        }
        self.committed = self.committed.min(records.end());
        self.shard.runtime = Runtime::new(TransactionMachine, hard, records);
    }

    fn act(&mut self, which: usize) {
        let id = self.clients[which].id.clone();
        let Some(producer) = self.clients[which].producer else {
            let reply = self.ask(Request::Init { id, timeout_ms: 60_000, expected: None });
            if let Some(Reply::Producer(producer)) = reply {
                self.clients[which].producer = Some(producer);
            }
            return;
        };
        match (self.clients[which].writing.clone(), self.clients[which].ending) {
            (Some((number, _)), Some(result)) => self.end(which, id, producer, number, result),
            (writing, _) => self.write(which, id, producer, writing),
        }
    }

    fn write(&mut self, which: usize, id: TransactionalId, producer: Producer, writing: Option<(u64, BTreeSet<i32>)>) {
        let partition = self.below(PARTITIONS as u64) as i32;
        let request = Request::AddPartitions { id, producer, partitions: parts(&[partition]), version: V2 };
        match self.ask(request) {
            Some(Reply::Done) => {}
            Some(Reply::Refused(ErrorCode::ProducerFenced | ErrorCode::InvalidProducerIdMapping)) => {
                return self.fenced(which);
            }
            _ => return,
        }
        let (number, mut partitions) = writing.unwrap_or_else(|| {
            self.next += 1;
            (self.next, BTreeSet::new())
        });
        if !self.leaders[partition as usize].write(producer, number) {
            return self.fenced(which);
        }
        partitions.insert(partition);
        self.all.insert(number, Known { partitions: partitions.clone(), told: None });
        self.clients[which].writing = Some((number, partitions));
        if self.below(3) == 0 {
            self.clients[which].ending = Some(if self.below(3) == 0 { Abort } else { Commit });
        }
    }

    fn end(&mut self, which: usize, id: TransactionalId, producer: Producer, number: u64, result: TransactionResult) {
        match self.ask(Request::End { id, producer, result, version: V2 }) {
            Some(Reply::Producer(next)) => {
                self.all.get_mut(&number).unwrap().told = Some(result);
                let client = &mut self.clients[which];
                (client.producer, client.writing, client.ending) = (Some(next), None, None);
            }
            Some(Reply::Refused(ErrorCode::ConcurrentTransactions)) | None => {}
            Some(_) => self.fenced(which),
        }
    }

    /// It begins anew; what became of its transaction it does not know.
    fn fenced(&mut self, which: usize) {
        let client = &mut self.clients[which];
        (client.producer, client.writing, client.ending) = (None, None, None);
    }

    /// Sends what is due, and lets some of what is on the wire arrive, in any order, some of it twice.
    fn deliver(&mut self) {
        let due = self.shard.runtime.hard().pending_markers(&Soft::default(), self.committed);
        for markers in due {
            for partition in markers.partitions.clone() {
                self.sent.push((markers.clone(), partition));
            }
        }
        for _ in 0..self.below(6) {
            if self.sent.is_empty() {
                return;
            }
            let at = self.below(self.sent.len() as u64) as usize;
            let (marker, partition) =
                if self.below(4) == 0 { self.sent[at].clone() } else { self.sent.swap_remove(at) };
            let code = self.leaders[partition.1 as usize].mark(marker.producer, marker.result);
            if verdict(code) == MarkerVerdict::Written {
                let partitions = BTreeSet::from([partition]);
                self.ask(Request::Marked { id: marker.id, producer: marker.producer, partitions });
            }
        }
    }

    fn step(&mut self) {
        match self.below(12) {
            0 => self.crash(),
            // A second life of the same application.
            1 => {
                let which = self.below(2) as usize;
                self.fenced(which);
            }
            2 => {
                self.shard.now_ms += self.below(90_000) as i64;
                self.ask(Request::AbortLate);
            }
            3..6 => self.deliver(),
            _ => {
                let which = self.below(2) as usize;
                self.act(which);
            }
        }
    }

    /// Everybody stops; what is open is aborted, all markers arrive.
    fn settle(&mut self) {
        self.shard.now_ms += 1_000_000;
        while self.shard.ask(Request::AbortLate) != Reply::Swept(0) {}
        self.committed = self.shard.runtime.journal().end();
        for _ in 0..200 {
            for due in self.shard.runtime.hard().pending_markers(&Soft::default(), self.committed) {
                for partition in due.partitions.clone() {
                    let code = self.leaders[partition.1 as usize].mark(due.producer, due.result);
                    assert_eq!(code, ErrorCode::None, "the present coordinator's marker is taken");
                    let (id, producer) = (due.id.clone(), due.producer);
                    self.shard.ask(Request::Marked { id, producer, partitions: [partition].into() });
                }
            }
        }
    }

    fn check(&self, seed: u64) {
        self.shard.check_replay();
        for (number, known) in &self.all {
            let visible: BTreeSet<i32> = (0..PARTITIONS)
                .filter(|partition| self.leaders[*partition as usize].visible.contains(number))
                .collect();
            let whole = visible == known.partitions;
            let right = match known.told {
                Some(Commit) => whole,
                Some(Abort) => visible.is_empty(),
                None => whole || visible.is_empty(),
            };
            assert!(right, "seed {seed}: transaction {number}, {known:?}, is visible in {visible:?}");
        }
        assert!(self.leaders.iter().all(|leader| leader.open.values().all(Vec::is_empty)), "seed {seed}: left open");
    }
}

fn client(id: &str) -> Client {
    Client { id: id.into(), producer: None, writing: None, ending: None }
}

#[test]
fn txn_30_transactions_are_whole_or_not_there_through_any_crash() {
    let mut committed = 0;
    for seed in 0..300 {
        let mut world = World {
            shard: Shard::new(),
            committed: Offset::ZERO,
            leaders: (0..PARTITIONS).map(|_| Leader::default()).collect(),
            clients: vec![client("a"), client("b")],
            all: BTreeMap::new(),
            sent: Vec::new(),
            next: 0,
            chance: SeededChance::new(seed),
        };
        for _ in 0..200 {
            world.step();
        }
        world.settle();
        world.check(seed);
        committed += world.all.values().filter(|known| known.told == Some(Commit)).count();
    }
    assert!(committed > 300, "{committed} commits are too few to prove anything");
}
