//! kill -9 at random moments while groups commit: the last commit that was acknowledged is there after each restart, or
//! a later one that was under way, whole; members go on in their generation, without joining again (GRP-17, LOG-7).
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use kafka_protocol::messages::{
    ConsumerGroupHeartbeatRequest, CreateTopicsRequest, FindCoordinatorRequest, HeartbeatRequest, OffsetCommitRequest,
    OffsetFetchRequest, create_topics_request::CreatableTopic,
};
use protocol_tests::{
    Code, Connection,
    groups::{self, HEARTBEAT, JOIN, SYNC, group_id},
    kills::Kills,
    text,
    time::{Stopwatch, eventually, pause_ms},
    topic_name,
};
use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
};

const TOPIC: &str = "committed";
const PARTITIONS: i32 = 3;
const IN_FLIGHT: usize = 4;
const ROUNDS: u64 = 6;
const GROUPS_OF_A_KIND: usize = 2;
/// The newest that names topics, and knows epochs of members.
const COMMIT: i16 = 9;
const FETCH: i16 = 9;
/// Compaction and rolling are among what is interrupted.
const OVERRIDES: [&str; 4] = [
    "group.initial.rebalance.delay.ms=0",
    "offsets.topic.num.partitions=3",
    "offsets.topic.segment.bytes=1048576",
    "log.cleaner.backoff.ms=50",
];

#[derive(Clone, Copy, PartialEq, Debug)]
enum Kind {
    Simple,
    Dynamic,
    Static,
    Consumer,
}

/// Who commits: generation or epoch, and the names.
struct Member {
    kind: Kind,
    epoch: i32,
    id: String,
    instance: Option<&'static str>,
}

/// The connection is dead or the broker is not ready: everything is tried on the next one.
struct Interrupted;

/// Whether the broker serves; any error but "not yet" is a fault.
fn served(code: i16, what: &str) -> Result<(), Interrupted> {
    const NOT_YET: [Code; 3] = [Code::CoordinatorLoadInProgress, Code::CoordinatorNotAvailable, Code::NotCoordinator];
    match code {
        0 => Ok(()),
        code if NOT_YET.iter().any(|not_yet| not_yet.code() == code) => {
            pause_ms(5);
            Err(Interrupted)
        }
        code => panic!("{what}: error {code}"),
    }
}

impl Member {
    /// A coordinator that is found may be loading still.
    fn join(connection: &mut Connection, kind: Kind, group: &str) -> Member {
        let instance = (kind == Kind::Static).then_some("stays");
        match kind {
            Kind::Simple => Member { kind, epoch: -1, id: String::new(), instance },
            Kind::Consumer => {
                let request = ConsumerGroupHeartbeatRequest::default()
                    .with_group_id(group_id(group))
                    .with_member_id(text("one"))
                    .with_rebalance_timeout_ms(30_000)
                    .with_subscribed_topic_names(Some(vec![topic_name(TOPIC)]))
                    .with_topic_partitions(Some(vec![]));
                let joined = eventually(20_000, "a member", || {
                    let joined = connection.call(1, &request);
                    served(joined.error_code, "the first heartbeat").ok().map(|()| joined)
                });
                Member { kind, epoch: joined.member_epoch, id: "one".into(), instance }
            }
            Kind::Dynamic | Kind::Static => {
                let request = groups::joining(group, "", &["range"])
                    .with_session_timeout_ms(300_000)
                    .with_group_instance_id(instance.map(text));
                let joined = eventually(20_000, "a member", || {
                    let joined = groups::join(connection, JOIN, request.clone());
                    served(joined.error_code, "the join").ok().map(|()| joined)
                });
                let request = groups::syncing(SYNC, group, &joined, &[(joined.member_id.as_str(), "all")]);
                let synced = connection.call(SYNC, &request.with_group_instance_id(instance.map(text)));
                assert_eq!((synced.error_code, &synced.assignment[..]), (0, &b"all"[..]));
                Member { kind, epoch: joined.generation_id, id: joined.member_id.to_string(), instance }
            }
        }
    }

