//! Produce 3-13: checks, appends, then waits for the commit that `acks` asks for.
//!
//! Version 5 adds the log start offset to the answer, 7 allows zstd, 8 adds record errors and a message, 9 is
//! flexible, 10 adds the current leader, 13 names topics by id (KIP-516). The append happens before the handler
//! returns; only the waiting comes later, so pipelined requests keep their order (IDEM-14).
mod joining;
mod whole;

use super::{Closing, Context, Reply, Response, cold, errors, reply};
use crate::{
    log::{AppendOrigin, AppendTerms, Reached},
    platform::Clock,
    record::{self, BatchError, BatchRules},
    replica::{Partition, ProduceError, Topic},
    types::{Acks, ErrorCode, Offset, TopicId},
};
use joining::Joined;
use kafka_protocol::messages::{
    ProduceRequest, ProduceResponse,
    produce_request::{PartitionProduceData, TopicProduceData},
    produce_response::{BatchIndexAndErrorMessage, PartitionProduceResponse, TopicProduceResponse},
};
use std::{collections::BTreeSet, future::Future, pin::Pin, sync::Arc, task::Poll, time::Duration};

/// Where no other replica has to follow, a producer's patience is not asked: only the group commit under way is waited for,
/// and Kafka would have answered at once. Longer than this takes only a disk that is about to fail.
const OWN_COMMIT: Duration = Duration::from_secs(10);

/// A partition whose answer waits for its commit: where it stands in the response, and for what it waits.
struct Waiting {
    topic: usize,
    partition: usize,
    commit: Commit,
}

struct Commit {
    reached: Reached,
    /// Whoever else is in sync may be late for other reasons than this broker's disk.
    is_own: bool,
}

pub fn handle(cx: &Context, request: ProduceRequest) -> Reply<Response> {
    if let Some(fault) = whole::fault(&request) {
        return whole::refuse(cx, &request, fault);
    }
    let cold = cold_of(cx, &request);
    cold::begin(cx, request, cold, begin, Response::Nothing)
}

/// The first append to a log opens it.
fn cold_of(cx: &Context, request: &ProduceRequest) -> Vec<Arc<Partition>> {
    let mut cold = Vec::new();
    for data in &request.topic_data {
        let Some(topic) = find(cx, data).ok().filter(|topic| !topic.name.is_internal()) else { continue };
        cold.extend(cold::cold_among(data.partition_data.iter().filter_map(|data| topic.partition(data.index))));
    }
    cold
}

fn begin(cx: &Context, request: ProduceRequest) -> Reply<Response> {
    let Some(joining) = joining::begin(cx, &request) else { return write(cx, request, &Joined::default()) };
    // The coordinator is asked first: what comes behind on this connection waits, so that the order stays (IDEM-14).
    let cx = cx.clone();
    Reply::Held(Box::pin(async move {
        let joined = joining.await;
        write(&cx, request, &joined)
    }))
}

fn write(cx: &Context, request: ProduceRequest, joined: &Joined) -> Reply<Response> {
    let timeout = Duration::from_millis(request.timeout_ms.max(0) as u64);
    let acks = Acks::from_wire(request.acks);
    let mut waiting = Vec::new();
    let mut responses = Vec::with_capacity(request.topic_data.len());
    let mut seen = BTreeSet::new();
    let several = request.topic_data.len() > 1;
    for (topic_index, data) in request.topic_data.into_iter().enumerate() {
        let topic = find(cx, &data);
        let mut answers = Vec::with_capacity(data.partition_data.len());
        let check_twice = several || data.partition_data.len() > 1;
        for (index, partition) in data.partition_data.into_iter().enumerate() {
            let number = partition.index;
            let twice = check_twice && !seen.insert((data.name.to_string(), data.topic_id, number));
            let outcome = match &topic {
                _ if twice => Err(Refused::code(ErrorCode::InvalidRequest)),
                Ok(topic) => append(cx, acks, topic, partition, joined),
                Err(code) => Err(Refused::code(*code)),
            };
            let answer = PartitionProduceResponse::default().with_index(number);
            answers.push(match outcome {
                Ok((answered, commit)) => {
                    waiting.extend(commit.map(|commit| Waiting { topic: topic_index, partition: index, commit }));
                    answered.with_index(number)
                }
                Err(refused) => refused.into_answer(cx, answer),
            });
        }
        responses.push(
            TopicProduceResponse::default()
                .with_name(data.name)
                .with_topic_id(data.topic_id)
                .with_partition_responses(answers),
        );
    }
    let response = ProduceResponse::default().with_responses(responses);
    if acks == Some(Acks::None) {
        return Reply::Now(unacknowledged(&response));
    }
    if waiting.is_empty() {
        return Reply::Now(Response::frame(cx.key, cx.version, cx.correlation_id, &response));
    }
    let cx = cx.clone();
    Reply::later(async move {
        let response = committed(&cx, response, waiting, timeout).await;
        Response::frame(cx.key, cx.version, cx.correlation_id, &response)
    })
}

