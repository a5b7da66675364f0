//! What the process does when a disk fails under it.
use super::*;
use crate::{
    net::{BrokerAddress, Client, ClientSettings},
    platform::{Fault, MemoryDisk, OperationKind},
    record::BatchBuilder,
    types::ErrorCode,
    wire::{
        StrBytes,
        messages::{
            CreateTopicsRequest, FetchRequest, ProduceRequest, TopicName,
            create_topics_request::CreatableTopic,
            fetch_request::{FetchPartition, FetchTopic},
            produce_request::{PartitionProduceData, TopicProduceData},
        },
    },
};
use tokio::{task::JoinHandle, time::timeout};

const PARTITIONS: i32 = 4;
/// Longer than anything takes that is not stuck.
const STUCK: Duration = Duration::from_secs(30);

struct Running {
    disk: MemoryDisk,
    client: Client,
    process: JoinHandle<ExitCode>,
}

fn topic_name() -> TopicName {
    TopicName(StrBytes::from_static_str("t"))
}

impl Running {
    /// A whole process on a disk in memory, with one topic.
    async fn start(log_dirs: &str) -> Running {
        let running = Running::on(MemoryDisk::new(), log_dirs).await;
        let topic = CreatableTopic::default().with_num_partitions(PARTITIONS).with_replication_factor(1);
        let wanted = CreateTopicsRequest::default().with_topics(vec![topic.with_name(topic_name())]);
        let made = running.client.ask(&wanted.with_timeout_ms(10_000)).await.unwrap();
        assert_eq!(made.topics[0].error_code, 0, "{made:?}");
        running
    }

    async fn on(disk: MemoryDisk, log_dirs: &str) -> Running {
        let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).unwrap();
        let listener = format!("PLAINTEXT://{free}");
        let overrides = [("log.dirs", log_dirs), ("ottla.http.listen", "off"), ("node.id", "1")];
        let overrides = overrides.into_iter().chain([("listeners", &*listener), ("advertised.listeners", &*listener)]);
        let overrides: Vec<_> = overrides.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let loaded = config::load(None, std::iter::empty(), &overrides, &RealDisk).unwrap();
        let signals = Signals::listen().unwrap();
        let process = tokio::spawn(run(loaded, signals, Arc::new(SystemClock::new()), Arc::new(disk.clone())));
        let address = BrokerAddress { host: "127.0.0.1".into(), port: free.port() };
        let connected = async {
            loop {
                match Client::open(&address, &ClientSettings::default()).await {
                    Ok(client) => break client,
                    Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
                }
            }
        };
        let client = timeout(STUCK, connected).await.expect("it serves");
        Running { disk, client, process }
    }

    /// Syncs below this path fail from now on.
    fn fail_syncs(&self, path: &str) {
        for on in [OperationKind::Sync, OperationKind::SyncFilesystem] {
            self.disk.inject(Fault { times: u64::MAX, ..Fault::once(on, path) });
        }
    }

    /// The code that an append with `acks=all` is answered with; `None` when the process ends first.
    async fn append(&self, partition: i32) -> Option<i16> {
        let batch = BatchBuilder::new(1_700_000_000_000).record(None, Some(b"v")).build();
        let data = PartitionProduceData::default().with_index(partition).with_records(Some(batch.bytes().clone()));
        let topic = TopicProduceData::default().with_name(topic_name()).with_partition_data(vec![data]);
        let request = ProduceRequest::default()
            .with_transactional_id(None)
            .with_acks(-1)
            .with_timeout_ms(10_000)
            .with_topic_data(vec![topic]);
        let answer = self.client.begin(&request, 9).await.ok()?.answer().await.ok()?;
        Some(answer.responses[0].partition_responses[0].error_code)
    }

    /// The code and the high watermark of a read from the beginning.
    async fn read(&self, partition: i32) -> (i16, i64) {
        let wanted = FetchPartition::default().with_partition(partition).with_partition_max_bytes(1 << 20);
        let topic = FetchTopic::default().with_topic(topic_name()).with_partitions(vec![wanted]);
        let request = FetchRequest::default().with_max_bytes(1 << 20).with_topics(vec![topic]);
        let answer = self.client.begin(&request, 12).await.unwrap().answer().await.unwrap();
        let data = &answer.responses[0].partitions[0];
        (data.error_code, data.high_watermark)
    }

    async fn ended(self) -> (MemoryDisk, ExitCode) {
        (self.disk, timeout(STUCK, self.process).await.expect("it ends by itself").unwrap())
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let done = runtime.block_on(future);
    runtime.shutdown_timeout(Duration::from_millis(100));
    done
}

#[test]
fn log_9_a_failed_sync_of_the_write_ahead_log_ends_the_process_with_code_1() {
    block_on(async {
        let running = Running::start("/data").await;
        assert_eq!(running.append(0).await, Some(0));
        running.fail_syncs("/data/wal");
        let answer = running.append(0).await;
        // A checkpoint may just have synced the segment it is in: then it is acknowledged rightly.
        let acknowledged = answer == Some(0);
        let is_refused = answer.is_none_or(|code| code == ErrorCode::KafkaStorageError.code());
        assert!(acknowledged || is_refused, "{answer:?}");
        let (disk, code) = running.ended().await;
        assert_eq!(code, ExitCode::from(1));
        assert!(!disk.exists(Path::new("/data/.kafka_cleanshutdown")), "no orderly stop");
        let left = disk.crash();
        left.clear_faults();
        let (code, high) = Running::on(left, "/data").await.read(0).await;
        assert!(code == 0 && high > i64::from(acknowledged), "{code}, {high} after {answer:?}");
    });
}

#[test]
fn ops_2_a_directory_that_fails_takes_its_own_partitions_down_and_the_last_one_the_process() {
    block_on(async {
        let running = Running::start("/one,/two").await;
        for partition in 0..PARTITIONS {
            assert_eq!(running.append(partition).await, Some(0));
        }
        let in_two = |partition: i32| running.disk.exists(Path::new(&format!("/two/t-{partition}")));
        let two: Vec<bool> = (0..PARTITIONS).map(in_two).collect();
        assert!(two.contains(&true) && two.contains(&false), "{two:?}");
        running.fail_syncs("/two/wal");
        for round in 0..3 {
            for (partition, in_two) in (0..).zip(&two) {
                let expected = if *in_two { ErrorCode::KafkaStorageError.code() } else { 0 };
                assert_eq!(running.append(partition).await, Some(expected), "partition {partition}, round {round}");
                let (code, high) = running.read(partition).await;
                assert!(*in_two || (code, high) == (0, round + 2), "partition {partition}: {code}, {high}");
            }
            // Longer than the process takes to notice a failure that ends it.
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        assert!(!running.process.is_finished());
        running.fail_syncs("/one/wal");
        let healthy = two.iter().position(|in_two| !in_two).unwrap() as i32;
        assert_ne!(running.append(healthy).await, Some(0));
        assert_eq!(running.ended().await.1, ExitCode::from(1));
    });
}
