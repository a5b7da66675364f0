//! Each API at each version, spoilt in every way that has one right outcome. Each is a check of its own; they are counted.
use crate::cases::{self, Case};
use crate::exchange::{self, Outcome, exchange, frame};
use crate::masks;
use crate::world::{self, World};
use protocol_tests::schema::decode::Line;
use protocol_tests::schema::encode::{Spoil, encode};
use protocol_tests::schema::request;
use protocol_tests::{Connection, Failure, metadata};

const WAIT_MS: u64 = 15_000;
/// Cuts of one frame, spread over its length.
const CUTS_MAX: usize = 24;

/// Runs `check` for the plain case of every API at every version; returns how often.
fn each(what: &str, mut check: impl FnMut(&World, &Case, i16) -> usize) -> usize {
    let world = world::shared();
    let (mut versions, mut sent) = (0, 0);
    for case in cases::all().iter().filter(|case| case.name == cases::PLAIN) {
        for version in world.versions(case) {
            versions += 1;
            sent += check(world, case, version);
        }
    }
    println!("{what}: {versions} APIs and versions, {sent} requests");
    assert_eq!(metadata(&mut world.connection(), 12, Some(&[])).brokers.len(), 1, "the broker goes on");
    versions
}

fn answer(world: &World, case: &Case, version: i16, bytes: &[u8]) -> Vec<Line> {
    masks::lines(world, case, exchange(world.address(), case.api, version, bytes, WAIT_MS))
}

/// The plain answer, for comparison; the request is built anew each time, since some make what they name.
fn plain(world: &World, case: &Case, version: i16) -> Vec<Line> {
    let body = encode(request(case.api), version, &world.build(case, version), Spoil::default()).bytes;
    answer(world, case, version, &frame(case.api, version, &body, false))
}

#[test]
fn net_2_tags_nobody_knows_change_nothing() {
    let count = each("unknown tags", |world, case, version| {
        let spoil = Spoil { unknown_tags: true, lie: None };
        let body = encode(request(case.api), version, &world.build(case, version), spoil).bytes;
        let found = answer(world, case, version, &frame(case.api, version, &body, true));
        assert_eq!(found, plain(world, case, version), "{} version {version}", case.title());
        2
    });
    assert!(count >= 190);
}

#[test]
fn net_2_bytes_behind_a_request_change_nothing() {
    let count = each("bytes behind", |world, case, version| {
        let body = encode(request(case.api), version, &world.build(case, version), Spoil::default()).bytes;
        let longer = [frame(case.api, version, &body, false), vec![0, 0xff, 7]].concat();
        let found = answer(world, case, version, &longer);
        assert_eq!(found, plain(world, case, version), "{} version {version}", case.title());
        2
    });
    assert!(count >= 190);
}

#[test]
fn net_2_a_request_without_its_end_closes_the_connection() {
    let count = each("cut short", |world, case, version| {
        let body = encode(request(case.api), version, &world.build(case, version), Spoil::default()).bytes;
        let whole = frame(case.api, version, &body, false);
        let step = whole.len().div_ceil(CUTS_MAX);
        let cuts: Vec<usize> = (1..whole.len()).rev().step_by(step).collect();
        for cut in &cuts {
            let outcome = exchange(world.address(), case.api, version, &whole[..*cut], WAIT_MS);
            assert_eq!(outcome, Outcome::Closed, "{} version {version}, {cut} of {} bytes", case.title(), whole.len());
        }
        cuts.len()
    });
    assert!(count >= 190);
}

/// As a client does that is killed, or whose network ends, while it sends.
#[test]
fn net_2_a_client_that_leaves_at_any_byte_is_let_go_without_an_answer() {
    let world = world::shared();
    let mut left = 0;
    let leave = |bytes: &[u8], what: &str| {
        let mut connection = world.connection();
        connection.send_bytes(bytes).expect("the broker takes what comes");
        connection.finish_sending();
        assert_eq!(connection.read_to_end_within(WAIT_MS), Some(Vec::new()), "{what}, {} bytes", bytes.len());
    };
    for case in cases::all().iter().filter(|case| case.name == cases::PLAIN) {
        for version in world.versions(case) {
            let body = encode(request(case.api), version, &world.build(case, version), Spoil::default()).bytes;
            let frame = frame(case.api, version, &body, false);
            let whole = [&(frame.len() as i32).to_be_bytes()[..], &frame].concat();
            // Each byte in the last version, whose header differs from no other's; in the others those of the body.
            let is_last = world.versions(case).last() == Some(version);
            let first = if is_last { 0 } else { whole.len() - body.len() };
            for sent in first..whole.len() {
                leave(&whole[..sent], &format!("{} version {version}", case.title()));
                left += 1;
            }
        }
    }
    println!("left: {left} connections");
    assert_eq!(metadata(&mut world.connection(), 12, Some(&[])).brokers.len(), 1, "the broker goes on");
    assert!(left >= 4_000);
}

#[test]
fn net_2_a_length_that_lies_closes_the_connection() {
    let count = each("lengths that lie", |world, case, version| {
        let value = world.build(case, version);
        let lengths = encode(request(case.api), version, &value, Spoil::default()).lengths;
        for lie in 0..lengths {
            let body = encode(request(case.api), version, &value, Spoil { lie: Some(lie), unknown_tags: false }).bytes;
            let lying = frame(case.api, version, &body, false);
            let outcome = exchange(world.address(), case.api, version, &lying, WAIT_MS);
            assert_eq!(outcome, Outcome::Closed, "{} version {version}, length {lie}", case.title());
        }
        lengths
    });
    assert!(count >= 190);
}

#[test]
fn net_1_a_request_larger_than_any_may_be_closes_the_connection() {
    let count = each("oversized", |world, case, version| {
        let body = encode(request(case.api), version, &world.build(case, version), Spoil::default()).bytes;
        let bytes = frame(case.api, version, &body, false);
        let mut connection: Connection = world.connection();
        let claimed = (100_i32 << 20) + 1;
        // It may be closed before all is sent.
        let _ = connection.send_bytes(&[&claimed.to_be_bytes()[..], &bytes].concat());
        let outcome = connection.read_frame_within(WAIT_MS);
        assert_eq!(outcome, Err(Failure::Closed), "{} version {version}", case.title());
        1
    });
    assert!(count >= 190);
}

#[test]
fn net_3_versions_next_to_those_served_close_the_connection() {
    let world = world::shared();
    for case in cases::all().iter().filter(|case| case.name == cases::PLAIN && case.api != "ApiVersions") {
        let last = world.versions(case).last().expect("a version");
        let body = encode(request(case.api), last, &world.build(case, last), Spoil::default()).bytes;
        for version in [last + 1, -1, i16::MAX] {
            let mut bytes = frame(case.api, last, &body, false);
            bytes[2..4].copy_from_slice(&version.to_be_bytes());
            let mut connection = world.connection();
            connection.send_frame(&bytes);
            let outcome = exchange::read(&mut connection, case.api, last, WAIT_MS);
            assert_eq!(outcome, Outcome::Closed, "{} version {version}", case.title());
        }
    }
}