/// acks=0: nothing is answered; an error can only be told by closing (VAL-13).
fn unacknowledged(response: &ProduceResponse) -> Response {
    let codes = response.responses.iter().flat_map(|topic| topic.partition_responses.iter().map(|p| p.error_code));
    match codes.filter_map(ErrorCode::from_wire).find(|code| code.is_error()) {
        Some(code) => Response::Close(Closing::Unacknowledged(code)),
        None => Response::Nothing,
    }
}

fn find(cx: &Context, data: &TopicProduceData) -> Result<Arc<Topic>, ErrorCode> {
    let partitions = &cx.broker.partitions;
    if cx.version >= 13 {
        partitions.topic_by_id(TopicId(data.topic_id)).ok_or(ErrorCode::UnknownTopicId)
    } else {
        partitions.topic(&data.name).ok_or(ErrorCode::UnknownTopicOrPartition)
    }
}

type Answered = (PartitionProduceResponse, Option<Commit>);

/// In the order of Kafka's `handleProduceRequest`: which partition, whether there is one batch, whose transaction, what
/// `acks` are, whose topic; and what else the batch is, last.
fn append(
    cx: &Context,
    acks: Option<Acks>,
    topic: &Topic,
    data: PartitionProduceData,
    joined: &Joined,
) -> Result<Answered, Refused> {
    let partition = topic.partition(data.index).ok_or(Refused::code(ErrorCode::UnknownTopicOrPartition))?;
    let bytes = data.records.unwrap_or_default();
    let checked = {
        let settings = partition.settings();
        // Older clients cannot have made zstd batches (VAL-11).
        let rules = BatchRules { zstd_allowed: cx.version >= 7, ..settings.rules };
        record::check(bytes, &rules, cx.broker.clock.wall_ms())
    };
    let refuse = |fault| Refused::batch(fault, data.index).by_log(partition);
    let checked = match checked {
        Err(fault) if is_of_request(&fault) => return Err(refuse(fault)),
        checked => checked,
    };
    let guard = match joined.get(&(topic.name.clone(), data.index)) {
        None => None,
        Some(Ok(guard)) => Some(*guard),
        Some(Err(code)) => return Err(Refused::of_join(*code)),
    };
    let acks = acks.ok_or(Refused::code(ErrorCode::InvalidRequiredAcks))?;
    // VAL-14: only the broker writes its own topics. Not even Kafka's `__admin_client` does: what a coordinator keeps
    // in memory follows from the records it wrote itself.
    if topic.name.is_internal() {
        return Err(Refused::code(ErrorCode::InvalidTopicException));
    }
    let checked = checked.map_err(refuse)?;
    let (size, count) = (checked.bytes().len(), checked.header().record_count);
    let terms = AppendTerms { guard, ..AppendOrigin::Client.into() };
    let appended = partition.append(checked, acks, terms).map_err(|fault| Refused::produce(fault).by_log(partition))?;
    cx.broker.metrics.produced_bytes.inc_by(size as u64);
    cx.broker.metrics.produced_records.inc_by(count.max(0) as u64);
    let answer = PartitionProduceResponse::default()
        .with_base_offset(appended.base.get())
        .with_log_append_time_ms(appended.append_time_ms.unwrap_or(-1))
        .with_log_start_offset(appended.log_start.get());
    Ok((answer, wait_for(acks, partition, appended.last)?))
}

