//! Several log directories of one broker (KIP-113, KIP-1066): partitions that move while they are used and the broker is killed, a
//! directory that cannot be used or fails while it serves, directories that take nothing new. `OTTLA_KILL_ROUNDS` says how often
//! the broker is killed.
#![expect(clippy::disallowed_methods, reason = "the test puts files in the broker's way")]
use kafka_protocol::messages::{
    AlterReplicaLogDirsRequest, CreateTopicsRequest, DescribeLogDirsRequest, IncrementalAlterConfigsRequest,
    alter_replica_log_dirs_request::{AlterReplicaLogDir, AlterReplicaLogDirTopic},
    create_topics_request::CreatableTopic,
    describe_log_dirs_response::DescribeLogDirsResult,
    incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig},
};
use protocol_tests::{
    Connection,
    batch::{Batch, Record, read_batches},
    child::{Child, free_port},
    connection::encode_request,
    kills::number,
    random::Random,
    steps::{self, Topic},
    time::{Stopwatch, now_ms, pause_ms},
};
use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicBool, AtomicI64, Ordering::SeqCst},
};

const STORAGE_ERROR: i16 = 56;
const INVALID_REPLICATION_FACTOR: i16 = 38;
const INVALID_REPLICA_ASSIGNMENT: i16 = 39;
const DONE_MS_MAX: u64 = 60_000;
const ROUNDS: u64 = 3;
const RECORD_BYTES: usize = 20_000;

/// A broker with two log directories, the metadata log in the first.
struct Rig {
    broker: Child,
    home: tempfile::TempDir,
    overrides: Vec<String>,
}

impl Rig {
    /// `None` where another broker is to be tested, of which no test knows the directories.
    fn begin(overrides: &[&str]) -> Option<Rig> {
        Rig::begin_in(tempfile::tempdir().expect("a directory"), overrides)
    }

    fn begin_in(home: tempfile::TempDir, overrides: &[&str]) -> Option<Rig> {
        if std::env::var_os("OTTLA_TEST_BROKER").is_some() {
            return None;
        }
        let directories = format!("log.dirs={},{}", Rig::path(&home, 0).display(), Rig::path(&home, 1).display());
        let overrides: Vec<String> = overrides.iter().map(ToString::to_string).chain([directories]).collect();
        let broker = Rig::start(free_port(), home.path(), &overrides);
        Some(Rig { broker, home, overrides })
    }