    /// It is still a member, in the same generation or epoch.
    fn check(&self, connection: &mut Connection, group: &str) -> Result<(), Interrupted> {
        match self.kind {
            Kind::Simple => Ok(()),
            Kind::Consumer => {
                let request = ConsumerGroupHeartbeatRequest::default()
                    .with_group_id(group_id(group))
                    .with_member_id(text(&*self.id))
                    .with_member_epoch(self.epoch);
                let answer = connection.try_call(1, &request).map_err(|_| Interrupted)?;
                served(answer.error_code, "heartbeat of a consumer")?;
                assert_eq!(answer.member_epoch, self.epoch, "{group}: the epoch stays");
                Ok(())
            }
            Kind::Dynamic | Kind::Static => {
                let request = HeartbeatRequest::default()
                    .with_group_id(group_id(group))
                    .with_generation_id(self.epoch)
                    .with_member_id(text(&*self.id))
                    .with_group_instance_id(self.instance.map(text));
                let answer = connection.try_call(HEARTBEAT, &request).map_err(|_| Interrupted)?;
                served(answer.error_code, "heartbeat")
            }
        }
    }
}

struct Committer {
    address: SocketAddr,
    group: String,
    member: Member,
    /// Offsets that were ever sent: 1 to this.
    sent: i64,
    /// Acknowledged, or seen.
    stands: i64,
    /// How often a new connection found all in order.
    looks: u64,
    commits: Arc<AtomicU64>,
}

impl Committer {
    fn run(mut self, stop: &AtomicBool) -> Committer {
        let watch = Stopwatch::start();
        while !stop.load(SeqCst) {
            assert!(watch.elapsed_ms() < 600_000, "no end in sight");
            let Ok(mut connection) = Connection::try_open_at(self.address) else {
                pause_ms(5);
                continue;
            };
            let _ = self.talk(&mut connection, stop);
        }
        self
    }

    /// One connection's life: first what stands, then commits.
    fn talk(&mut self, connection: &mut Connection, stop: &AtomicBool) -> Result<(), Interrupted> {
        self.look(connection)?;
        let mut waiting = VecDeque::new();
        while !stop.load(SeqCst) || !waiting.is_empty() {
            if waiting.len() < IN_FLIGHT && !stop.load(SeqCst) {
                // Counted before it is sent: a broken pipe does not say how much arrived.
                self.sent += 1;
                let request = self.commit(self.sent);
                waiting.push_back((self.sent, connection.try_send(COMMIT, &request).map_err(|_| Interrupted)?));
                continue;
            }
            let Some((offset, correlation)) = waiting.pop_front() else { break };
            let answer = connection.try_receive::<OffsetCommitRequest>(COMMIT, correlation).map_err(|_| Interrupted)?;
            for partition in &answer.topics[0].partitions {
                served(partition.error_code, &self.group)?;
            }
            self.stands = offset;
            self.commits.fetch_add(1, SeqCst);
        }
        Ok(())
    }

    fn commit(&self, offset: i64) -> OffsetCommitRequest {
        let at = |partition| {
            OffsetCommitRequestPartition::default()
                .with_partition_index(partition)
                .with_committed_offset(offset)
                .with_committed_leader_epoch(-1)
                .with_committed_metadata(None)
        };
        let topic = OffsetCommitRequestTopic::default()
            .with_name(topic_name(TOPIC))
            .with_partitions((0..PARTITIONS).map(at).collect());
        OffsetCommitRequest::default()
            .with_group_id(group_id(&self.group))
            .with_generation_id_or_member_epoch(self.member.epoch)
            .with_member_id(text(&*self.member.id))
            .with_group_instance_id(self.member.instance.map(text))
            .with_topics(vec![topic])
    }

