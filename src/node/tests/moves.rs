//! Moves between log directories that are called off: by another wish, by the end of their topic, at their last moment.
use super::{
    directories::{Life, produce, wait_until, written},
    *,
};
use crate::{
    log::{LogDir, Progress},
    platform::{Fault, OperationKind, SystemClock},
    replica::Moves,
};

/// A broker with a partition in the first of its two directories.
struct Rig {
    disk: MemoryDisk,
    life: Life,
    moves: Arc<Moves>,
    partition: Arc<Partition>,
    /// Another one of its topic beside it.
    beside: Arc<Partition>,
    directories: [Arc<LogDir>; 2],
}

impl Rig {
    fn begin(bytes_per_second: Option<u64>) -> Rig {
        let (disk, [in_a, _]) = written();
        let life = Life::begin(&disk).unwrap();
        let moves = Moves::new(Arc::new(SystemClock::new()), bytes_per_second);
        life.opened.partitions.set_moves(moves.clone());
        let [partition, beside] = [0, 1].map(|at| {
            let mut all = life.partitions("first").into_iter();
            all.find(|one| one.id().partition == in_a[at]).unwrap()
        });
        (1..10).for_each(|at| assert_eq!(produce(&partition, at), Ok(at)));
        let directories = ["/a", "/b"].map(|path| life.directory(path).clone());
        Rig { disk, life, moves, partition, beside, directories }
    }

    /// After one piece it waits for an hour.
    fn throttled() -> Rig {
        Rig::begin(Some(1))
    }

    fn begin_to_copy(&self) {
        self.moves.want(&self.partition, &self.directories[1]).unwrap();
        self.moves.start().unwrap();
        wait_until("some is copied", || self.copied_bytes() > Some(0));
        assert_eq!(copies(&self.disk), self.moves.futures().len());
    }

    fn copied_bytes(&self) -> Option<u64> {
        let futures = self.moves.futures();
        futures.iter().find(|one| Arc::ptr_eq(&one.to, &self.directories[1])).map(|one| one.bytes)
    }

    /// Nobody waits behind what was called off.
    fn another_moves(&self) {
        self.moves.set_rate(None);
        self.moves.want(&self.beside, &self.directories[1]).unwrap();
        wait_until("another one moves", || self.beside.is_in(&self.directories[1]));
    }

    fn end(self) {
        self.moves.stop();
        self.life.end();
    }
}

fn copies(disk: &MemoryDisk) -> usize {
    let entries = ["/a", "/b"].into_iter().flat_map(|path| disk.list(Path::new(path)).unwrap());
    entries.filter(|entry| entry.name.ends_with("-future")).count()
}

/// How many moves the next start goes on with.
fn unfinished(left: &MemoryDisk) -> usize {
    let life = Life::begin(left).unwrap();
    let unfinished = ["/a", "/b"].map(|path| life.directory(path).unfinished().len());
    life.end();
    unfinished.iter().sum()
}

#[test]
fn ops_2_a_move_that_was_called_off_is_not_carried_out_by_the_next_start() {
    let rig = Rig::throttled();
    rig.begin_to_copy();
    assert_eq!(unfinished(&rig.disk.killed()), 1);
    // As if the thread did nothing about it for a while.
    rig.disk.inject(Fault::once(OperationKind::Remove, "-future").for_ever());
    rig.moves.want(&rig.partition, &rig.directories[0]).unwrap();
    // Whatever comes behind the answer.
    assert_eq!((copies(&rig.disk), unfinished(&rig.disk.killed()), unfinished(&rig.disk.crash())), (0, 0, 0));
    assert_eq!(rig.copied_bytes(), None);
    rig.disk.clear_faults();
    rig.another_moves();
    assert!(rig.partition.is_in(&rig.directories[0]));
    assert_eq!(produce(&rig.partition, 10), Ok(10));
    rig.end();
    // Nor when the broker stops before anything was done about it.
    let rig = Rig::throttled();
    rig.begin_to_copy();
    rig.moves.want(&rig.partition, &rig.directories[0]).unwrap();
    rig.moves.stop();
    assert_eq!((copies(&rig.disk), unfinished(&rig.disk.killed())), (0, 0));
    rig.end();
}

#[test]
fn ops_2_a_move_that_was_answered_goes_on_whenever_the_broker_is_killed() {
    let rig = Rig::throttled();
    // Nobody has begun to carry it out.
    rig.moves.want(&rig.partition, &rig.directories[1]).unwrap();
    let number = rig.partition.id().partition;
    for left in [rig.disk.killed(), rig.disk.crash()] {
        // Nor does the next start, however that ends.
        assert_eq!((unfinished(&left), unfinished(&left.killed()), unfinished(&left)), (1, 1, 1));
        let life = Life::begin(&left).unwrap();
        let moves = Moves::new(Arc::new(SystemClock::new()), None);
        let partition = life.partitions("first").into_iter().find(|one| one.id().partition == number).unwrap();
        let b = life.directory("/b");
        for (_, copy) in b.unfinished() {
            left.open(&copy.join("left"), OpenMode::Create).unwrap();
            moves.go_on(&partition, b, copy);
        }
        moves.start().unwrap();
        wait_until("it moves", || partition.is_in(b) && moves.futures().is_empty());
        let place = b.path().join(format!("first-{number}"));
        assert!(copies(&left) == 0 && left.exists(&place) && !left.exists(&place.join("left")));
        assert_eq!(produce(&partition, 10), Ok(10));
        // What nobody wants there goes.
        let copy = b.path().join("first-0.0-future");
        left.create_dir_all(&copy).unwrap();
        moves.go_on(&partition, b, copy);
        assert_eq!((copies(&left), moves.futures().len()), (0, 0));
        moves.stop();
        life.end();
    }
    rig.end();
}

