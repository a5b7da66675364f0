//! The cache of fetch sessions, by questions at given times: what is refused, who gives way, what is counted.
use super::*;
use crate::{
    platform::SeededChance,
    types::{LogBounds, Offset},
};
use kafka_protocol::{
    messages::{
        BrokerId, TopicName,
        fetch_request::{FetchPartition, FetchTopic, ForgottenTopic},
    },
    protocol::StrBytes,
};
use std::ops::Range;

const VERSION: Version = 12;
const SECOND: Duration = Duration::from_secs(1);
/// As the broker has it.
const EVICTION: Duration = Duration::from_secs(120);

struct Bench {
    cache: SessionCache,
    chance: SeededChance,
    now: Duration,
}

fn bench(slots: usize, partitions_max: usize) -> Bench {
    let settings = SessionSettings { slots, eviction: EVICTION, partitions_max };
    Bench { cache: SessionCache::new(settings), chance: SeededChance::new(5), now: Duration::from_secs(1_000) }
}

fn name() -> TopicName {
    TopicName(StrBytes::from_static_str("t"))
}

fn request((id, epoch): (i32, i32), partitions: Range<i32>) -> FetchRequest {
    let wanted = partitions.map(|index| FetchPartition::default().with_partition(index)).collect();
    let topic = FetchTopic::default().with_topic(name()).with_partitions(wanted);
    FetchRequest::default().with_session_id(id).with_session_epoch(epoch).with_topics(vec![topic])
}

fn forgetting(session: (i32, i32), partitions: Range<i32>) -> FetchRequest {
    let forgotten = ForgottenTopic::default().with_topic(name()).with_partitions(partitions.collect());
    request(session, 0..0).with_forgotten_topics_data(vec![forgotten])
}

/// A partition that answers with nothing new.
fn nothing() -> Found {
    Found {
        code: ErrorCode::None,
        bounds: Some(LogBounds::empty_at(Offset::ZERO)),
        range: None,
        aborted: None,
        diverging: None,
        counted: 0,
        is_final: false,
    }
}

impl Bench {
    fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    /// The session's id, and how many partitions the answer tells of.
    fn ask(&self, request: &FetchRequest) -> Result<(i32, usize), ErrorCode> {
        let plan = self.cache.plan(self.now, VERSION, request)?;
        let found: Vec<Found> = plan.items.iter().map(|_| nothing()).collect();
        let (id, told) = self.cache.settle(self.now, &self.chance, plan, &found);
        Ok((id, told.len()))
    }

    /// The id of a new session over so many partitions; 0 when there was no room.
    fn open(&self, partitions: i32) -> i32 {
        self.ask(&request((0, 0), 0..partitions)).unwrap().0
    }

    fn open_of_copy(&self, partitions: i32) -> i32 {
        self.ask(&request((0, 0), 0..partitions).with_replica_id(BrokerId(2))).unwrap().0
    }

    fn is_there(&self, id: i32) -> bool {
        self.cache.sessions.contains_key(&id)
    }

    /// What every session remembers, and what the cache believes of it.
    fn counts(&self) -> (usize, usize) {
        let remembered = self.cache.sessions.iter().map(|session| session.state.lock().size()).sum();
        (remembered, self.cache.partitions.load(Ordering::Relaxed))
    }
}

#[test]
fn fet_9_after_the_greatest_epoch_comes_1() {
    let bench = bench(2, 100);
    let id = bench.open(1);
    bench.cache.sessions.get(&id).unwrap().state.lock().next_epoch = i32::MAX - 1;
    assert_eq!(bench.ask(&request((id, i32::MAX), 0..0)), Err(ErrorCode::InvalidFetchSessionEpoch));
    for epoch in [i32::MAX - 1, i32::MAX, 1, 2] {
        assert_eq!(bench.ask(&request((id, epoch), 0..0)), Ok((id, 0)), "epoch {epoch}");
    }
    assert_eq!(bench.ask(&request((id, 2), 0..0)), Err(ErrorCode::InvalidFetchSessionEpoch));
}

#[test]
fn fet_12_what_was_not_used_for_two_minutes_gives_way_to_anyone() {
    let mut bench = bench(2, 100);
    let (first, second) = (bench.open(5), bench.open_of_copy(5));
    bench.pass(EVICTION);
    assert_eq!(bench.open(1), 0, "not yet");
    assert_eq!(bench.cache.evictions(), 0);
    bench.pass(SECOND);
    assert_eq!(bench.ask(&request((first, 1), 0..0)), Ok((first, 0)), "nobody needed its place: it is still there");
    assert!(bench.open(1) > 0);
    assert_eq!((bench.is_there(first), bench.is_there(second)), (true, false), "also one of a copy");
    assert_eq!((bench.cache.len(), bench.cache.evictions()), (2, 1));
    assert_eq!(bench.ask(&request((second, 1), 0..0)), Err(ErrorCode::FetchSessionIdNotFound));
    assert_eq!(bench.open(5), 0, "the others are in use, and none is smaller that was used for long");
}