    /// What was acknowledged stands, what stands was sent, and no commit stands in part.
    fn look(&mut self, connection: &mut Connection) -> Result<(), Interrupted> {
        self.member.check(connection, &self.group)?;
        let topic = OffsetFetchRequestTopics::default()
            .with_name(topic_name(TOPIC))
            .with_partition_indexes((0..PARTITIONS).collect());
        let group = OffsetFetchRequestGroup::default()
            .with_group_id(group_id(&self.group))
            .with_member_id(None)
            .with_member_epoch(-1)
            .with_topics(Some(vec![topic]));
        let request = OffsetFetchRequest::default().with_groups(vec![group]);
        let answer = connection.try_call(FETCH, &request).map_err(|_| Interrupted)?;
        let group = &answer.groups[0];
        served(group.error_code, &self.group)?;
        let told: Vec<i64> = group.topics[0].partitions.iter().map(|partition| partition.committed_offset).collect();
        assert_eq!(told, [told[0]; PARTITIONS as usize], "{}: a commit stands whole", self.group);
        let stands = told[0].max(0);
        let (from, to) = (self.stands, self.sent);
        assert!((from..=to).contains(&stands), "{}: {stands} stands, of {from} to {to}", self.group);
        self.stands = stands;
        self.looks += 1;
        Ok(())
    }
}

fn create_topic(connection: &mut Connection) {
    let wanted = CreatableTopic::default()
        .with_name(topic_name(TOPIC))
        .with_num_partitions(PARTITIONS)
        .with_replication_factor(1);
    let answer = connection.call(7, &CreateTopicsRequest::default().with_topics(vec![wanted]).with_timeout_ms(10_000));
    assert_eq!(answer.topics[0].error_code, 0, "{:?}", answer.topics[0].error_message);
}

fn committers(address: SocketAddr, commits: &Arc<AtomicU64>) -> Vec<Committer> {
    let mut connection = Connection::try_open_at(address).expect("a connection");
    create_topic(&mut connection);
    eventually(20_000, "a coordinator", || {
        let request = FindCoordinatorRequest::default().with_coordinator_keys(vec![text("any")]);
        (connection.call(4, &request).coordinators[0].error_code == 0).then_some(())
    });
    let mut all = Vec::new();
    for kind in [Kind::Simple, Kind::Dynamic, Kind::Static, Kind::Consumer] {
        for number in 0..GROUPS_OF_A_KIND {
            let group = format!("{kind:?}-{number}");
            let member = Member::join(&mut connection, kind, &group);
            let commits = commits.clone();
            all.push(Committer { address, group, member, sent: 0, stands: 0, looks: 0, commits });
        }
    }
    all
}

#[test]
fn grp_17_acknowledged_commits_and_members_outlive_kill_9() {
    let Some(mut kills) = Kills::begin(ROUNDS, &OVERRIDES) else { return };
    let address = kills.address();
    let (stop, commits) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let threads: Vec<_> = committers(address, &commits)
        .into_iter()
        .map(|committer| {
            let stop = stop.clone();
            std::thread::spawn(move || committer.run(&stop))
        })
        .collect();
    kills.run("commits acknowledged", || commits.load(SeqCst));
    pause_ms(300);
    stop.store(true, SeqCst);
    let done = threads.into_iter().map(|thread| thread.join().expect("a group that saw no fault"));
    let mut done: Vec<Committer> = done.collect();
    kills.again();
    for committer in &mut done {
        let before = committer.looks;
        eventually(20_000, "the last look", || {
            let mut connection = Connection::try_open_at(address).ok()?;
            committer.look(&mut connection).ok()
        });
        assert!(before > 0 && committer.stands > 0, "{} has committed", committer.group);
        println!("{}: {} of {} stands, {} looks", committer.group, committer.stands, committer.sent, committer.looks);
    }
    println!("{} commits of {} groups survived {} kills", commits.load(SeqCst), done.len(), kills.rounds);
}
