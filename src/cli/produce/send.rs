//! Sends batches to their leaders, five requests in flight each, and sends again what a passing fault stopped.
//!
//! While all goes well, requests follow each other without waiting. After a passing fault (a leader that moved, a
//! connection that broke) everything in flight is awaited first; then the failed batches go out again one by one in
//! their order. With a producer id the broker recognises those it has already.
use super::batches::Sealed;
use crate::{
    cli::{
        CliError,
        cluster::{Cluster, Topic, is_passing, partition_error, wire_name},
    },
    net::{Client, ClientError},
    types::{Acks, ErrorCode},
    wire::messages::{
        MetadataRequest, ProduceRequest, ProduceResponse,
        produce_request::{PartitionProduceData, TopicProduceData},
        produce_response::PartitionProduceResponse,
    },
};
use futures_util::{FutureExt, future::LocalBoxFuture};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};
use tokio::sync::mpsc;

/// What has been acknowledged (or handed over, with acks=0).
#[derive(Default, Debug)]
pub struct Progress {
    pub records: u64,
    /// Of keys and values, before compression.
    pub bytes: u64,
    /// First and last offset of each partition; empty with acks=0.
    pub offsets: BTreeMap<i32, (i64, i64)>,
}

pub struct Sender {
    cluster: Cluster,
    topic: Topic,
    acks: Acks,
    /// In the order sent.
    in_flight: VecDeque<InFlight>,
    progress: Progress,
}

struct InFlight {
    leader: i32,
    batches: Vec<Sealed>,
    answer: LocalBoxFuture<'static, Result<ProduceResponse, ClientError>>,
}

/// The broker remembers the last five batches of a producer, so no more may be open (KIP-98).
const IN_FLIGHT_MAX: usize = 5;
const PAUSE: Duration = Duration::from_millis(100);

impl Sender {
    pub fn new(cluster: Cluster, topic: Topic, acks: Acks) -> Sender {
        Sender { cluster, topic, acks, in_flight: VecDeque::new(), progress: Progress::default() }
    }

    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Hands batches over, at most one per partition; waits only while too much is in flight.
    pub async fn send(&mut self, batches: Vec<Sealed>) -> Result<(), CliError> {
        let mut by_leader: BTreeMap<Option<i32>, Vec<Sealed>> = BTreeMap::new();
        for batch in batches {
            by_leader.entry(self.topic.leader_of(batch.partition)).or_default().push(batch);
        }
        for (leader, batches) in by_leader {
            let Some(leader) = leader else {
                self.recover(Vec::new(), batches, "no leader".to_owned()).await?;
                continue;
            };
            while self.in_flight.iter().filter(|sent| sent.leader == leader).count() >= IN_FLIGHT_MAX {
                self.settle_oldest().await?;
            }
            if let Err(problem) = self.begin(leader, &batches).await? {
                self.recover(Vec::new(), batches, problem).await?;
            }
        }
        Ok(())
    }

    /// The next heap of input; answers that come meanwhile are taken in, so that a fault shows when it happens.
    pub async fn recv_while_waiting<T>(&mut self, input: &mut mpsc::Receiver<T>) -> Result<Option<T>, CliError> {
        loop {
            let Some(oldest) = self.in_flight.front_mut() else { return Ok(input.recv().await) };
            let answer = tokio::select! {
                heap = input.recv() => return Ok(heap),
                answer = &mut oldest.answer => answer,
            };
            let sent = self.in_flight.pop_front().expect("the oldest was there");
            self.settle(sent, answer).await?;
        }
    }

    /// Waits for everything in flight.
    pub async fn finish(&mut self) -> Result<(), CliError> {
        while !self.in_flight.is_empty() {
            self.settle_oldest().await?;
        }
        if self.acks == Acks::None {
            // Nothing confirms these records. A broker takes the requests of a connection in order, so an answer to a
            // later one tells that they arrived.
            let leaders: BTreeSet<i32> = self.topic.partitions.iter().filter_map(|found| found.leader).collect();
            for leader in leaders {
                let client = self.cluster.broker(leader).await?;
                client.ask(&MetadataRequest::default().with_topics(Some(Vec::new()))).await?;
            }
        }
        Ok(())
    }

