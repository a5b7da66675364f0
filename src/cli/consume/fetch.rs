//! The fetching loop: one long poll per leader in flight, records handed over in the order of their partition.
use super::{
    Sink,
    committed::AbortedRecords,
    format::Found,
    offsets::{self, At, isolation_level},
};
use crate::{
    cli::{
        CliError,
        cluster::{Cluster, Topic, is_passing, partition_error, wire_name},
    },
    net::ClientError,
    record::{BatchHeader, WalkError, records, walk},
    types::{ErrorCode, Isolation},
    wire::messages::{
        FetchRequest, FetchResponse,
        fetch_request::{FetchPartition, FetchTopic},
        fetch_response::PartitionData,
    },
};
use futures_util::{FutureExt, StreamExt, future::LocalBoxFuture, stream::FuturesUnordered};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// How far one partition has been read.
#[derive(Clone, Debug)]
pub struct Reading {
    pub partition: i32,
    /// The next offset wanted.
    pub next: i64,
    /// Not read: this offset and those after it.
    pub stop: Option<i64>,
}

impl Reading {
    fn done(&self) -> bool {
        self.stop.is_some_and(|stop| self.next >= stop)
    }
}

pub struct Consumer {
    cluster: Cluster,
    topic: Topic,
    /// In the order they are asked for: whoever got records goes to the end, so that none starves.
    readings: Vec<Reading>,
    /// Those at their stop.
    done: Vec<Reading>,
    isolation: Isolation,
    /// The next offset of each partition as of the last flush that worked: all before it left our buffers.
    shown: BTreeMap<i32, i64>,
    /// Time spent waiting for leaders since the last answer that was of use.
    waited: Duration,
}

type Answer = (i32, Result<FetchResponse, ClientError>);

/// A broker holds an empty answer back this long.
const WAIT_MS_MAX: i32 = 500;
const FETCH_BYTES_MAX: i32 = 50 << 20;
const PARTITION_BYTES_MAX: i32 = 1 << 20;
/// A batch that grows beyond this is refused instead of filling the memory.
const DECOMPRESSED_BYTES_MAX: usize = 256 << 20;
const PAUSE: Duration = Duration::from_millis(100);

impl Consumer {
    pub fn new(cluster: Cluster, topic: Topic, readings: Vec<Reading>, isolation: Isolation) -> Consumer {
        let shown = readings.iter().map(|reading| (reading.partition, reading.next)).collect();
        Consumer { cluster, topic, readings, done: Vec::new(), isolation, shown, waited: Duration::ZERO }
    }

    /// How far each partition has been written out, which records in a buffer are not: the next write may fail.
    pub fn shown(&self) -> &BTreeMap<i32, i64> {
        &self.shown
    }

    /// What was printed must be seen; from then on it counts as shown.
    pub fn flush(&mut self, sink: &mut Sink<'_>) -> Result<(), CliError> {
        sink.pause()?;
        self.shown = self.readings.iter().chain(&self.done).map(|reading| (reading.partition, reading.next)).collect();
        Ok(())
    }

    pub fn cluster(&mut self) -> &mut Cluster {
        &mut self.cluster
    }

    pub fn into_cluster(self) -> Cluster {
        self.cluster
    }

    /// Until every partition is at its stop or the sink is full; else for ever. May be dropped at any time and run
    /// again: what was printed is not printed twice.
    pub async fn run(&mut self, sink: &mut Sink<'_>) -> Result<(), CliError> {
        let mut in_flight: FuturesUnordered<LocalBoxFuture<'static, Answer>> = FuturesUnordered::new();
        let mut asked = BTreeSet::new();
        loop {
            self.done.extend(self.readings.extract_if(.., |reading| reading.done()));
            if self.readings.is_empty() {
                return Ok(());
            }
            let unasked = self.ask_leaders(&mut in_flight, &mut asked).await?;
            let Some((leader, answer)) = in_flight.next().await else {
                let problem = unasked.expect("partitions are left and nobody was asked");
                self.look_again(&problem).await?;
                continue;
            };
            asked.remove(&leader);
            let problem = match answer {
                Ok(answer) => self.take(answer, sink).await?,
                Err(error) if error.is_connection() => {
                    self.cluster.forget(leader);
                    Some(error.to_string())
                }
                Err(error) => return Err(error.into()),
            };
            self.flush(sink)?;
            if sink.is_full() {
                return Ok(());
            }
            if problem.is_none() {
                self.waited = Duration::ZERO;
            }
            if let Some(problem) = problem.or(unasked) {
                self.look_again(&problem).await?;
            }
        }
    }