    fn start(port: u16, home: &Path, overrides: &[String]) -> Child {
        Child::start(port, home, &overrides.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn path(home: &tempfile::TempDir, at: usize) -> PathBuf {
        home.path().join(["a", "b"][at])
    }

    fn connect(&self) -> Connection {
        Connection::try_open_at(self.broker.address()).expect("a connection")
    }

    /// Killed, changed by hand, and started again.
    fn again(&mut self, change: impl FnOnce(&Path, &Path)) {
        self.broker.kill();
        change(&Rig::path(&self.home, 0), &Rig::path(&self.home, 1));
        self.broker = Rig::start(self.broker.address().port(), self.home.path(), &self.overrides);
    }

    fn described(&self) -> Vec<DescribeLogDirsResult> {
        let request = DescribeLogDirsRequest::default().with_topics(None);
        let mut found = self.connect().call(4, &request).results;
        found.sort_by(|one, other| one.log_dir.cmp(&other.log_dir));
        found
    }

    /// The numbers of the partitions of a topic in each directory, and whether a copy is on its way.
    fn held(&self, topic: &Topic) -> ([Vec<i32>; 2], bool) {
        let (mut held, mut moves) = ([vec![], vec![]], false);
        for (at, directory) in self.described().iter().enumerate() {
            let here = directory.topics.iter().filter(|one| one.name == topic.wire_name());
            for partition in here.flat_map(|one| &one.partitions) {
                if partition.is_future_key {
                    moves = true;
                } else {
                    held[at].push(partition.partition_index);
                }
            }
        }
        (held, moves)
    }

    /// The answer's error code.
    fn move_to(&self, at: usize, topic: &Topic) -> i16 {
        let asked = AlterReplicaLogDirTopic::default().with_name(topic.wire_name()).with_partitions(vec![0]);
        let path = steps::text(Rig::path(&self.home, at).display().to_string());
        let to = AlterReplicaLogDir::default().with_path(path).with_topics(vec![asked]);
        let answer = self.connect().call(2, &AlterReplicaLogDirsRequest::default().with_dirs(vec![to]));
        answer.results[0].partitions[0].error_code
    }

    fn create(&self, name: &str) -> i16 {
        let topic = CreatableTopic::default()
            .with_name(steps::topic_name(name))
            .with_num_partitions(1)
            .with_replication_factor(1);
        let request = CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(10_000);
        self.connect().call(7, &request).topics[0].error_code
    }

    /// What DescribeLogDirs 5 says of each directory.
    fn cordoned(&self) -> [bool; 2] {
        let mut connection = self.connect();
        let request = DescribeLogDirsRequest::default().with_topics(Some(vec![]));
        let mut frame = encode_request(4, &request, 1, "test").to_vec();
        frame[2..4].copy_from_slice(&5_i16.to_be_bytes());
        connection.send_frame(&frame);
        let answer = connection.read_frame().expect("an answer");
        [0, 1].map(|at| {
            let path = Rig::path(&self.home, at).display().to_string();
            let found = answer.windows(path.len()).position(|part| part == path.as_bytes()).expect("the directory");
            // Behind the path: no topics, all bytes, usable bytes.
            answer[found + path.len() + 1 + 16] != 0
        })
    }

    fn cordon(&self, value: &str) {
        let config = AlterableConfig::default().with_name(steps::text("cordoned.log.dirs"));
        let config = config.with_config_operation(0).with_value(Some(steps::text(value)));
        let node = steps::node_id(&mut self.connect()).0.to_string();
        let resource = AlterConfigsResource::default()
            .with_resource_type(4)
            .with_resource_name(steps::text(node))
            .with_configs(vec![config]);
        let answer = self.connect().call(1, &IncrementalAlterConfigsRequest::default().with_resources(vec![resource]));
        assert_eq!(answer.responses[0].error_code, 0, "{:?}", answer.responses[0].error_message);
    }
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let watch = Stopwatch::start();
    while !is_so() {
        assert!(watch.elapsed_ms() < DONE_MS_MAX, "{what}");
        pause_ms(50);
    }
}

/// Ends the load, also when the test fails.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

/// Writes the record `n` at offset `n`, each again until it is acknowledged; answers how many there are.
fn write(address: SocketAddr, topic: &Topic, producer: (i64, i16), stop: &AtomicBool, written: &AtomicI64) {
    let mut connection = None;
    while !stop.load(SeqCst) {
        let Some(open) = &mut connection else {
            connection = Connection::try_open_at(address).ok();
            pause_ms(5);
            continue;
        };
        let next = written.load(SeqCst);
        let record = Record::of(format!("{next} {}", "x".repeat(RECORD_BYTES)));
        let batch = Batch { producer, base_sequence: next as i32, ..Batch::records(vec![record]) };
        match open.try_call(9, &steps::produce_request(9, topic, 0, batch.encode())) {
            Err(_) => connection = None,
            Ok(answer) => match &answer.responses[0].partition_responses[0] {
                answer if answer.error_code == 0 => {
                    assert_eq!(answer.base_offset, next);
                    written.store(next + 1, SeqCst);
                    pause_ms(1);
                }
                // Known, but not served yet by a broker that has just come back.
                answer if [3, 6, 7].contains(&answer.error_code) => pause_ms(10),
                answer => panic!("error {}: {:?}", answer.error_code, answer.error_message),
            },
        }
    }
}

/// Reads from `at` on what is there; answers where it ends. Each record stands at the offset of its number.
fn read_on(connection: &mut Connection, topic: &Topic, mut at: i64, end: i64) -> Option<i64> {
    while at < end {
        let request = steps::fetch_request(18, topic, vec![steps::from_offset(0, at)]);
        let answer = connection.try_call(18, &request).ok()?;
        let partition = answer.responses.first()?.partitions.first()?.clone();
        if partition.error_code != 0 {
            assert!([3, 6, 100].contains(&partition.error_code), "error {}", partition.error_code);
            return None;
        }
        let batches = read_batches(&partition.records.unwrap_or_default());
        assert!(!batches.is_empty(), "nothing at {at} of {end}");
        for batch in &batches {
            let value = batch.records()[0].value.clone().unwrap_or_default();
            let number = String::from_utf8_lossy(&value).split(' ').next().and_then(|text| text.parse::<i64>().ok());
            assert_eq!((batch.base_offset, number), (at, Some(at)));
            at = batch.last_offset() + 1;
        }
    }
    Some(at)
}

#[test]
fn ops_2_log_17_a_partition_moves_under_load_and_kills() {
    // Slow enough to be met in the middle.
    let Some(mut rig) = Rig::begin(&["replica.alter.log.dirs.io.max.bytes.per.second=20000000"]) else { return };
    let topic = steps::new_topic(&mut rig.connect(), 1);
    let producer = steps::new_producer(&mut rig.connect());
    let (stop, written, address) = (AtomicBool::new(false), AtomicI64::new(0), rig.broker.address());
    let seed = number("OTTLA_KILL_SEED", now_ms() as u64);
    println!("OTTLA_KILL_SEED={seed}");
    let (mut random, mut met) = (Random::new(seed), 0);
    std::thread::scope(|scope| {
        let end = End(&stop);
        scope.spawn(|| write(address, &topic, producer, &stop, &written));
        let reader = scope.spawn(|| {
            let (mut at, mut connection) = (0, None);
            while !stop.load(SeqCst) {
                let end = written.load(SeqCst);
                let read = connection.as_mut().and_then(|open| read_on(open, &topic, at, end));
                match read {
                    Some(reached) => at = reached,
                    None => connection = Connection::try_open_at(address).ok(),
                }
                pause_ms(5);
            }
            at
        });
        until("there is something to move", || written.load(SeqCst) > 300);
        for _ in 0..number("OTTLA_KILL_ROUNDS", ROUNDS) {
            let ([in_first, _], _) = rig.held(&topic);
            let to = usize::from(!in_first.is_empty());
            assert_eq!(rig.move_to(to, &topic), 0);
            pause_ms(random.below(700) as u64);
            met += u64::from(rig.held(&topic).1);
            rig.again(|_, _| {});
            // What the kill has interrupted begins anew, and comes to its end.
            until("the move ends", || {
                let (held, moves) = rig.held(&topic);
                assert_eq!(held.concat(), [0], "in one directory");
                held[to] == [0] && !moves
            });
        }
        drop(end);
        assert!(reader.join().expect("the reader goes on") > 0);
    });
    let end = written.load(SeqCst);
    println!("{end} records, {met} kills met a copy on its way");
    // One more may be there of which no answer came.
    assert!([end, end + 1].contains(&steps::end_offset(&mut rig.connect(), &topic)));
    assert_eq!(read_on(&mut rig.connect(), &topic, 0, end), Some(end));
    assert_eq!(rig.described().iter().map(|one| one.error_code).collect::<Vec<_>>(), [0, 0]);
}

#[test]
fn ops_2_a_look_at_any_moment_finds_a_moving_partition_in_one_directory() {
    let Some(rig) = Rig::begin(&[]) else { return };
    let topic = steps::new_topic(&mut rig.connect(), 1);
    assert_eq!(steps::produce_at(&mut rig.connect(), 13, &topic, 0, Batch::of(&["here"]).encode()).error_code, 0);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let end = End(&stop);
        let lookers = [(); 2].map(|()| {
            scope.spawn(|| {
                while !stop.load(SeqCst) {
                    assert_eq!(rig.held(&topic).0.concat(), [0], "in one directory");
                }
            })
        });
        for _ in 0..100 {
            let to = usize::from(!rig.held(&topic).0[0].is_empty());
            assert_eq!(rig.move_to(to, &topic), 0);
            until("the move ends", || rig.held(&topic).0[to] == [0]);
        }
        drop(end);
        lookers.into_iter().for_each(|looker| looker.join().expect("each look finds it once"));
    });
}