    /// Puts one request on its way. The inner error is a passing one.
    async fn begin(&mut self, leader: i32, batches: &[Sealed]) -> Result<Result<(), String>, CliError> {
        let client = match self.cluster.broker(leader).await {
            Ok(client) => client,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let version = client.version_of::<ProduceRequest>()?;
        let request = self.request(batches, version);
        if self.acks == Acks::None {
            return match client.tell(&request, version).await {
                Ok(()) => {
                    batches.iter().for_each(|batch| self.progress.add(batch, None));
                    Ok(Ok(()))
                }
                Err(error) => self.passing(leader, error).map(Err),
            };
        }
        match client.begin(&request, version).await {
            Ok(pending) => {
                let answer = keep_open(client, pending.answer()).boxed_local();
                self.in_flight.push_back(InFlight { leader, batches: batches.to_vec(), answer });
                Ok(Ok(()))
            }
            Err(error) => self.passing(leader, error).map(Err),
        }
    }

    fn request(&self, batches: &[Sealed], version: i16) -> ProduceRequest {
        let partition = |batch: &Sealed| {
            PartitionProduceData::default().with_index(batch.partition).with_records(Some(batch.bytes.clone()))
        };
        let topic = TopicProduceData::default().with_partition_data(batches.iter().map(partition).collect());
        // From version 13 on topics go by their ids.
        let topic = match version >= 13 {
            true => topic.with_topic_id(self.topic.id),
            false => topic.with_name(wire_name(&self.topic.name)),
        };
        let acks = match self.acks {
            Acks::None => 0,
            Acks::Leader => 1,
            Acks::All => -1,
        };
        let timeout_ms = self.cluster.timeout_ms();
        ProduceRequest::default()
            .with_transactional_id(None)
            .with_acks(acks)
            .with_timeout_ms(timeout_ms)
            .with_topic_data(vec![topic])
    }

    fn passing(&mut self, leader: i32, error: ClientError) -> Result<String, CliError> {
        if !error.is_connection() {
            return Err(error.into());
        }
        self.cluster.forget(leader);
        Ok(error.to_string())
    }

    async fn settle_oldest(&mut self) -> Result<(), CliError> {
        let Some(mut sent) = self.in_flight.pop_front() else { return Ok(()) };
        let answer = (&mut sent.answer).await;
        self.settle(sent, answer).await
    }

    async fn settle(&mut self, sent: InFlight, answer: Result<ProduceResponse, ClientError>) -> Result<(), CliError> {
        let mut failed = Vec::new();
        match self.judge(sent, answer, &mut failed)? {
            None => Ok(()),
            Some(problem) => self.recover(failed, Vec::new(), problem).await,
        }
    }

    /// Takes an answer in: what was written counts, what may be tried again is added to `failed`, and the reason
    /// returned. All else is an error.
    fn judge(
        &mut self,
        sent: InFlight,
        answer: Result<ProduceResponse, ClientError>,
        failed: &mut Vec<Sealed>,
    ) -> Result<Option<String>, CliError> {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                let problem = self.passing(sent.leader, error)?;
                failed.extend(sent.batches);
                return Ok(Some(problem));
            }
        };
        let mut problem = None;
        let answers: Vec<_> = answer.responses.iter().flat_map(|topic| &topic.partition_responses).collect();
        for batch in sent.batches {
            let partition = batch.partition;
            let Some(answer) = answers.iter().find(|answer| answer.index == partition) else {
                return Err(CliError::Failed(format!("no answer for {}-{partition} came", self.topic.name)));
            };
            // What follows a batch that failed is out of order until that one is there.
            let follows = failed.iter().any(|earlier| earlier.partition == partition);
            match ErrorCode::from_wire(answer.error_code) {
                Some(ErrorCode::None) => self.progress.add(&batch, Some(answer.base_offset)),
                Some(ErrorCode::DuplicateSequenceNumber) => self.progress.add(&batch, None),
                Some(ErrorCode::OutOfOrderSequenceNumber) if follows => failed.push(batch),
                _ if is_passing(answer.error_code) => {
                    problem = Some(partition_error(&self.topic.name, partition, answer.error_code));
                    failed.push(batch);
                }
                _ => return Err(refusal(&self.topic.name, answer)),
            }
        }
        Ok(problem)
    }

    /// After a passing fault: `failed` came back, `unsent` never left.
    async fn recover(
        &mut self,
        mut failed: Vec<Sealed>,
        unsent: Vec<Sealed>,
        mut problem: String,
    ) -> Result<(), CliError> {
        while let Some(mut sent) = self.in_flight.pop_front() {
            let answer = (&mut sent.answer).await;
            self.judge(sent, answer, &mut failed)?;
        }
        failed.extend(unsent);
        let mut again: VecDeque<Sealed> = failed.into();
        let mut patience = self.cluster.timeout();
        while let Some(batch) = again.front().cloned() {
            match self.send_one(&batch).await? {
                None => {
                    again.pop_front();
                }
                Some(reason) => {
                    problem = reason;
                    if patience.is_zero() {
                        let lost = again.iter().map(|batch| i64::from(batch.records)).sum::<i64>();
                        return Err(CliError::Timeout(format!("{lost} records were not acknowledged: {problem}")));
                    }
                    patience = patience.saturating_sub(PAUSE);
                    tokio::time::sleep(PAUSE).await;
                    match self.cluster.topic(&self.topic.name).await {
                        Ok(topic) => self.topic = topic,
                        Err(error @ CliError::NotFound(_)) => return Err(error),
                        Err(_) => {}
                    }
                }
            }
        }
        drop(problem);
        Ok(())
    }

    /// One batch, sent and awaited; the answer is a passing fault.
    async fn send_one(&mut self, batch: &Sealed) -> Result<Option<String>, CliError> {
        let Some(leader) = self.topic.leader_of(batch.partition) else {
            return Ok(Some(format!("{}-{} has no leader", self.topic.name, batch.partition)));
        };
        if let Err(problem) = self.begin(leader, std::slice::from_ref(batch)).await? {
            return Ok(Some(problem));
        }
        let Some(mut sent) = self.in_flight.pop_front() else { return Ok(None) };
        let answer = (&mut sent.answer).await;
        self.judge(sent, answer, &mut Vec::new())
    }
}

/// The connection must live as long as an answer is awaited on it.
async fn keep_open<T>(client: std::rc::Rc<Client>, answer: impl Future<Output = T>) -> T {
    let answer = answer.await;
    drop(client);
    answer
}

/// Why the broker will not have a batch, with the record at fault when it says so.
fn refusal(topic: &str, answer: &PartitionProduceResponse) -> CliError {
    let what = format!("{topic}-{} refused the records", answer.index);
    let of_record = answer.record_errors.first().and_then(|error| error.batch_index_error_message.as_deref());
    let message = of_record.or(answer.error_message.as_deref());
    CliError::broker(&what, answer.error_code, message)
}

impl Progress {
    fn add(&mut self, batch: &Sealed, base_offset: Option<i64>) {
        self.records += i64::from(batch.records) as u64;
        self.bytes += batch.payload_bytes as u64;
        let Some(first) = base_offset.filter(|offset| *offset >= 0) else { return };
        let last = first.saturating_add(i64::from(batch.records) - 1);
        let range = self.offsets.entry(batch.partition).or_insert((first, last));
        *range = (range.0.min(first), range.1.max(last));
    }
}
