//! Where to begin and where to stop: `-o start`, `end`, `42`, `-10`, `@2h`, `:end`, and what they are as offsets.
use crate::{
    cli::{
        CliError,
        args::parse_duration,
        cluster::{Cluster, Topic, is_passing, partition_error, wire_name},
        timestamp::parse_timestamp,
    },
    types::Isolation,
    wire::messages::{
        BrokerId, ListOffsetsRequest,
        list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic},
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// A place in each partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum At {
    Start,
    End,
    Offset(i64),
    /// This many records before the end, but not before the start.
    BeforeEnd(i64),
    /// This many after the start.
    AfterStart(i64),
    /// The first record with this timestamp (ms since 1970) or a later one; the end when there is none.
    Time(i64),
    /// The same, counted back from now.
    Ago(Duration),
}

/// From where to where; `None`: go on as records come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OffsetRange {
    pub from: At,
    pub to: Option<At>,
}

impl OffsetRange {
    pub fn parse(text: &str) -> Result<OffsetRange, String> {
        // Times contain colons themselves, so only `:@` and `:end` separate behind one.
        let parts = match text.strip_prefix('@') {
            Some(_) => text.find(":@").or_else(|| text.strip_suffix(":end").map(str::len)),
            None => text.find(':'),
        };
        let Some(colon) = parts else { return Ok(OffsetRange { from: At::parse(text)?, to: None }) };
        let (from, to) = (&text[..colon], &text[colon + 1..]);
        let from = if from.is_empty() { At::Start } else { At::parse(from)? };
        let to = if to.is_empty() { At::End } else { At::parse(to)? };
        Ok(OffsetRange { from, to: Some(to) })
    }
}

impl At {
    fn parse(text: &str) -> Result<At, String> {
        let wrong = || {
            format!(
                "`{text}` is no place to read from; write start, end, 42, +10, -10, @2h, @2026-11-21T10:00, @1795255200000"
            )
        };
        let number =
            |digits: &str| digits.parse::<i64>().ok().filter(|_| digits.starts_with(|c: char| c.is_ascii_digit()));
        match text.as_bytes() {
            b"start" | b"beginning" | b"earliest" | b"oldest" => Ok(At::Start),
            b"end" | b"latest" | b"newest" => Ok(At::End),
            [b'-', ..] => number(&text[1..]).map(At::BeforeEnd).ok_or_else(wrong),
            [b'+', ..] => number(&text[1..]).map(At::AfterStart).ok_or_else(wrong),
            [b'@', ..] => {
                let time = text[1..].trim_start_matches('-');
                match parse_timestamp(time) {
                    Some(at_ms) => Ok(At::Time(at_ms)),
                    None => parse_duration(time).map(At::Ago).map_err(|_| wrong()),
                }
            }
            _ => number(text).map(At::Offset).ok_or_else(wrong),
        }
    }
}

/// `ListOffsetsRequest.LATEST_TIMESTAMP`
const LATEST: i64 = -1;
/// `ListOffsetsRequest.EARLIEST_TIMESTAMP`
const EARLIEST: i64 = -2;

/// The offset of `at` in each of `partitions`. `now_ms`: wall time.
pub async fn resolve(
    cluster: &mut Cluster,
    topic: &Topic,
    partitions: &[i32],
    at: At,
    isolation: Isolation,
    now_ms: i64,
) -> Result<BTreeMap<i32, i64>, CliError> {
    let time_ms = match at {
        At::Offset(offset) => return Ok(partitions.iter().map(|index| (*index, offset)).collect()),
        At::Start => return query(cluster, topic, partitions, EARLIEST, isolation).await,
        At::End => return query(cluster, topic, partitions, LATEST, isolation).await,
        At::AfterStart(count) => {
            let starts = query(cluster, topic, partitions, EARLIEST, isolation).await?;
            let ends = query(cluster, topic, partitions, LATEST, isolation).await?;
            return Ok(combine(&starts, &ends, |start, end| start.saturating_add(count).min(end.max(start))));
        }
        At::BeforeEnd(count) => {
            let starts = query(cluster, topic, partitions, EARLIEST, isolation).await?;
            let ends = query(cluster, topic, partitions, LATEST, isolation).await?;
            return Ok(combine(&starts, &ends, |start, end| end.saturating_sub(count).max(start)));
        }
        At::Time(time_ms) => time_ms,
        At::Ago(duration) => now_ms.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)),
    };
    let found = query(cluster, topic, partitions, time_ms.max(0), isolation).await?;
    let ends = query(cluster, topic, partitions, LATEST, isolation).await?;
    Ok(combine(&found, &ends, |found, end| if found < 0 { end } else { found }))
}

/// The first of `places` in each of `partitions`; nothing where there are none.
pub async fn resolve_first(
    cluster: &mut Cluster,
    topic: &Topic,
    partitions: &[i32],
    places: impl IntoIterator<Item = At>,
    isolation: Isolation,
    now_ms: i64,
) -> Result<BTreeMap<i32, i64>, CliError> {
    let mut first = BTreeMap::new();
    for at in places {
        for (index, offset) in resolve(cluster, topic, partitions, at, isolation, now_ms).await? {
            first.entry(index).and_modify(|first: &mut i64| *first = offset.min(*first)).or_insert(offset);
        }
    }
    Ok(first)
}