/// What Kafka's `ProduceRequest.validateRecords` finds, before any log is asked. It finds no batch in what is torn.
fn is_of_request(fault: &BatchError) -> bool {
    use BatchError::*;
    matches!(fault, Missing | Torn { .. } | Length { .. } | Extra { .. } | Magic { .. } | ZstdNotAllowed)
}

/// Also a duplicate waits until the original is committed (IDEM-2).
fn wait_for(acks: Acks, partition: &Arc<Partition>, last: Offset) -> Result<Option<Commit>, Refused> {
    if acks != Acks::All {
        return Ok(None);
    }
    let high = partition.log().map_err(|fault| Refused::code(errors::unavailable(&fault)))?.high_mark();
    Ok((high.get() < last.next())
        .then(|| Commit { reached: high.reached(last.next()), is_own: partition.is_alone_in_sync() }))
}

async fn committed(
    cx: &Context,
    mut response: ProduceResponse,
    waiting: Vec<Waiting>,
    timeout: Duration,
) -> ProduceResponse {
    let began = cx.broker.clock.monotonic();
    for wait in waiting {
        let Err(code) = outcome(&*cx.broker.clock, wait.commit, began, timeout).await else { continue };
        // As in Kafka's `DelayedProduce` its place stays: the batch is in the log.
        response.responses[wait.topic].partition_responses[wait.partition].error_code = cx.error(code);
    }
    response
}

/// No timer of its own: the connection asks again from time to time while writes wait, which is exact enough for a timeout
/// and costs nothing for the many that are committed at once.
async fn outcome(clock: &dyn Clock, mut commit: Commit, began: Duration, timeout: Duration) -> Result<(), ErrorCode> {
    let patience = if commit.is_own { timeout.max(OWN_COMMIT) } else { timeout };
    let deadline = began.saturating_add(patience);
    std::future::poll_fn(|task| match Pin::new(&mut commit.reached).poll(task) {
        Poll::Ready(Ok(_)) => Poll::Ready(Ok(())),
        Poll::Ready(Err(closed)) => Poll::Ready(Err(errors::closed(closed))),
        Poll::Pending if clock.monotonic() >= deadline => Poll::Ready(Err(ErrorCode::RequestTimedOut)),
        Poll::Pending => Poll::Pending,
    })
    .await
}

/// A partition's refusal: the code, what to say of it, and of which records.
struct Refused {
    code: ErrorCode,
    message: Option<String>,
    records: Vec<(i32, String)>,
    /// Whether the partition's log was asked; those of before, and what is too large or damaged, tell nothing of it.
    is_by_log: bool,
    log_start: Option<Offset>,
}

impl Refused {
    fn code(code: ErrorCode) -> Refused {
        Refused { code, message: None, records: Vec::new(), is_by_log: false, log_start: None }
    }

    /// The coordinator's word; those of its codes that a producer cannot know from it are explained.
    fn of_join(code: ErrorCode) -> Refused {
        let message = match code {
            ErrorCode::InvalidTxnState => "the partition was not added to the transaction",
            ErrorCode::NotEnoughReplicas => "whether the partition is in the transaction cannot be told right now",
            _ => return Refused::code(code),
        };
        Refused { message: Some(message.to_string()), ..Refused::code(code) }
    }

    fn batch(fault: BatchError, partition: i32) -> Refused {
        tracing::debug!(partition, %fault, "a batch was refused");
        let (message, records) = (Some(fault.to_string()), fault.records().to_vec());
        let is_by_log = !is_of_request(&fault);
        Refused { message, records, is_by_log, ..Refused::code(fault.code()) }
    }

