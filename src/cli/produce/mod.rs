//! `ottla produce`: lines from stdin, or generated records, into a topic.
mod batches;
mod input;
mod partitioner;
mod send;

use super::{
    CliError, Output,
    args::Global,
    cluster::{Cluster, TIMEOUT_DEFAULT, Topic, is_passing},
    consume::unescape,
};
use crate::{
    platform::{Chance, Clock, SystemChance, SystemClock},
    record::Codec,
    types::{Acks, ErrorCode},
    wire::messages::InitProducerIdRequest,
};
use batches::{BatchSettings, Batches};
use bytes::Bytes;
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use input::{Generator, Heap, Split};
use send::{Progress, Sender};
use std::time::Duration;
use tokio::sync::mpsc;

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  echo hello | ottla produce greetings
  ottla produce orders -K : < orders.txt            key:value on each line
  ottla produce orders -k customer-7 -H trace=42    the same key for each line typed
  ottla produce load --count 1000000 --size 100 -z zstd
  ottla produce load --count 60000 --rate 1000

Records of one key go to the same partition as with Java's producer. Records without a key go to one partition
until a batch is full, then to the next.")]
pub struct ProduceArgs {
    /// The topic to write to
    #[arg(value_name = "TOPIC")]
    pub topic: String,
    /// Key of every record (with -K: of those that bring none)
    #[arg(short, long)]
    pub key: Option<String>,
    /// Cut each line into key and value at the first of these
    #[arg(short = 'K', long, value_name = "DELIMITER", value_parser = unescape)]
    pub key_delimiter: Option<String>,
    /// A header of every record; may be repeated, also with the same name
    #[arg(short = 'H', long = "header", value_name = "NAME=VALUE", value_parser = parse_header)]
    pub headers: Vec<(String, Option<Bytes>)>,
    /// Send everything to this partition
    #[arg(short, long, value_name = "N")]
    pub partition: Option<i32>,
    /// Compress batches
    #[arg(short = 'z', long, value_name = "CODEC", default_value = "none")]
    pub compression: CodecName,
    /// Who must have a record before it counts: all in-sync replicas, the leader (1) or nobody (0)
    #[arg(long, value_name = "all|1|0", default_value = "all", value_parser = parse_acks)]
    pub acks: Acks,
    /// Do without the producer id that keeps retries from writing twice (with acks=all it is used)
    #[arg(long)]
    pub no_idempotence: bool,
    /// An empty value is null: a tombstone
    #[arg(short = 'Z', long)]
    pub tombstone: bool,
    /// Generate this many records instead of reading stdin
    #[arg(long, value_name = "N")]
    pub count: Option<u64>,
    /// Bytes of each generated value
    #[arg(long, value_name = "BYTES", default_value_t = 100, requires = "count")]
    pub size: usize,
    /// Generated records per second [default: as fast as possible]
    #[arg(long, value_name = "N", requires = "count", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub rate: Option<u64>,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
pub enum CodecName {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

impl CodecName {
    fn codec(self) -> Codec {
        match self {
            CodecName::None => Codec::None,
            CodecName::Gzip => Codec::Gzip,
            CodecName::Snappy => Codec::Snappy,
            CodecName::Lz4 => Codec::Lz4,
            CodecName::Zstd => Codec::Zstd,
        }
    }
}

fn parse_header(text: &str) -> Result<(String, Option<Bytes>), String> {
    match text.split_once('=') {
        // As kcat has it: a name alone has a null value.
        None if !text.is_empty() => Ok((text.to_owned(), None)),
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), Some(Bytes::from(value.to_owned())))),
        _ => Err("write it as name=value".to_owned()),
    }
}

fn parse_acks(text: &str) -> Result<Acks, String> {
    match text {
        "all" | "-1" => Ok(Acks::All),
        "1" => Ok(Acks::Leader),
        "0" => Ok(Acks::None),
        _ => Err("all, 1 or 0".to_owned()),
    }
}

/// Java's `batch.size` is 16 KiB; a tool that has its records at hand does better with more.
const BATCH_BYTES: usize = 128 * 1024;

pub async fn run(global: &Global, args: ProduceArgs, output: &mut Output) -> Result<(), CliError> {
    let clock = SystemClock::new();
    let mut cluster = Cluster::connect(global, TIMEOUT_DEFAULT).await?;
    let topic = topic_to_write(&mut cluster, &args.topic).await?;
    let partitions: Vec<i32> = topic.partitions.iter().map(|partition| partition.index).collect();
    if let Some(missing) = args.partition.filter(|partition| !partitions.contains(partition)) {
        let text = format!("topic {} has no partition {missing}: it has {}, from 0 on", topic.name, partitions.len());
        return Err(CliError::NotFound(text));
    }
    let producer = match args.acks == Acks::All && !args.no_idempotence {
        true => Some(producer_id(&cluster).await?),
        false => None,
    };
    let settings = BatchSettings {
        codec: args.compression.codec(),
        headers: args.headers.clone(),
        producer,
        partition: args.partition,
        batch_bytes: BATCH_BYTES,
    };
    let batches = Batches::new(settings, partitions, SystemChance.u64());
    let key = args.key.clone().map(Bytes::from);
    let heaps = match args.count {
        Some(count) => Generator { count, bytes: args.size, rate: args.rate }.start(key),
        None => input::lines(Split { key, delimiter: args.key_delimiter.clone(), empty_is_null: args.tombstone }),
    };
    let progress =
        output.shows_progress() && (args.count.is_some() || !std::io::IsTerminal::is_terminal(&std::io::stdin()));
    let progress = progress.then(|| progress_bar(args.count));
    let mut sender = Sender::new(cluster, topic, args.acks);
    let result = pump(&mut sender, batches, heaps, &clock, progress.as_ref()).await;
    if let Some(progress) = progress {
        progress.finish_and_clear();
    }
    report(&args.topic, sender.progress(), clock.monotonic(), output, result)
}