fn combine(a: &BTreeMap<i32, i64>, b: &BTreeMap<i32, i64>, with: impl Fn(i64, i64) -> i64) -> BTreeMap<i32, i64> {
    a.iter().filter_map(|(index, a)| Some((*index, with(*a, *b.get(index)?)))).collect()
}

/// ListOffsets at the leaders; leaders that moved are looked up again until the command's time is over.
async fn query(
    cluster: &mut Cluster,
    topic: &Topic,
    partitions: &[i32],
    timestamp: i64,
    isolation: Isolation,
) -> Result<BTreeMap<i32, i64>, CliError> {
    const PAUSE: Duration = Duration::from_millis(100);
    let mut topic = topic.clone();
    let mut missing: BTreeSet<i32> = partitions.iter().copied().collect();
    let mut found = BTreeMap::new();
    let mut patience = cluster.timeout();
    loop {
        let mut problem = None;
        let mut by_leader: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
        for index in &missing {
            match topic.leader_of(*index) {
                Some(leader) => by_leader.entry(leader).or_default().push(*index),
                None => problem = Some(format!("{}-{index} has no leader", topic.name)),
            }
        }
        for (leader, wanted) in by_leader {
            let client = cluster.broker(leader).await?;
            for (index, code, offset) in ask(&client, &topic.name, &wanted, timestamp, isolation).await? {
                match code {
                    0 => {
                        missing.remove(&index);
                        found.insert(index, offset);
                    }
                    code if is_passing(code) => problem = Some(partition_error(&topic.name, index, code)),
                    code => return Err(CliError::broker(&format!("{}-{index}", topic.name), code, None)),
                }
            }
        }
        let Some(problem) = problem else { return Ok(found) };
        if patience.is_zero() {
            return Err(CliError::Timeout(problem));
        }
        patience = patience.saturating_sub(PAUSE);
        tokio::time::sleep(PAUSE).await;
        topic = cluster.topic(&topic.name).await?;
    }
}

/// Partition, error code and offset (-1: none) of each partition asked for.
async fn ask(
    client: &crate::net::Client,
    topic: &str,
    partitions: &[i32],
    timestamp: i64,
    isolation: Isolation,
) -> Result<Vec<(i32, i16, i64)>, CliError> {
    let partition =
        |index: &i32| ListOffsetsPartition::default().with_partition_index(*index).with_timestamp(timestamp);
    let topic = ListOffsetsTopic::default()
        .with_name(wire_name(topic))
        .with_partitions(partitions.iter().map(partition).collect());
    let request = ListOffsetsRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_isolation_level(isolation_level(isolation))
        .with_topics(vec![topic]);
    let version = client.version_of::<ListOffsetsRequest>()?;
    let request = if version < 2 { request.with_isolation_level(0) } else { request };
    let answer = client.begin(&request, version).await?.answer().await?;
    let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
    Ok(partitions.map(|found| (found.partition_index, found.error_code, found.offset)).collect())
}

pub fn isolation_level(isolation: Isolation) -> i8 {
    match isolation {
        Isolation::ReadUncommitted => 0,
        Isolation::ReadCommitted => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, from: At, to: Option<At>) {
        assert_eq!(OffsetRange::parse(text), Ok(OffsetRange { from, to }), "{text}");
    }

    #[test]
    fn places_are_read_as_kcat_and_rpk_write_them() {
        check("start", At::Start, None);
        check("beginning", At::Start, None);
        check("end", At::End, None);
        check("42", At::Offset(42), None);
        check("-5", At::BeforeEnd(5), None);
        check("+5", At::AfterStart(5), None);
        check("@1795255200000", At::Time(1_795_255_200_000), None);
        check("@2026-11-21T10:00", At::Time(1_795_255_200_000), None);
        check("@2h", At::Ago(Duration::from_secs(7200)), None);
        check("@-15m", At::Ago(Duration::from_secs(900)), None);
    }

    #[test]
    fn ranges_stop() {
        check(":end", At::Start, Some(At::End));
        check("35:70", At::Offset(35), Some(At::Offset(70)));
        check("-10:end", At::BeforeEnd(10), Some(At::End));
        check("5:", At::Offset(5), Some(At::End));
        check(
            "@2026-11-21T10:00:@2026-11-21T10:00:01Z",
            At::Time(1_795_255_200_000),
            Some(At::Time(1_795_255_201_000)),
        );
        check("@2h:end", At::Ago(Duration::from_secs(7200)), Some(At::End));
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in ["", "x", "--5", "-", "+-5", "@", "@x", "1:x", "99999999999999999999"] {
            assert!(OffsetRange::parse(bad).is_err(), "{bad}");
        }
    }
}