    /// One fetch to every leader that has none in flight; a text when a partition has no leader that can be asked.
    async fn ask_leaders(
        &mut self,
        in_flight: &mut FuturesUnordered<LocalBoxFuture<'static, Answer>>,
        asked: &mut BTreeSet<i32>,
    ) -> Result<Option<String>, CliError> {
        let leaders: Vec<Option<i32>> =
            self.readings.iter().map(|reading| self.topic.leader_of(reading.partition)).collect();
        let orphan = leaders.iter().position(Option::is_none).map(|at| self.readings[at].partition);
        let mut problem = orphan.map(|partition| format!("{}-{partition} has no leader", self.topic.name));
        for leader in leaders.into_iter().flatten() {
            if asked.contains(&leader) {
                continue;
            }
            let client = match self.cluster.broker(leader).await {
                Ok(client) => client,
                Err(error) => {
                    problem = Some(error.to_string());
                    continue;
                }
            };
            asked.insert(leader);
            let version = client.version_of::<FetchRequest>()?;
            let request = self.request(leader, version);
            let ask = async move {
                let answer = match client.begin(&request, version).await {
                    Ok(pending) => pending.answer().await,
                    Err(error) => Err(error),
                };
                (leader, answer)
            };
            in_flight.push(ask.boxed_local());
        }
        Ok(problem)
    }

    fn request(&self, leader: i32, version: i16) -> FetchRequest {
        let led = self.readings.iter().filter(|reading| self.topic.leader_of(reading.partition) == Some(leader));
        let partition = |reading: &Reading| {
            FetchPartition::default()
                .with_partition(reading.partition)
                .with_fetch_offset(reading.next)
                .with_partition_max_bytes(PARTITION_BYTES_MAX)
        };
        let topic = FetchTopic::default().with_partitions(led.map(partition).collect());
        // From version 13 on topics go by their ids.
        let topic = match version >= 13 {
            true => topic.with_topic_id(self.topic.id),
            false => topic.with_topic(wire_name(&self.topic.name)),
        };
        FetchRequest::default()
            .with_max_wait_ms(WAIT_MS_MAX)
            .with_min_bytes(1)
            .with_max_bytes(FETCH_BYTES_MAX)
            .with_isolation_level(isolation_level(self.isolation))
            .with_topics(vec![topic])
    }

    /// Prints an answer's records. A passing problem is returned as text; the partition is asked for again.
    async fn take(&mut self, answer: FetchResponse, sink: &mut Sink<'_>) -> Result<Option<String>, CliError> {
        if answer.error_code != 0 {
            return Err(CliError::broker("fetch", answer.error_code, None));
        }
        let mut problem = None;
        for data in answer.responses.into_iter().flat_map(|topic| topic.partitions) {
            let Some(at) = self.readings.iter().position(|reading| reading.partition == data.partition_index) else {
                continue;
            };
            match ErrorCode::from_wire(data.error_code) {
                Some(ErrorCode::None) => {
                    let before = self.readings[at].next;
                    print_records(&self.topic.name, &mut self.readings[at], &data, self.isolation, sink)?;
                    if self.readings[at].next > before {
                        let served = self.readings.remove(at);
                        self.readings.push(served);
                    }
                }
                Some(ErrorCode::OffsetOutOfRange) => self.step_into_range(at, sink).await?,
                _ if is_passing(data.error_code) => {
                    problem = Some(partition_error(&self.topic.name, data.partition_index, data.error_code));
                }
                _ => {
                    let what = format!("{}-{}", self.topic.name, data.partition_index);
                    return Err(CliError::broker(&what, data.error_code, None));
                }
            }
            if sink.is_full() {
                break;
            }
        }
        Ok(problem)
    }