/// From the heaps into batches, from full batches to the sender. Open batches leave as soon as no more input waits.
async fn pump(
    sender: &mut Sender,
    mut batches: Batches,
    mut heaps: mpsc::Receiver<Heap>,
    clock: &SystemClock,
    progress: Option<&ProgressBar>,
) -> Result<(), CliError> {
    let unreadable = |error: std::io::Error| CliError::Failed(format!("cannot read stdin: {error}"));
    let uncompressible = |error: std::io::Error| CliError::Failed(format!("cannot compress a batch: {error}"));
    loop {
        let heap = match heaps.try_recv() {
            Ok(heap) => heap,
            Err(mpsc::error::TryRecvError::Disconnected) => break,
            Err(mpsc::error::TryRecvError::Empty) => {
                sender.send(batches.flush().map_err(uncompressible)?).await?;
                match sender.recv_while_waiting(&mut heaps).await? {
                    Some(heap) => heap,
                    None => break,
                }
            }
        };
        let now_ms = clock.wall_ms();
        for line in heap.map_err(unreadable)? {
            if let Some(full) = batches.add(&line, now_ms).map_err(uncompressible)? {
                sender.send(vec![full]).await?;
            }
        }
        if let Some(progress) = progress {
            progress.set_position(sender.progress().records);
        }
    }
    sender.send(batches.flush().map_err(uncompressible)?).await?;
    sender.finish().await
}

/// The topic, made by the broker when it does that by itself. A new topic takes a moment to get its leaders.
async fn topic_to_write(cluster: &mut Cluster, name: &str) -> Result<Topic, CliError> {
    const PAUSE: Duration = Duration::from_millis(50);
    const CREATION_MAX: Duration = Duration::from_secs(3);
    let mut patience = CREATION_MAX.min(cluster.timeout());
    loop {
        let answer = cluster.metadata(Some(&[name.to_owned()]), true).await?;
        let Some(found) = answer.topics.first() else { return Err(CliError::no_such_topic(name)) };
        let passing = is_passing(found.error_code);
        if found.error_code == 0 && found.partitions.iter().any(|partition| partition.leader_id.0 >= 0) {
            return Ok(Topic::from_answer(found));
        }
        if found.error_code != 0 && !passing {
            return Err(CliError::broker(&format!("topic {name}"), found.error_code, None));
        }
        if patience.is_zero() {
            return Err(match ErrorCode::from_wire(found.error_code) {
                Some(ErrorCode::UnknownTopicOrPartition) => CliError::no_such_topic(name),
                _ => CliError::Failed(format!("no partition of topic {name} has a leader")),
            });
        }
        patience = patience.saturating_sub(PAUSE);
        tokio::time::sleep(PAUSE).await;
    }
}

/// Id and epoch from the broker (KIP-98). Right after a start it may not be ready to give one.
async fn producer_id(cluster: &Cluster) -> Result<(i64, i16), CliError> {
    const PAUSE: Duration = Duration::from_millis(100);
    let mut patience = cluster.timeout();
    loop {
        let request =
            InitProducerIdRequest::default().with_transactional_id(None).with_transaction_timeout_ms(i32::MAX);
        let answer = cluster.ask(&request).await?;
        match answer.error_code {
            0 => return Ok((answer.producer_id.0, answer.producer_epoch)),
            code if is_passing(code) && !patience.is_zero() => {
                patience = patience.saturating_sub(PAUSE);
                tokio::time::sleep(PAUSE).await;
            }
            code => {
                let what = "no producer id (`--no-idempotence` does without)";
                return Err(CliError::broker(what, code, None));
            }
        }
    }
}

/// What was written: JSON on stdout when asked for, else a remark on stderr. Also after an error: what counts then is
/// how far it came.
fn report(
    topic: &str,
    done: &Progress,
    took: Duration,
    output: &mut Output,
    result: Result<(), CliError>,
) -> Result<(), CliError> {
    if output.json {
        let partition = |(partition, (first, last)): (&i32, &(i64, i64))| serde_json::json!({ "partition": partition, "first_offset": first, "last_offset": last });
        output.json(&serde_json::json!({
            "topic": topic, "records": done.records, "bytes": done.bytes, "ms": took.as_millis() as u64,
            "partitions": done.offsets.iter().map(partition).collect::<Vec<_>>(),
        }))?;
        return result;
    }
    let places: Vec<String> = done
        .offsets
        .iter()
        .take(8)
        .map(|(partition, (first, last))| match first == last {
            true => format!("partition {partition} offset {first}"),
            false => format!("partition {partition} offsets {first}-{last}"),
        })
        .collect();
    let more = done.offsets.len().saturating_sub(places.len());
    let places = if more > 0 { format!("{}, {more} more", places.join(", ")) } else { places.join(", ") };
    let records = if done.records == 1 { "1 record".to_owned() } else { format!("{} records", done.records) };
    match places.is_empty() {
        true => output.remark(&format!("{records} to {topic}")),
        false => output.remark(&format!("{records} to {topic}: {places}")),
    }
    result
}

fn progress_bar(count: Option<u64>) -> ProgressBar {
    let (bar, template) = match count {
        Some(count) => (ProgressBar::new(count), "{bar:30} {human_pos}/{human_len} records, {per_sec}, {eta} left"),
        None => (ProgressBar::new_spinner(), "{spinner} {human_pos} records, {per_sec}, {elapsed}"),
    };
    bar.with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
}