#[test]
fn ops_2_a_directory_that_cannot_be_used_takes_down_its_own_partitions_only() {
    let Some(mut rig) = Rig::begin(&[]) else { return };
    let topic = steps::new_topic(&mut rig.connect(), 4);
    let batch = || Batch::of(&["here"]).encode();
    for partition in 0..4 {
        assert_eq!(steps::produce_at(&mut rig.connect(), 13, &topic, partition, batch()).error_code, 0);
    }
    let ([in_a, in_b], _) = rig.held(&topic);
    assert_eq!((in_a.len(), in_b.len()), (2, 2));
    rig.again(|_, b| {
        fs::rename(b, b.with_extension("away")).expect("moved away");
        fs::write(b, "in the way").expect("a file");
    });
    let codes = |rig: &Rig| -> Vec<i16> { rig.described().iter().map(|one| one.error_code).collect() };
    assert_eq!(codes(&rig), [0, STORAGE_ERROR]);
    for partition in 0..4 {
        let is_away = in_b.contains(&partition);
        let code = if is_away { STORAGE_ERROR } else { 0 };
        let produced = steps::produce_at(&mut rig.connect(), 13, &topic, partition, batch());
        assert_eq!(produced.error_code, code, "partition {partition}");
        let request = steps::fetch_request(18, &topic, vec![steps::from_offset(partition, 0)]);
        let fetched = steps::only_partition(&rig.connect().call(18, &request));
        assert_eq!(fetched.error_code, code, "partition {partition}");
    }
    assert_eq!(rig.create("meanwhile"), 0);
    rig.again(|_, b| {
        fs::remove_file(b).expect("removed");
        fs::rename(b.with_extension("away"), b).expect("put back");
    });
    assert_eq!(codes(&rig), [0, 0]);
    for partition in 0..4 {
        let produced = steps::produce_at(&mut rig.connect(), 13, &topic, partition, batch());
        let due = if in_b.contains(&partition) { 1 } else { 2 };
        assert_eq!((produced.error_code, produced.base_offset), (0, due), "partition {partition}");
    }
}

