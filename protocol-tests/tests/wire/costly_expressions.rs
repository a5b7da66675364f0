//! Regular expressions that cost much to understand: whoever sends them waits, and nobody else does (CG-8, TXN-25).
use kafka_protocol::messages::{
    ApiVersionsRequest, ConsumerGroupHeartbeatRequest, ListTransactionsRequest, OffsetCommitRequest,
    offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
};
use protocol_tests::groups::{group_id, new_group};
use protocol_tests::time::Stopwatch;
use protocol_tests::transactions::Producer;
use protocol_tests::{
    Code, Connection, Topic, assert_error, assert_ok, fresh_name, new_topic, on_kafka, text, topic_name,
};
use std::sync::atomic::{AtomicBool, Ordering};

/// Tens of milliseconds each: what is asked so often at once takes seconds. Apache Kafka needs ten times as long.
fn asked() -> usize {
    if on_kafka() { 12 } else { 20 }
}

/// A little less than 32 KiB.
fn costly() -> String {
    "[a-c][d-f]?".repeat(2_900)
}

/// Ends what others do, in a panic too.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// How long the slowest of other clients' requests takes while `costly` is at work, of its time.
fn meanwhile(others: &(dyn Fn(&mut Connection) + Sync), costly: impl FnOnce()) -> (u64, u64) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let ask = || {
            let (mut connection, mut slowest_ms) = (Connection::open(), 0);
            while !done.load(Ordering::Relaxed) {
                let watch = Stopwatch::start();
                others(&mut connection);
                slowest_ms = slowest_ms.max(watch.elapsed_ms());
            }
            slowest_ms
        };
        // So many that one at least shares its thread in the broker with the costly ones.
        let asking: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
        let (watch, ending) = (Stopwatch::start(), Done(&done));
        costly();
        let all_ms = watch.elapsed_ms();
        drop(ending);
        let slowest_ms = asking.into_iter().map(|one| one.join().expect("answers")).max().unwrap_or(0);
        println!("all in {all_ms} ms; others waited {slowest_ms} ms");
        (slowest_ms, all_ms)
    })
}

#[track_caller]
fn assert_undisturbed((slowest_ms, all_ms): (u64, u64)) {
    assert!(slowest_ms < 150.max(all_ms / 2), "{slowest_ms} of {all_ms} ms");
}

#[test]
fn txn_25_costly_patterns_hold_up_no_other_connection() {
    let mut asking = Producer::fresh().connection;
    let request = ListTransactionsRequest::default().with_transactional_id_pattern(Some(text(costly())));
    let others = |connection: &mut Connection| {
        assert_ok(connection.call(0, &ApiVersionsRequest::default()).error_code);
    };
    assert_undisturbed(meanwhile(&others, || {
        let sent: Vec<_> = (0..asked()).map(|_| asking.send(2, &request)).collect();
        for correlation in sent {
            assert_ok(asking.receive::<ListTransactionsRequest>(2, correlation).error_code);
        }
    }));
}

fn beat(group: &str, member: &str, epoch: i32) -> ConsumerGroupHeartbeatRequest {
    let request = ConsumerGroupHeartbeatRequest::default().with_group_id(group_id(group)).with_member_id(text(member));
    request.with_member_epoch(epoch)
}

fn joining(group: &str, member: &str) -> ConsumerGroupHeartbeatRequest {
    beat(group, member, 0).with_rebalance_timeout_ms(30_000).with_topic_partitions(Some(vec![]))
}

fn commit(group: &str, topic: &Topic, epoch: i32) -> OffsetCommitRequest {
    let partition = OffsetCommitRequestPartition::default().with_committed_offset(1).with_committed_metadata(None);
    let topic = OffsetCommitRequestTopic::default().with_name(topic.wire_name()).with_partitions(vec![partition]);
    let request = OffsetCommitRequest::default().with_group_id(group_id(group)).with_member_id(text("quick"));
    request.with_generation_id_or_member_epoch(epoch).with_topics(vec![topic])
}

#[test]
fn cg_8_costly_expressions_of_one_group_hold_up_no_other() {
    new_group();
    // Names of one hash in Java have one coordinator.
    let name = fresh_name("group");
    let (quick, slow) = (format!("{name}Aa"), format!("{name}BB"));
    let mut asking = Connection::open();
    let topic = new_topic(&mut asking, 1);
    let join = joining(&quick, "quick").with_subscribed_topic_names(Some(vec![topic_name(&*topic.name)]));
    let joined = asking.call(1, &join);
    assert_ok(joined.error_code);
    let epoch = joined.member_epoch;
    let others = |connection: &mut Connection| {
        assert_ok(connection.call(1, &beat(&quick, "quick", epoch)).error_code);
        assert_ok(connection.call(9, &commit(&quick, &topic, epoch)).topics[0].partitions[0].error_code);
    };
    others(&mut asking);
    let member = |number: usize| format!("slow-{number}");
    let mut epochs = Vec::new();
    let waited = meanwhile(&others, || {
        let join = |number: usize| {
            let expression = format!("{}|{number}", costly());
            let request = joining(&slow, &member(number)).with_subscribed_topic_regex(Some(text(expression)));
            asking.send(1, &request)
        };
        let sent: Vec<_> = (0..asked()).map(join).collect();
        for correlation in sent {
            let joined = asking.receive::<ConsumerGroupHeartbeatRequest>(1, correlation);
            assert_ok(joined.error_code);
            epochs.push(joined.member_epoch);
        }
    });
    for number in 0..epochs.len() {
        assert_ok(asking.call(1, &beat(&slow, &member(number), -1)).error_code);
    }
    assert_error(asking.call(1, &beat(&slow, &member(0), 1)).error_code, Code::UnknownMemberId);
    assert_undisturbed(waited);
}