    /// Records may be deleted faster than they are read; an offset that does not exist yet is a mistake.
    async fn step_into_range(&mut self, at: usize, sink: &Sink<'_>) -> Result<(), CliError> {
        let Reading { partition, next, .. } = self.readings[at];
        let mut range = [0; 2];
        for (end, place) in range.iter_mut().zip([At::Start, At::End]) {
            let found =
                offsets::resolve(&mut self.cluster, &self.topic, &[partition], place, self.isolation, 0).await?;
            *end = found.get(&partition).copied().unwrap_or(0);
        }
        let name = &self.topic.name;
        let [start, end] = range;
        if next >= start {
            return Err(CliError::Failed(format!(
                "offset {next} of {name}-{partition} does not exist: it holds {start} to {end} (the next one written)"
            )));
        }
        sink.output.remark(&format!("ottla: records {next} to {} of {name}-{partition} are deleted", start - 1));
        self.readings[at].next = start;
        Ok(())
    }

    /// A moment's rest and a fresh look at who leads what, again while nobody answers; an error when that has gone on
    /// for too long.
    async fn look_again(&mut self, problem: &str) -> Result<(), CliError> {
        let mut problem = problem.to_owned();
        let found = loop {
            if self.waited >= self.cluster.timeout() {
                return Err(CliError::Timeout(problem));
            }
            self.waited += PAUSE;
            tokio::time::sleep(PAUSE).await;
            match self.cluster.topic(&self.topic.name).await {
                Ok(topic) => break topic,
                Err(error @ CliError::NotFound(_)) => return Err(error),
                Err(error) => problem = error.to_string(),
            }
        };
        if found.id != self.topic.id {
            return Err(CliError::Failed(format!("topic {} was deleted and made anew", found.name)));
        }
        self.topic = found;
        Ok(())
    }
}

/// Prints what an answer holds of one partition and moves the reading behind it.
fn print_records(
    topic: &str,
    reading: &mut Reading,
    data: &PartitionData,
    isolation: Isolation,
    sink: &mut Sink<'_>,
) -> Result<(), CliError> {
    let damaged = |offset: i64, reason: &str| {
        CliError::Failed(format!("{topic}-{}: the batch at offset {offset} is damaged: {reason}", reading.partition))
    };
    let partition = reading.partition;
    let aborted = data.aborted_transactions.iter().flatten();
    let mut aborted = AbortedRecords::new(aborted.map(|txn| (txn.first_offset, txn.producer_id.0)));
    let committed_only = isolation == Isolation::ReadCommitted;
    for batch in walk(data.records.as_deref().unwrap_or_default()) {
        let batch = match batch {
            Ok(batch) => batch,
            // The answer's size was used up in the middle of a batch, which comes whole next time.
            Err(WalkError::Torn { position: 1.., .. }) => break,
            Err(error) => return Err(damaged(reading.next, &error.to_string())),
        };
        let header: &BatchHeader = &batch.header;
        let Some(last) = header.last() else { return Err(damaged(header.base_offset, "impossible offsets")) };
        if last.get() < reading.next {
            continue;
        }
        if !batch.crc_matches() {
            return Err(damaged(header.base_offset, "its checksum does not fit"));
        }
        let set = records(header, batch.bytes, DECOMPRESSED_BYTES_MAX);
        let set = set.map_err(|error| damaged(header.base_offset, &error.to_string()))?;
        let hidden = !header.is_control() && committed_only && aborted.hides(header);
        for record in &set {
            let record = record.map_err(|error| damaged(header.base_offset, &error.to_string()))?;
            if header.is_control() {
                aborted.marker(header, &record);
                continue;
            }
            let offset = header.base_offset.saturating_add(i64::from(record.offset_delta));
            if hidden || offset < reading.next {
                continue;
            }
            if reading.stop.is_some_and(|stop| offset >= stop) {
                break;
            }
            sink.put(&Found { topic, partition, offset, timestamp_type: header.timestamp_type(), record })?;
            // A group commits this: neither more than was printed nor less, also in the middle of a batch.
            reading.next = offset + 1;
            if sink.is_full() {
                return Ok(());
            }
        }
        let behind = last.get() + 1;
        reading.next = reading.stop.map_or(behind, |stop| behind.min(stop)).max(reading.next);
    }
    Ok(())
}
