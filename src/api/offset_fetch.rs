//! OffsetFetch 1-10: what groups have committed. Version 2 asks for all topics by null and has one error for the group,
//! 3 adds the throttle time, 5 leader epochs, 6 is flexible, 7 asks for stable offsets only (KIP-447), 8 for several
//! groups, 9 tells the member (KIP-848), 10 names topics by id. The rules are in `coordinator::group::offsets` (GRP-23).
use super::{Context, Reply, errors};
use crate::{
    coordinator::{
        CoordinatorError,
        group::{
            self,
            offsets::{self, Fetch, FetchTopic, FetchedPartition, FetchedTopic, Named},
        },
    },
    platform::seeded::{self, Bug},
    types::ErrorCode,
    wire::{OFFSETS_BY_TOPIC_ID, OffsetFetch, StrBytes, Version},
};
use futures_util::future::join_all;
use kafka_protocol::messages::{
    GroupId, OffsetFetchRequest, OffsetFetchResponse, TopicName,
    offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics},
    offset_fetch_response::{
        OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
        OffsetFetchResponseTopic, OffsetFetchResponseTopics,
    },
};

/// The first version that asks for several groups.
const SEVERAL_GROUPS: Version = 8;

pub fn handle(cx: &Context, OffsetFetch(request): OffsetFetch) -> Reply<OffsetFetchResponse> {
    let require_stable = request.require_stable && !seeded::strikes(Bug::TellsUnstable);
    let asked: Vec<Fetch> = match cx.version >= SEVERAL_GROUPS {
        true => request.groups.into_iter().map(|group| wanted(cx.version, group, require_stable)).collect(),
        false => vec![wanted_of_one(request)],
    };
    let pending: Vec<_> = asked
        .iter()
        .map(|fetch| {
            let request = group::Request::Offsets(offsets::Request::Fetch(fetch.clone()));
            cx.broker.groups.submit(&fetch.group, request)
        })
        .collect();
    let cx = cx.clone();
    Reply::later(async move {
        let told = join_all(pending).await.into_iter().map(told);
        let told = asked.into_iter().zip(told);
        if cx.version >= SEVERAL_GROUPS {
            let groups = told.map(|(asked, told)| group_answer(&cx, asked, told));
            return OffsetFetchResponse::default().with_groups(groups.collect());
        }
        let (asked, told) = told.last().expect("one group was asked for");
        answer_of_one(&cx, asked, told)
    })
}

fn wanted(version: Version, group: OffsetFetchRequestGroup, require_stable: bool) -> Fetch {
    let topic = |topic: OffsetFetchRequestTopics| FetchTopic {
        topic: if version >= OFFSETS_BY_TOPIC_ID { Named::Id(topic.topic_id) } else { Named::Name(topic.name.0) },
        partitions: topic.partition_indexes,
    };
    Fetch {
        group: group.group_id.0,
        // The crate's default before version 9 is an empty id, which would be a member's.
        member_id: group.member_id.filter(|_| version >= 9),
        member_epoch: group.member_epoch,
        topics: group.topics.map(|topics| topics.into_iter().map(topic).collect()),
        require_stable,
    }
}

fn wanted_of_one(request: OffsetFetchRequest) -> Fetch {
    let topics = request.topics.map(|topics| {
        let topic = topics.into_iter();
        topic
            .map(|topic| FetchTopic { topic: Named::Name(topic.name.0), partitions: topic.partition_indexes })
            .collect()
    });
    let require_stable = request.require_stable && !seeded::strikes(Bug::TellsUnstable);
    Fetch { group: request.group_id.0, member_id: None, member_epoch: -1, topics, require_stable }
}

type Told = Result<Vec<FetchedTopic>, ErrorCode>;