#[test]
fn ops_2_a_move_goes_on_also_behind_a_start_that_cannot_use_where_it_comes_from() {
    let rig = Rig::begin(None);
    let [a, b] = &rig.directories;
    rig.moves.want(&rig.partition, b).unwrap();
    rig.moves.start().unwrap();
    wait_until("it is in the other one", || rig.partition.is_in(b));
    rig.moves.stop();
    // The metadata log is in the first.
    let moves = Moves::new(Arc::new(SystemClock::new()), None);
    moves.want(&rig.partition, a).unwrap();
    let left = rig.disk.killed();
    left.inject(Fault::once(OperationKind::Open, "/b").for_ever());
    let life = Life::begin(&left).unwrap();
    let moves = Moves::new(Arc::new(SystemClock::new()), None);
    let number = rig.partition.id().partition;
    let partition = life.partitions("first").into_iter().find(|one| one.id().partition == number).unwrap();
    assert!(partition.directory().is_none());
    let a = life.directory("/a");
    a.unfinished().into_iter().for_each(|(_, copy)| moves.go_on(&partition, a, copy));
    life.end();
    left.clear_faults();
    assert_eq!(unfinished(&left), 1);
    rig.end();
}

#[test]
fn ops_2_who_waits_behind_a_move_that_is_called_off_goes_on() {
    let rig = Rig::throttled();
    rig.moves.want(&rig.beside, &rig.directories[1]).unwrap();
    // The first by its number is carried out first.
    rig.begin_to_copy();
    rig.moves.set_rate(None);
    rig.moves.want(&rig.partition, &rig.directories[0]).unwrap();
    wait_until("the next one moves", || rig.beside.is_in(&rig.directories[1]));
    assert!(rig.partition.is_in(&rig.directories[0]));
    rig.end();
}

#[test]
fn ops_2_a_move_ends_with_its_topic() {
    let rig = Rig::throttled();
    rig.life.create("second");
    let other = rig.life.partitions("second").into_iter().find(|one| one.is_in(&rig.directories[0])).unwrap();
    let rig = Rig { beside: other, ..rig };
    rig.begin_to_copy();
    let selected = vec![TopicSelector::Name("first".into())];
    let Ok(Ok(_)) = wait(rig.life.opened.controller.handle().delete_topics(selected)) else { panic!("not deleted") };
    wait_until("the topic is gone", || rig.life.opened.partitions.topic("first").is_none());
    wait_until("its move, too", || rig.copied_bytes().is_none() && copies(&rig.disk) == 0);
    rig.another_moves();
    // Who still had it wishes in vain.
    rig.moves.set_rate(Some(1));
    rig.moves.want(&rig.partition, &rig.directories[1]).unwrap();
    wait_until("that is noticed", || rig.copied_bytes().is_none() && copies(&rig.disk) == 0);
    rig.end();
}

#[test]
fn ops_2_a_move_that_is_called_off_at_its_last_moment_does_not_end_elsewhere() {
    let rig = Rig::begin(None);
    let [a, b] = &rig.directories;
    let progress = Progress::begin(b, rig.partition.id()).unwrap();
    let mut last = |_| rig.partition.call_off(b, &progress).unwrap().is_some();
    assert!(rig.partition.move_to(b, &progress, &mut last, &|| true).is_err());
    assert!(rig.partition.is_in(a) && copies(&rig.disk) == 0);
    // Before its begin.
    assert!(rig.partition.move_to(b, &progress, &mut |_| true, &|| true).is_err());
    assert_eq!(copies(&rig.disk), 0);
    // While it ends: it is taken back, if it was not called off.
    rig.moves.start().unwrap();
    let chance = SeededChance::new(1);
    for round in 0..400 {
        rig.moves.want(&rig.partition, b).unwrap();
        for _ in 0..chance.u64() % 40 {
            std::thread::yield_now();
        }
        rig.moves.want(&rig.partition, a).unwrap();
        wait_until("all is done", || rig.moves.futures().is_empty());
        assert!(rig.partition.is_in(a), "{round}");
    }
    assert_eq!(produce(&rig.partition, 10), Ok(10));
    let (left, number) = (rig.disk.killed(), rig.partition.id().partition);
    assert_eq!(copies(&rig.disk), 0);
    rig.end();
    let life = Life::begin(&left).unwrap();
    let partition = life.partitions("first").into_iter().find(|one| one.id().partition == number).unwrap();
    assert!(partition.is_in(life.directory("/a")));
    assert_eq!(partition.log().unwrap().bounds().end(), Offset::new(11));
    life.end();
}