/// A file system of its own in a file, mounted on a directory; gone with this.
struct Device {
    image: tempfile::NamedTempFile,
    at: PathBuf,
}

impl Device {
    /// `None` where nothing can be mounted.
    fn mounted_at(at: PathBuf) -> Option<Device> {
        let device = Device { image: tempfile::NamedTempFile::new().expect("a file"), at };
        device.image.as_file().set_len(256 << 20).expect("a sparse file");
        fs::create_dir(&device.at).expect("a directory");
        let image = device.image.path().as_os_str();
        (run("mkfs.ext4", &["-q".as_ref(), "-F".as_ref(), image]) && device.mount()).then_some(device)
    }

    fn mount(&self) -> bool {
        run("mount", &["-o".as_ref(), "loop".as_ref(), self.image.path().as_os_str(), self.at.as_os_str()])
    }

    fn unmount(&self) -> bool {
        run("umount", &[self.at.as_os_str()])
    }

    /// What the kernel does with a file system whose disk fails: from now on nothing is written or synced.
    fn fail(&self) {
        assert!(run("mount", &["-o".as_ref(), "remount,abort".as_ref(), self.at.as_os_str()]), "it fails");
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        run("umount", &["-q".as_ref(), "-l".as_ref(), self.at.as_os_str()]);
    }
}

fn run(program: &str, arguments: &[&std::ffi::OsStr]) -> bool {
    Command::new(program).args(arguments).status().is_ok_and(|status| status.success())
}

