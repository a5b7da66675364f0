//! `ottla group reset`: where a group goes on to read.
use super::{
    ResetArgs, ResetTo,
    offsets::{self, Offsets},
};
use crate::{
    cli::{
        CliError, Output,
        cluster::{Cluster, Topic},
        consume::offsets::{At, resolve},
    },
    platform::{Clock, SystemClock},
    types::Isolation,
};
use serde_json::json;
use std::collections::BTreeMap;

struct Move {
    topic: String,
    partition: i32,
    from: Option<i64>,
    to: i64,
}

pub async fn run(cluster: &mut Cluster, args: &ResetArgs, output: &mut Output) -> Result<(), CliError> {
    let committed = offsets::committed(cluster, &args.group).await?;
    let wanted = match args.all_topics {
        true => committed.iter().map(|(topic, of)| (topic.clone(), of.keys().copied().collect())).collect(),
        false => args.topics.iter().map(|text| scope(text)).collect::<Result<BTreeMap<_, Vec<i32>>, _>>()?,
    };
    if wanted.is_empty() {
        return Err(CliError::NotFound(format!("group {} has no offsets", args.group)));
    }
    let mut moves = Vec::new();
    for (name, partitions) in wanted {
        let topic = cluster.topic(&name).await?;
        let partitions = existing(&topic, partitions)?;
        let of_topic = committed.get(&name);
        for (partition, to) in targets(cluster, &topic, &partitions, &args.to, of_topic).await? {
            let from = of_topic.and_then(|offsets| offsets.get(&partition).copied());
            moves.push(Move { topic: name.clone(), partition, from, to });
        }
    }
    if args.execute {
        let mut all = Offsets::new();
        for one in &moves {
            all.entry(one.topic.clone()).or_default().insert(one.partition, one.to);
        }
        offsets::commit(cluster, &args.group, &all).await?;
    }
    show(&moves, args, output)
}

/// `topic` or `topic:0,3`; no partitions means all.
fn scope(text: &str) -> Result<(String, Vec<i32>), CliError> {
    let Some((topic, partitions)) = text.split_once(':') else { return Ok((text.to_owned(), Vec::new())) };
    let partitions: Result<Vec<i32>, _> = partitions.split(',').map(|number| number.trim().parse()).collect();
    let wrong = |_| CliError::Usage(format!("`{text}` names no partitions; write {topic}:0,3"));
    Ok((topic.to_owned(), partitions.map_err(wrong)?))
}

fn existing(topic: &Topic, mut partitions: Vec<i32>) -> Result<Vec<i32>, CliError> {
    let all: Vec<i32> = topic.partitions.iter().map(|partition| partition.index).collect();
    if partitions.is_empty() {
        return Ok(all);
    }
    partitions.sort_unstable();
    partitions.dedup();
    match partitions.iter().find(|index| !all.contains(index)) {
        Some(missing) => Err(CliError::NotFound(format!("topic {} has no partition {missing}", topic.name))),
        None => Ok(partitions),
    }
}

/// Kept within what the log holds, as Kafka's tool does.
async fn targets(
    cluster: &mut Cluster,
    topic: &Topic,
    partitions: &[i32],
    to: &ResetTo,
    committed: Option<&BTreeMap<i32, i64>>,
) -> Result<BTreeMap<i32, i64>, CliError> {
    let isolation = Isolation::ReadUncommitted;
    let now_ms = SystemClock::new().wall_ms();
    let starts = resolve(cluster, topic, partitions, At::Start, isolation, now_ms).await?;
    let ends = resolve(cluster, topic, partitions, At::End, isolation, now_ms).await?;
    let at = match (to.to_offset, to.to_datetime, to.by_duration, to.shift_by) {
        (Some(offset), ..) => At::Offset(offset),
        (_, Some(time_ms), ..) => At::Time(time_ms),
        (_, _, Some(duration), _) => At::Ago(duration),
        (_, _, _, Some(shift)) => {
            let shifted = |index: &i32| Some((*index, committed?.get(index)?.saturating_add(shift)));
            let missing = partitions.iter().find(|index| shifted(index).is_none());
            if let Some(missing) = missing {
                let text = format!("{}-{missing} has no committed offset to shift", topic.name);
                return Err(CliError::Failed(text));
            }
            return Ok(within(partitions.iter().filter_map(shifted).collect(), &starts, &ends));
        }
        _ if to.to_latest => At::End,
        _ => At::Start,
    };
    let found = resolve(cluster, topic, partitions, at, isolation, now_ms).await?;
    Ok(within(found, &starts, &ends))
}

fn within(offsets: BTreeMap<i32, i64>, starts: &BTreeMap<i32, i64>, ends: &BTreeMap<i32, i64>) -> BTreeMap<i32, i64> {
    let bound = |(index, offset): (i32, i64)| {
        let (start, end) = (*starts.get(&index)?, *ends.get(&index)?);
        Some((index, offset.clamp(start, end.max(start))))
    };
    offsets.into_iter().filter_map(bound).collect()
}

fn show(moves: &[Move], args: &ResetArgs, output: &mut Output) -> Result<(), CliError> {
    if output.json {
        let row = |one: &Move| {
            json!({
                "group": args.group, "topic": one.topic, "partition": one.partition, "from": one.from, "to": one.to,
                "executed": args.execute,
            })
        };
        return output.json(&serde_json::Value::Array(moves.iter().map(row).collect()));
    }
    let row = |one: &Move| {
        let from = one.from.map_or_else(|| "-".to_owned(), |from| from.to_string());
        vec![one.topic.clone(), one.partition.to_string(), from, one.to.to_string()]
    };
    output.table(&["TOPIC", "PARTITION", "FROM", "TO"], &moves.iter().map(row).collect::<Vec<_>>())?;
    if !args.execute {
        output.remark("nothing was changed: --execute does it");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_name_a_topic_or_some_of_its_partitions() {
        assert_eq!(scope("orders").unwrap(), ("orders".to_owned(), vec![]));
        assert_eq!(scope("orders:0,3").unwrap(), ("orders".to_owned(), vec![0, 3]));
        assert!(matches!(scope("orders:x"), Err(CliError::Usage(_))));
    }

    #[test]
    fn targets_stay_within_the_log() {
        let of = |pairs: &[(i32, i64)]| pairs.iter().copied().collect::<BTreeMap<i32, i64>>();
        let (starts, ends) = (of(&[(0, 5), (1, 5), (2, 5)]), of(&[(0, 9), (1, 9), (2, 9)]));
        let bounded = within(of(&[(0, -3), (1, 7), (2, 100), (3, 1)]), &starts, &ends);
        assert_eq!(bounded, of(&[(0, 5), (1, 7), (2, 9)]));
    }
}