#[test]
fn fet_12_a_young_session_is_safe_from_larger_ones() {
    let mut bench = bench(1, 100);
    let id = bench.open(1);
    for epoch in 1..=12 {
        assert_eq!(bench.open(50), 0, "before epoch {epoch}");
        bench.pass(10 * SECOND);
        bench.ask(&request((id, epoch), 0..0)).unwrap();
    }
    bench.pass(SECOND);
    assert_eq!(bench.open(50), 0, "it was used for two minutes, and not more");
    bench.ask(&request((id, 13), 0..0)).unwrap();
    assert_eq!(bench.open(1), 0, "of the same size");
    assert!(bench.open(2) > 0);
    assert!(!bench.is_there(id));
}

#[test]
fn fet_12_the_size_that_counts_is_the_one_at_the_last_use() {
    for (grows, larger) in [(true, 6), (false, 2)] {
        let mut bench = bench(2, 100);
        let (id, other) = (bench.open(if grows { 1 } else { 10 }), bench.open(20));
        bench.pass(EVICTION);
        bench.pass(SECOND);
        let change = if grows { request((id, 1), 1..5) } else { forgetting((id, 1), 1..10) };
        bench.ask(&change).unwrap();
        bench.ask(&request((other, 1), 0..0)).unwrap();
        assert_eq!(bench.open(larger - 1), 0, "of the same size now");
        assert!(bench.open(larger) > 0);
        assert_eq!((bench.is_there(id), bench.is_there(other)), (false, true));
    }
}

#[test]
fn fet_12_of_those_that_may_go_the_smallest_goes() {
    let mut bench = bench(3, 100);
    let ids = [bench.open(4), bench.open(2), bench.open(3)];
    bench.pass(EVICTION);
    bench.pass(SECOND);
    for id in ids {
        bench.ask(&request((id, 1), 0..0)).unwrap();
    }
    assert!(bench.open(50) > 0);
    assert_eq!(ids.map(|id| bench.is_there(id)), [true, false, true]);
}

#[test]
fn fet_12_copies_come_before_consumers_however_young() {
    let bench = bench(2, 100);
    let (large, small) = (bench.open(9), bench.open(5));
    let copy = bench.open_of_copy(1);
    assert!(copy > 0);
    assert_eq!((bench.is_there(large), bench.is_there(small)), (true, false));
    let second = bench.open_of_copy(1);
    assert!(second > 0 && !bench.is_there(large));
    assert_eq!(bench.open_of_copy(50), 0, "young ones of copies are safe from other copies");
    assert_eq!(bench.open(50), 0);
    assert!(bench.is_there(copy) && bench.is_there(second));
}

#[test]
fn fet_12_a_session_of_a_copy_outlasts_larger_consumers() {
    let mut bench = bench(1, 100);
    let copy = bench.open_of_copy(1);
    bench.pass(EVICTION);
    bench.pass(SECOND);
    bench.ask(&request((copy, 1), 0..0)).unwrap();
    assert_eq!(bench.open(50), 0);
    assert!(bench.open_of_copy(2) > 0 && !bench.is_there(copy));
}

#[test]
fn fet_12_without_slots_there_are_no_sessions() {
    let bench = bench(0, 100);
    assert_eq!(bench.ask(&request((0, 0), 0..3)), Ok((0, 3)));
    assert_eq!(bench.cache.len(), 0);
}

#[test]
fn fet_12_what_all_sessions_remember_is_bounded() {
    let bench = bench(10, 20);
    assert_eq!(bench.ask(&request((0, 0), 0..21)), Ok((0, 21)), "answered, and not remembered");
    let (first, second) = (bench.open(8), bench.open(8));
    assert!(first > 0 && second > 0);
    assert_eq!(bench.ask(&request((0, 0), 0..5)), Ok((0, 5)));
    assert_eq!(bench.counts(), (16, 16));
    assert_eq!(bench.ask(&request((first, 1), 8..12)), Ok((first, 4)), "20 are as many as there may be");
    assert_eq!(bench.ask(&request((first, 2), 0..12)), Ok((first, 0)), "they are remembered already");
    let grown = bench.ask(&request((second, 1), 0..9));
    assert_eq!(grown, Err(ErrorCode::FetchSessionIdNotFound), "the client comes back with a full fetch");
    assert!(bench.is_there(first) && !bench.is_there(second));
    assert_eq!(bench.counts(), (12, 12));
    assert_eq!(bench.ask(&forgetting((first, 3), 4..12)), Ok((first, 0)));
    assert_eq!(bench.counts(), (4, 4));
    assert!(bench.open(16) > 0, "what was forgotten makes room");
    assert_eq!(bench.ask(&request((first, -1), 0..0)), Ok((0, 0)));
    assert_eq!(bench.counts(), (16, 16));
}

#[test]
fn fet_9_a_session_that_forgets_everything_ends() {
    let bench = bench(2, 100);
    let id = bench.open(3);
    assert_eq!(bench.ask(&forgetting((id, 1), 0..3)), Ok((0, 0)));
    assert_eq!((bench.cache.len(), bench.counts()), (0, (0, 0)));
    assert_eq!(bench.ask(&request((id, 2), 0..1)), Err(ErrorCode::FetchSessionIdNotFound));
}

#[test]
fn fet_12_a_cache_that_is_full_for_many_at_once_stays_within_its_slots() {
    let mut bench = bench(8, 1_000);
    bench.pass(SECOND);
    let bench = &bench;
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..50).for_each(|_| assert!(bench.open(1) >= 0 && bench.cache.len() <= 8)));
        }
    });
    assert_eq!((bench.cache.len(), bench.counts()), (8, (8, 8)));
}
