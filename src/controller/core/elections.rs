//! ElectLeaders: the first replica leads again, or a partition without a leader gets one (KIP-460).
use super::{
    Each, EachPartition, ElectLeaders, ElectionKind, Refused,
    change::{Change, Election},
    operation::Decided,
};
use crate::{image::Image, types::ErrorCode, wire::metadata::MetadataRecord};

pub(super) fn elect(image: &Image, request: ElectLeaders) -> Decided<EachPartition> {
    let mut records = Vec::new();
    let ElectLeaders { kind, partitions } = request;
    let all = partitions.is_none();
    let partitions = partitions.unwrap_or_else(|| {
        let numbers = |topic: &crate::image::Topic| topic.partitions.keys().copied().collect();
        image.topics.iter().map(|topic| (topic.name.to_string(), numbers(topic))).collect()
    });
    let elected = partitions.into_iter().map(|(topic, numbers)| {
        let mut results: Each<i32> = Vec::new();
        for number in numbers {
            let result = elect_one(image, &topic, number, kind).map(|record| records.push(record));
            if all && matches!(&result, Err(refused) if refused.code == ErrorCode::ElectionNotNeeded) {
                continue;
            }
            results.push((number, result));
        }
        (topic, results)
    });
    let elected = elected.collect();
    (records, elected)
}

fn elect_one(image: &Image, name: &str, number: i32, kind: ElectionKind) -> Result<MetadataRecord, Refused> {
    let unknown = |what: String| Refused::new(ErrorCode::UnknownTopicOrPartition, what);
    let topic = image.topics.named(name).ok_or_else(|| unknown(format!("No such topic as {name}")))?;
    let partition =
        topic.partitions.get(&number).ok_or_else(|| unknown(format!("No such partition as {name}-{number}")))?;
    let mut change = Change::of(image, topic.id, number, partition);
    let preferred = partition.replicas.iter().next();
    let (election, needless, code, text) = match kind {
        ElectionKind::Preferred => (
            Election::Preferred,
            partition.leader.is_some() && partition.leader == preferred,
            ErrorCode::PreferredLeaderNotAvailable,
            "The preferred leader was not available.",
        ),
        ElectionKind::Unclean => (
            Election::Unclean,
            partition.leader.is_some(),
            ErrorCode::EligibleLeadersNotAvailable,
            "Eligible topic partition leaders are not available.",
        ),
    };
    if needless {
        let text = "Leader election not needed for topic partition.";
        return Err(Refused::new(ErrorCode::ElectionNotNeeded, text));
    }
    change.election = election;
    change.record().map(MetadataRecord::from).ok_or_else(|| Refused::new(code, text))
}
