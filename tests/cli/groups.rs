//! `ottla group`: listed, described, moved, watched and deleted.
use crate::broker::{Broker, broker, command, own, send, topic};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader},
    process::{Child, Stdio},
    sync::mpsc,
    time::Duration,
};

/// A topic of one partition with so many records, and a group that has read some of them.
fn prepared(broker: &Broker, name: &str, records: usize, read: usize) -> (String, String) {
    let (name, group) = (topic(name), topic(&format!("{name}-readers")));
    broker.ok(&["topic", "create", &name], b"");
    let input: String = (0..records).map(|number| format!("{number}\n")).collect();
    broker.ok(&["produce", &name], input.as_bytes());
    broker.ok(&["consume", &name, "-g", &group, "-n", &read.to_string()], b"");
    (name, group)
}

fn json(broker: &Broker, args: &[&str]) -> Value {
    let text = broker.ok(&[&["group"], args, &["--json"]].concat(), b"");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn committed(broker: &Broker, group: &str) -> i64 {
    json(broker, &["lag", group])[0]["committed"].as_i64().unwrap()
}

/// A member that reads until it is ended.
struct Member(Child);

impl Member {
    fn begin(broker: &Broker, topic: &str, group: &str) -> Member {
        let args = ["consume", topic, "-g", group, "-b", &broker.address];
        let member = Member(command(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        for _ in 0..400 {
            // The group may not be there yet.
            let described = broker.run(&["group", "members", group, "--json"], b"").stdout;
            let described: Value = serde_json::from_slice(&described).unwrap_or_default();
            if described[0]["members"][0]["assigned"][0]["topic"] == topic {
                return member;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("nobody came into {group}");
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn groups_are_listed_and_told_apart_from_those_that_do_not_exist() {
    let broker = broker();
    let (name, group) = prepared(&broker, "listed", 5, 2);
    assert!(broker.ok(&["group", "list", "-q"], b"").lines().any(|line| line == group));
    let listed = json(&broker, &["list"]);
    let one = listed.as_array().unwrap().iter().find(|one| one["group"] == *group).unwrap();
    assert_eq!(
        (&one["type"], &one["state"], &one["protocol_type"]),
        (&"classic".into(), &"Empty".into(), &"consumer".into())
    );
    let missing = topic("no-group");
    for action in ["describe", "members", "lag", "delete"] {
        assert!(broker.fails(3, &["group", action, &missing]).contains("does not exist"), "{action}");
    }
    broker.ok(&["group", "delete", &missing, "--if-exists"], b"");
    broker.ok(&["topic", "delete", &name], b"");
}

#[test]
fn lag_is_counted_in_records_and_in_seconds() {
    let broker = broker();
    let (name, group) = prepared(&broker, "lagging", 10, 4);
    let lag = json(&broker, &["lag", &group, "--seconds"]);
    let of = |key: &str| lag[0][key].as_i64();
    assert_eq!((of("partition"), of("committed"), of("end_offset"), of("lag")), (Some(0), Some(4), Some(10), Some(6)));
    assert!(of("lag_seconds").is_some_and(|seconds| (0..600).contains(&seconds)));
    broker.ok(&["group", "reset", &group, "--topic", &name, "--to-latest", "--execute"], b"");
    let lag = json(&broker, &["lag", &group, "--seconds"]);
    assert_eq!(
        (lag[0]["lag"].as_i64(), lag[0]["lag_seconds"].as_i64()),
        (Some(0), Some(0)),
        "nothing unread is no time"
    );
    assert!(json(&broker, &["lag", &group])[0]["lag_seconds"].is_null(), "it was not asked for");
    broker.ok(&["topic", "delete", &name], b"");
}

#[test]
fn lag_tells_of_partitions_of_which_nothing_is_committed() {
    let (broker, name, group) = (broker(), topic("uncommitted"), topic("uncommitted-readers"));
    broker.ok(&["topic", "create", &name, "-p", "2"], b"");
    let member = Member::begin(&broker, &name, &group);
    let rows = json(&broker, &["lag", &group, "--seconds"]);
    let row = |partition: i32| {
        json!({
            "group": group, "topic": name, "partition": partition, "committed": null, "end_offset": 0, "lag": null,
            "lag_seconds": null,
        })
    };
    assert_eq!(rows, json!([row(0), row(1)]));
    let text = broker.ok(&["group", "lag", &group], b"");
    let cells: Vec<&str> = text.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(cells, [&group, &name, "0", "-", "0", "-"]);
    drop(member);
    broker.ok(&["topic", "delete", &name], b"");
}

#[test]
fn lag_is_watched_until_somebody_ends_it() {
    let broker = broker();
    let (name, group) = prepared(&broker, "watched", 3, 1);
    let mut watching = command(&["group", "lag", &group, "--watch", "-b", &broker.address]).spawn().unwrap();
    let lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    let heads = lines.map_while(Result::ok).filter(|line| line.starts_with("GROUP")).take(2).count();
    assert_eq!(heads, 2, "it looks again");
    watching.kill().unwrap();
    watching.wait().unwrap();
    broker.ok(&["topic", "delete", &name], b"");
}

#[test]
fn offsets_are_moved_only_where_it_is_said_and_within_the_log() {
    let broker = broker();
    let (name, group) = prepared(&broker, "moved", 10, 4);
    let reset = |to: &[&str]| {
        let moves = json(&broker, &[&["reset", &group, "--topic", &name], to].concat());
        (moves[0]["from"].as_i64(), moves[0]["to"].as_i64(), committed(&broker, &group))
    };
    assert_eq!(reset(&["--to-earliest"]), (Some(4), Some(0), 4), "it only shows what would be");
    assert_eq!(reset(&["--to-latest", "--execute"]), (Some(4), Some(10), 10));
    assert_eq!(reset(&["--shift-by", "-3", "--execute"]), (Some(10), Some(7), 7));
    assert_eq!(reset(&["--shift-by", "300", "--execute"]), (Some(7), Some(10), 10));
    assert_eq!(reset(&["--to-offset", "5", "--execute"]), (Some(10), Some(5), 5));
    assert_eq!(reset(&["--by-duration", "1h", "--execute"]), (Some(5), Some(0), 0));
    assert_eq!(reset(&["--to-datetime", "2999-01-01T00:00", "--execute"]), (Some(0), Some(10), 10));
    let moves = json(&broker, &["reset", &group, "--all-topics", "--to-earliest", "--execute"]);
    assert_eq!((moves.as_array().map(Vec::len), committed(&broker, &group)), (Some(1), 0));
    let absent = format!("{name}:7");
    assert!(broker.fails(3, &["group", "reset", &group, "--topic", &absent, "--to-latest"]).contains("no partition 7"));
    broker.fails(3, &["group", "reset", &group, "--topic", &topic("no-topic"), "--to-latest"]);
    broker.fails(2, &["group", "reset", &group, "--topic", &name, "--to-latest", "--to-earliest"]);
    broker.ok(&["topic", "delete", &name], b"");
}

#[test]
fn a_group_with_members_shows_them_and_stays_as_it_is() {
    let broker = broker();
    let (name, group) = prepared(&broker, "living", 3, 3);
    let member = Member::begin(&broker, &name, &group);
    let described = json(&broker, &["describe", &group]);
    assert_eq!(described[0]["state"], "Stable");
    assert!(described[0]["rebalances"].as_array().is_some_and(|all| !all.is_empty()), "why it rebalanced is told");
    assert!(broker.ok(&["group", "members", &group], b"").contains(&format!("{name}:0")));
    let refused = broker.fails(1, &["group", "reset", &group, "--topic", &name, "--to-earliest", "--execute"]);
    assert!(refused.contains("it has members"), "{refused}");
    assert!(broker.fails(1, &["group", "delete", &group]).contains("it has members"));
    drop(member);
    broker.ok(&["topic", "delete", &name], b"");
}

#[test]
fn a_group_without_members_is_deleted_with_its_offsets() {
    let broker = broker();
    let (name, group) = prepared(&broker, "deleted", 3, 2);
    assert_eq!(committed(&broker, &group), 2);
    assert!(broker.ok(&["group", "delete", &group], b"").contains("deleted"));
    assert!(broker.fails(3, &["group", "lag", &group]).contains("does not exist"));
    broker.ok(&["topic", "delete", &name], b"");
}

#[test]
fn a_group_commits_only_what_could_be_written_out() {
    let broker = broker();
    let name = topic("unwritten");
    broker.ok(&["topic", "create", &name], b"");
    let input: String = (0..3_000).map(|number| format!("{number:040}\n")).collect();
    broker.ok(&["produce", &name], input.as_bytes());
    // More than our buffer holds, and less.
    for (count, group) in [("3000", topic("full-disk")), ("3", topic("full-disk-at-its-end"))] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let args = ["consume", &name, "-g", &group, "-n", count, "-b", &broker.address];
        let status = command(&args).stdout(full).stderr(Stdio::null()).status().unwrap();
        assert_eq!(status.code(), Some(1), "the disk is full");
        assert_eq!(json(&broker, &["lag", &group]), json!([]), "{count}");
    }
    let group = topic("closed-pipe");
    let mut reader = command(&["consume", &name, "-g", &group, "-b", &broker.address]).spawn().unwrap();
    drop(reader.stdout.take());
    assert_eq!(reader.wait().unwrap().code(), Some(0), "whose output is closed has done its work");
    assert_eq!(json(&broker, &["lag", &group]), json!([]));
    broker.ok(&["topic", "delete", &name], b"");
}

/// The lines that a member reads, as they come.
fn lines(member: &mut Child) -> mpsc::Receiver<String> {
    let (to, lines) = mpsc::channel();
    let output = BufReader::new(member.stdout.take().unwrap());
    std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| to.send(line)));
    lines
}

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn what_is_there_is_the_end_also_where_a_later_stop_is_given() {
    let (broker, name) = (broker(), topic("stops"));
    broker.ok(&["topic", "create", &name], b"");
    broker.ok(&["produce", &name], b"one\ntwo\nthree\n");
    let read = |who: &[&str], range: &str| {
        let args = ["consume", &name, "-b", &broker.address, "-o", range, "-e"];
        let mut member = Member(command(&[&args, who].concat()).stderr(Stdio::null()).spawn().unwrap());
        let (lines, mut read) = (lines(&mut member.0), Vec::new());
        loop {
            match lines.recv_timeout(PATIENCE) {
                Ok(line) => read.push(line),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("{who:?} waits for more than {range}"),
            }
        }
        assert_eq!(member.0.wait().unwrap().code(), Some(0), "{who:?}, {range}");
        read
    };
    let ranges: [(&str, &[&str]); 5] = [
        ("start:99999", &["one", "two", "three"]),
        ("end:5", &[]),
        ("-1:5", &["three"]),
        ("start:2", &["one", "two"]),
        ("end:2", &[]),
    ];
    for (range, expected) in ranges {
        assert_eq!(read(&["-p", "0"], range), expected, "{range}");
    }
    for (range, expected) in &ranges[..2] {
        assert_eq!(read(&["-g", &topic(&format!("stops-{range}"))], range), *expected, "{range} in a group");
    }
    broker.ok(&["topic", "delete", &name], b"");
}

#[test]
fn a_member_outlives_its_broker() {
    let (broker, name, group) = (own(), topic("restarted"), topic("restarted-readers"));
    broker.ok(&["topic", "create", &name], b"");
    broker.ok(&["produce", &name], b"one\n");
    let args = ["consume", &name, "-g", &group, "-b", &broker.address];
    let mut member = Member(command(&args).stderr(Stdio::null()).spawn().unwrap());
    let lines = lines(&mut member.0);
    assert_eq!(lines.recv_timeout(PATIENCE).as_deref(), Ok("one"));
    let id = |broker: &Broker| json(broker, &["members", &group])[0]["members"][0]["id"].clone();
    let first = id(&broker);
    for (signal, word) in [("KILL", "two"), ("TERM", "three")] {
        let before = lines.try_iter().count();
        assert_eq!(before, 0, "{signal}");
        while json(&broker, &["lag", &group])[0]["lag"] != 0 {
            std::thread::sleep(Duration::from_millis(50));
        }
        broker.restart(signal);
        broker.ok(&["produce", &name], format!("{word}\n").as_bytes());
        assert_eq!(lines.recv_timeout(PATIENCE).as_deref(), Ok(word), "{signal}");
    }
    assert_eq!(id(&broker), first, "it is the same member");
    assert!(member.0.try_wait().unwrap().is_none());
}

#[test]
fn a_group_learns_of_new_partitions() {
    let (broker, name, group) = (broker(), topic("grown"), topic("grown-readers"));
    broker.ok(&["topic", "create", &name], b"");
    broker.ok(&["produce", &name], b"old\n");
    let args = ["consume", &name, "-g", &group, "-b", &broker.address, "-f", "%p:%s\n"];
    let mut member = Member(command(&args).stderr(Stdio::null()).spawn().unwrap());
    let lines = lines(&mut member.0);
    assert_eq!(lines.recv_timeout(PATIENCE).as_deref(), Ok("0:old"));
    broker.ok(&["topic", "add-partitions", &name, "--to", "2"], b"");
    broker.ok(&["produce", &name, "-p", "1"], b"new\n");
    assert_eq!(lines.recv_timeout(PATIENCE).as_deref(), Ok("1:new"));
    broker.ok(&["topic", "delete", &name], b"");
}

#[test]
fn a_member_that_is_ended_commits_and_leaves() {
    let (broker, name) = (broker(), topic("ended"));
    broker.ok(&["topic", "create", &name], b"");
    broker.ok(&["produce", &name], b"one\n");
    for signal in ["TERM", "INT"] {
        let group = topic(&format!("ended-by-{signal}"));
        let args = ["consume", &name, "-g", &group, "-b", &broker.address];
        let mut member = Member(command(&args).stderr(Stdio::null()).spawn().unwrap());
        assert_eq!(lines(&mut member.0).recv_timeout(PATIENCE).as_deref(), Ok("one"));
        send(signal, &member.0);
        assert_eq!(member.0.wait().unwrap().code(), Some(0), "{signal}");
        assert_eq!(committed(&broker, &group), 1, "{signal}");
        assert_eq!(json(&broker, &["describe", &group])[0]["state"], "Empty", "{signal}");
    }
    broker.ok(&["topic", "delete", &name], b"");
}

#[test]
fn a_member_waits_for_one_that_is_busy() {
    let (broker, name, group) = (broker(), topic("busy"), topic("busy-readers"));
    broker.ok(&["topic", "create", &name, "-p", "2"], b"");
    let busy = Member::begin(&broker, &name, &group);
    send("STOP", &busy.0);
    let args = ["consume", &name, "-g", &group, "-b", &broker.address, "--timeout", "1s"];
    let mut member = Member(command(&args).stderr(Stdio::null()).spawn().unwrap());
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(member.0.try_wait().unwrap(), None, "it waits longer than for other answers");
    send("CONT", &busy.0);
    let shares = || json(&broker, &["members", &group])[0]["members"].as_array().unwrap().clone();
    while shares().iter().filter(|share| share["assigned"][0]["partitions"].as_array().is_some()).count() < 2 {
        assert_eq!(member.0.try_wait().unwrap(), None);
        std::thread::sleep(Duration::from_millis(100));
    }
    broker.ok(&["topic", "delete", &name], b"");
}