    fn produce(fault: ProduceError) -> Refused {
        Refused { message: Some(fault.to_string()), is_by_log: true, ..Refused::code(errors::produce(&fault)) }
    }

    /// Tells where the log starts, as Kafka's `ReplicaManager.appendRecordsToLeader` does with all errors but these.
    fn by_log(self, partition: &Arc<Partition>) -> Refused {
        use ErrorCode::*;
        let untold = matches!(
            self.code,
            CorruptMessage
                | MessageTooLarge
                | RecordListTooLarge
                | UnsupportedCompressionType
                | NotLeaderOrFollower
                | KafkaStorageError
        );
        let log_start = (self.is_by_log && !untold).then(|| partition.log().ok().map(|log| log.bounds().start()));
        Refused { log_start: log_start.flatten(), ..self }
    }

    fn into_answer(self, cx: &Context, answer: PartitionProduceResponse) -> PartitionProduceResponse {
        let answer = answer
            .with_error_code(cx.error(self.code))
            .with_base_offset(-1)
            .with_log_append_time_ms(-1)
            .with_log_start_offset(self.log_start.map_or(-1, Offset::get));
        if cx.version < 8 {
            return answer;
        }
        answer.with_error_message(self.message.map(reply::message)).with_record_errors(
            self.records
                .into_iter()
                .map(|(index, message)| {
                    BatchIndexAndErrorMessage::default()
                        .with_batch_index(index)
                        .with_batch_index_error_message(Some(reply::message(message)))
                })
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        log::{Closed, Watermark},
        platform::ManualClock,
    };
    use std::task::Context as Task;

    /// What is answered when the commit still stands out `after` the request came.
    fn answered(is_own: bool, timeout: Duration, after: Duration) -> Poll<Result<(), ErrorCode>> {
        let clock = ManualClock::at_wall_ms(0);
        let mark = Watermark::new(Offset::new(4));
        let commit = Commit { reached: mark.reached(Offset::new(5)), is_own };
        let mut waiting = std::pin::pin!(outcome(&clock, commit, clock.monotonic(), timeout));
        let mut task = Task::from_waker(std::task::Waker::noop());
        clock.advance(after);
        waiting.as_mut().poll(&mut task)
    }

    #[test]
    fn a_commit_that_never_comes_is_request_timed_out() {
        let late = Poll::Ready(Err(ErrorCode::RequestTimedOut));
        let (second, nothing) = (Duration::from_secs(1), Duration::ZERO);
        assert_eq!(answered(false, nothing, nothing), late, "other replicas have as long as the producer says");
        assert_eq!(answered(false, second, second / 2), Poll::Pending);
        assert_eq!(answered(false, second, second), late);
        assert_eq!(answered(true, nothing, second), Poll::Pending, "only this broker's disk is waited for");
        assert_eq!(answered(true, nothing, OWN_COMMIT), late);
        assert_eq!(answered(true, OWN_COMMIT * 2, OWN_COMMIT), Poll::Pending);
    }

    #[test]
    fn a_mark_that_is_closed_says_why_nothing_is_committed() {
        for (why, code) in [
            (Closed::NotLeader, ErrorCode::NotLeaderOrFollower),
            (Closed::Stopping, ErrorCode::NotLeaderOrFollower),
            (Closed::Deleted, ErrorCode::UnknownTopicOrPartition),
            (Closed::StorageFailed, ErrorCode::KafkaStorageError),
        ] {
            let clock = ManualClock::at_wall_ms(0);
            let mark = Watermark::new(Offset::ZERO);
            let commit = Commit { reached: mark.reached(Offset::new(1)), is_own: true };
            mark.close(why);
            let mut waiting = std::pin::pin!(outcome(&clock, commit, Duration::ZERO, Duration::ZERO));
            let answered = waiting.as_mut().poll(&mut Task::from_waker(std::task::Waker::noop()));
            assert_eq!(answered, Poll::Ready(Err(code)));
        }
    }
}
