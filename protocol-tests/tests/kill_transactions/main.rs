//! kill -9 at random moments under transactions: each input is copied exactly once and in order, whole transactions count
//! or none of them, aborted records and offsets are never seen, and every answer is one that a client can expect (TXN-3,
//! TXN-4, TXN-22, TXN-29, TXN-30, INIT-4, OFF-4).
//!
//! Copiers of both transaction protocols consume, produce and commit offsets in transactions, a fifth of which they abort;
//! readers of both isolations and a watcher of the offsets look on. What all of them saw goes to the checker.
//! With `OTTLA_TEST_BROKER` that broker gets the same load without the kills.
mod copier;
mod ledger;
mod load;

use copier::Copier;
use kafka_checker::{Copy, History, Isolation, check};
use kafka_protocol::messages::{CreateTopicsRequest, create_topics_request::CreatableTopic};
use load::{FIRST_OUTPUT, INPUTS, Load, OUTPUTS};
use protocol_tests::kills::Kills;
use protocol_tests::line::Temper;
use protocol_tests::time::pause_ms;
use protocol_tests::transactional::find_coordinator;
use protocol_tests::{Connection, Topic, await_topic, fresh_name, topic_name};
use std::sync::atomic::Ordering::SeqCst;

const ROUNDS: u64 = 6;
/// Transactions before every other kill.
const PROGRESS: u64 = 20;
/// Compaction and rolling are among what is interrupted.
const OVERRIDES: [&str; 5] = [
    "offsets.topic.num.partitions=3",
    "offsets.topic.segment.bytes=1048576",
    "transaction.state.log.num.partitions=3",
    "transaction.state.log.segment.bytes=1048576",
    "log.cleaner.backoff.ms=50",
];

fn create(load: &mut Load) {
    let mut line = load.line(1, Temper::default());
    for (topic, partitions) in [(&mut load.input, INPUTS), (&mut load.output, OUTPUTS)] {
        let wanted = CreatableTopic::default()
            .with_name(topic_name(&topic.name))
            .with_num_partitions(partitions)
            .with_replication_factor(1);
        let request = CreateTopicsRequest::default().with_topics(vec![wanted]).with_timeout_ms(10_000);
        let answer = line.ask(7, &request, |answer| answer.topics[0].error_code).expect("patience");
        assert_eq!(answer.topics[0].error_code, 0, "{:?}", answer.topics[0].error_message);
        topic.id = answer.topics[0].topic_id;
    }
    let request = find_coordinator(0, &load.group);
    line.ask(4, &request, |answer| answer.coordinators[0].error_code).expect("patience");
}

fn load(kills: &Kills) -> Load {
    let topic = |name| Topic { name: fresh_name(name), id: Default::default() };
    let mut load = Load {
        address: kills.address(),
        ledger: Default::default(),
        input: topic("input"),
        output: topic("output"),
        group: fresh_name("copies"),
        seed: kills.seed,
        fed: Default::default(),
        over: Default::default(),
        ends: Default::default(),
        copied: Default::default(),
        transactions: Default::default(),
    };
    create(&mut load);
    let mut connection = Connection::try_open_at(load.address).expect("the broker accepts a connection");
    for (topic, partitions) in [(&load.input, INPUTS), (&load.output, OUTPUTS)] {
        await_topic(&mut connection, topic, partitions);
    }
    load
}

/// Everything at once, from the first record to the last copy.
fn live(load: &Load, kills: &mut Kills) {
    std::thread::scope(|threads| {
        let copiers: Vec<_> = (0..INPUTS).map(|input| threads.spawn(move || Copier::new(load, input).run())).collect();
        let feeder = threads.spawn(|| load.feed());
        threads.spawn(|| load.read(20, Isolation::Committed));
        threads.spawn(|| load.read(21, Isolation::Uncommitted));
        threads.spawn(|| load.watch(30));
        kills.run_with("transactions committed", PROGRESS, || load.transactions.load(SeqCst));
        pause_ms(200);
        load.fed.store(true, SeqCst);
        let ended: Vec<_> = copiers.into_iter().chain([feeder]).map(|client| client.join()).collect();
        // Whatever became of them: readers would go on for ever.
        load.over.store(true, SeqCst);
        assert!(ended.iter().all(Result::is_ok), "a client that saw a fault");
    });
}

/// What stands in the end, after one more kill.
fn history(load: &Load) -> History {
    let mut line = load.line(2, Temper::default());
    load.look(&mut line, 31);
    let mut finals = Vec::new();
    for place in load.places() {
        for isolation in [Isolation::Uncommitted, Isolation::Committed] {
            finals.push(load.last_read(&mut line, place, isolation));
        }
    }
    let outputs: Vec<u32> = (0..OUTPUTS as u32).map(|partition| FIRST_OUTPUT + partition).collect();
    let copies = (0..INPUTS as u32).map(|input| Copy { input, outputs: outputs.clone() }).collect();
    History { operations: load.ledger.take(), finals, copies }
}

#[test]
fn txn_30_transactions_over_kill_9_count_once_whole_and_in_order() {
    let mut kills = Kills::begin_or_join(ROUNDS, &OVERRIDES);
    let load = load(&kills);
    live(&load, &mut kills);
    kills.again();
    let history = history(&load);
    let report = check(&history);
    let input: usize = load.ends.iter().map(|end| end.load(SeqCst) as usize).sum();
    println!(
        "{} transactions copied {input} records in {} rounds: {report}",
        load.transactions.load(SeqCst),
        kills.rounds
    );
    if !report.is_clean() {
        keep(&history, kills.seed);
    }
    assert!(report.is_clean(), "the checker found anomalies");
    assert!(load.copied.iter().all(|copied| copied.load(SeqCst) > 0), "every input was copied");
}

/// For whoever looks for the cause: one operation a line, by the numbers of the report.
fn keep(history: &History, seed: u64) {
    let lines = history.operations.iter().enumerate().map(|(index, operation)| format!("{index} {operation:?}\n"));
    let finals = history.finals.iter().map(|read| format!("{read:?}\n"));
    let path = std::env::temp_dir().join(format!("ottla-history-{seed}.txt"));
    #[expect(clippy::disallowed_methods, reason = "scenarios stand outside the broker and its platform layer")]
    let written = std::fs::write(&path, lines.chain(finals).collect::<String>());
    println!("the history is in {}: {written:?}", path.display());
}