fn told(reply: Result<group::Reply, CoordinatorError>) -> Told {
    match reply {
        Ok(group::Reply::Offsets(offsets::Reply::Fetched(told))) => told,
        Ok(_) => Err(ErrorCode::UnknownServerError),
        // Consumers before 3.9 look for the coordinator again after this one, and give up after others.
        Err(fault) => Err(match errors::coordinator(&fault) {
            ErrorCode::CoordinatorNotAvailable => ErrorCode::NotCoordinator,
            code => code,
        }),
    }
}

fn group_answer(cx: &Context, asked: Fetch, told: Told) -> OffsetFetchResponseGroup {
    let answer = OffsetFetchResponseGroup::default().with_group_id(GroupId(asked.group));
    let topics = match told {
        Ok(topics) => topics,
        Err(code) => return answer.with_error_code(cx.error(code)),
    };
    let by_id = cx.version >= OFFSETS_BY_TOPIC_ID;
    // Where only ids are told, a topic that is gone has none; one that was asked for is told all the same.
    let is_told = |topic: &FetchedTopic| asked.topics.is_some() || !by_id || !topic.id.is_nil();
    let topics = topics.into_iter().filter(is_told).map(|topic| {
        let partitions = topic.partitions.into_iter().map(|told| {
            OffsetFetchResponsePartitions::default()
                .with_partition_index(told.partition)
                .with_committed_offset(told.offset)
                .with_committed_leader_epoch(told.leader_epoch)
                .with_metadata(Some(told.metadata))
                .with_error_code(cx.error(told.error))
        });
        let answer = OffsetFetchResponseTopics::default().with_partitions(partitions.collect());
        if by_id { answer.with_topic_id(topic.id) } else { answer.with_name(TopicName(topic.name)) }
    });
    answer.with_topics(topics.collect())
}

fn answer_of_one(cx: &Context, asked: Fetch, told: Told) -> OffsetFetchResponse {
    let (topics, code) = match told {
        Ok(topics) => (topics, ErrorCode::None),
        // Version 1 has no error for the group: each partition tells it (KAFKA-19246).
        Err(code) if cx.version < 2 => (refused(asked, code), ErrorCode::None),
        Err(code) => (Vec::new(), code),
    };
    let topics = topics.into_iter().map(|topic| {
        let partitions = topic.partitions.into_iter().map(|told| {
            OffsetFetchResponsePartition::default()
                .with_partition_index(told.partition)
                .with_committed_offset(told.offset)
                .with_committed_leader_epoch(if cx.version >= 5 { told.leader_epoch } else { -1 })
                .with_metadata(Some(told.metadata))
                .with_error_code(cx.error(told.error))
        });
        OffsetFetchResponseTopic::default().with_name(TopicName(topic.name)).with_partitions(partitions.collect())
    });
    OffsetFetchResponse::default().with_topics(topics.collect()).with_error_code(cx.error(code))
}

fn refused(asked: Fetch, code: ErrorCode) -> Vec<FetchedTopic> {
    let topics = asked.topics.unwrap_or_default().into_iter().map(|asked| {
        let name = match asked.topic {
            Named::Name(name) => name,
            Named::Id(_) => StrBytes::default(),
        };
        let partitions = asked.partitions.into_iter().map(|partition| FetchedPartition::nothing(partition, code));
        FetchedTopic { name, id: uuid::Uuid::nil(), partitions: partitions.collect() }
    });
    topics.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::NotWritten;

    #[test]
    fn grp_23_a_coordinator_that_cannot_answer_is_looked_for_again() {
        let code = |fault| told(Err(fault)).unwrap_err();
        assert_eq!(code(CoordinatorError::Unavailable), ErrorCode::NotCoordinator);
        assert_eq!(code(CoordinatorError::NotWritten(NotWritten::TooFewReplicas)), ErrorCode::NotCoordinator);
        assert_eq!(code(CoordinatorError::NotCoordinator), ErrorCode::NotCoordinator);
        assert_eq!(code(CoordinatorError::Loading), ErrorCode::CoordinatorLoadInProgress);
        assert_eq!(told(Ok(group::Reply::Done)).unwrap_err(), ErrorCode::UnknownServerError);
    }
}