#[test]
fn ops_2_a_directory_that_fails_while_it_serves_takes_down_its_own_partitions_only() {
    let home = tempfile::tempdir().expect("a directory");
    let Some(device) = Device::mounted_at(Rig::path(&home, 1)) else {
        println!("SKIPPED: no file system can be made and mounted here, a directory that fails was NOT tested");
        return;
    };
    let Some(mut rig) = Rig::begin_in(home, &[]) else { return };
    let topic = steps::new_topic(&mut rig.connect(), 4);
    let mut connection = rig.connect();
    let mut produce = |partition| steps::produce_at(&mut connection, 13, &topic, partition, Batch::of(&["v"]).encode());
    for partition in 0..4 {
        assert_eq!(produce(partition).error_code, 0);
    }
    let ([in_a, in_b], _) = rig.held(&topic);
    assert_eq!((in_a.len(), in_b.len()), (2, 2));
    device.fail();
    // Who writes first finds it, and with the directory all of its partitions go: also those that nobody has written to.
    assert_eq!(produce(in_b[0]).error_code, STORAGE_ERROR);
    let fetched = |rig: &Rig, partition| {
        let request = steps::fetch_request(18, &topic, vec![steps::from_offset(partition, 0)]);
        steps::only_partition(&rig.connect().call(18, &request)).error_code
    };
    until("reading is refused", || in_b.iter().all(|partition| fetched(&rig, *partition) == STORAGE_ERROR));
    assert_eq!(rig.described().iter().map(|one| one.error_code).collect::<Vec<_>>(), [0, STORAGE_ERROR]);
    for partition in &in_b {
        assert_eq!(produce(*partition).error_code, STORAGE_ERROR, "partition {partition}");
    }
    for partition in &in_a {
        assert_eq!((produce(*partition).error_code, fetched(&rig, *partition)), (0, 0), "partition {partition}");
    }
    let new = steps::new_topic(&mut rig.connect(), 2);
    assert_eq!(rig.held(&new).0[0], [0, 1]);
    assert_eq!(rig.move_to(1, &new), STORAGE_ERROR);
    // A broker that starts while it is so serves the others; with another disk under the same files everything is back.
    rig.again(|_, _| {});
    assert_eq!(fetched(&rig, in_b[0]), STORAGE_ERROR);
    rig.again(|_, _| assert!(device.unmount() && device.mount(), "mounted anew"));
    assert_eq!(rig.described().iter().map(|one| one.error_code).collect::<Vec<_>>(), [0, 0]);
    for partition in 0..4 {
        let produced = steps::produce_at(&mut rig.connect(), 13, &topic, partition, Batch::of(&["v"]).encode());
        let due = if in_b.contains(&partition) { 1 } else { 2 };
        assert_eq!((produced.error_code, produced.base_offset), (0, due), "partition {partition}");
    }
}

#[test]
fn directories_that_are_cordoned_get_nothing_new() {
    let Some(mut rig) = Rig::begin(&[]) else { return };
    assert_eq!((rig.create("first"), rig.cordoned()), (0, [false, false]));
    let second = Rig::path(&rig.home, 1).display().to_string();
    rig.cordon(&second);
    until("it is told", || rig.cordoned() == [false, true]);
    let topic = steps::new_topic(&mut rig.connect(), 3);
    assert_eq!(rig.held(&topic).0, [vec![0, 1, 2], vec![]]);
    assert_eq!(rig.move_to(1, &topic), INVALID_REPLICA_ASSIGNMENT);
    // With all of them there is no place, as in Apache Kafka; and there is none after a restart.
    rig.cordon("*");
    until("nothing is made any more", || rig.create(&steps::fresh_name("no")) == INVALID_REPLICATION_FACTOR);
    rig.again(|_, _| {});
    assert_eq!(rig.cordoned(), [true, true]);
    until("nothing is made after a restart", || rig.create(&steps::fresh_name("no")) == INVALID_REPLICATION_FACTOR);
    assert_eq!(steps::append(&mut rig.connect(), &topic, &Batch::of(&["goes on"])), 0);
    rig.cordon("");
    until("topics are made again", || rig.create(&steps::fresh_name("yes")) == 0);
    // The same from the properties.
    rig.overrides.push("cordoned.log.dirs=*".into());
    rig.again(|_, _| {});
    assert_eq!(rig.cordoned(), [false, false], "what was set at run time counts");
}
