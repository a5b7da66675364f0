//! The group coordinator: groups on the partitions of `__consumer_offsets`.
use super::{Coordinated, Given, RecordInPlace, Sharded, Transactional};
use crate::{
    coordinator::group::{self, GroupMachine, GroupSettings, Groups, Moment, Never, Op, Reply, Request, Soft, offsets},
    record::{EndTransactionMarker, TransactionResult},
    types::{Offset, ProducerId, TopicId},
    wire::coordinator::{CommittedInPlace, GroupRecord, GroupRecordError},
};
use std::iter::Peekable;

/// The handle of the group coordinator.
pub type GroupCoordinator = Sharded<GroupMachine>;

impl Coordinated for GroupMachine {
    const TOPIC: &'static str = group::TOPIC;
    type Request = Request;
    type Settings = GroupSettings;

    fn op(given: Given<GroupSettings>, request: Request) -> Op {
        let at = Moment { wall_ms: given.wall_ms, monotonic_ms: given.monotonic_ms };
        Op { at, id: given.id, image: given.image, settings: given.settings, request }
    }

    fn loaded() -> Request {
        Request::Loaded
    }

    fn due() -> Request {
        Request::Due
    }

    fn topics_deleted(topics: Vec<(String, TopicId)>) -> Option<Request> {
        let topics = topics.into_iter().map(|(name, id)| (name, id.0)).collect();
        Some(Request::Offsets(offsets::Request::TopicsDeleted(topics)))
    }

    fn is_more(reply: &Reply) -> bool {
        matches!(reply, Reply::Offsets(offsets::Reply::More))
    }

    fn entries(groups: &Groups) -> usize {
        groups.by_id.len()
    }

    fn next_due(soft: &Soft) -> Option<u64> {
        soft.timers.next()
    }

    fn encode(record: &GroupRecord) -> (Vec<u8>, Option<Vec<u8>>) {
        record.encode()
    }

    fn decode(key: Option<&[u8]>, value: Option<&[u8]>) -> Result<Option<GroupRecord>, String> {
        match GroupRecord::decode(key, value) {
            Ok(record) => Ok(Some(record)),
            Err(GroupRecordError::UnknownType(_)) => Ok(None),
            Err(damaged) => Err(damaged.to_string()),
        }
    }

    fn replay_in_place<'a>(
        &self,
        groups: &mut Groups,
        records: &mut Peekable<impl Iterator<Item = RecordInPlace<'a>>>,
    ) -> u64 {
        let mut replayed = 0;
        while let Some(RecordInPlace { offset, key: Some(key), value: Some(value) }) = records.peek().copied()
            && let Some(first) = CommittedInPlace::read(key, value)
        {
            records.next();
            let topic = offsets::replay_in_place(groups, offset, &first);
            replayed += 1;
            // A commit of many partitions, and a view, have the offsets of one group and topic behind each other.
            while let Some(RecordInPlace { offset, key: Some(next), value: Some(value) }) = records.peek().copied()
                && let Some(same) = first.of_same_topic(key, next, value)
            {
                records.next();
                topic.replay_in_place(offset, &same);
                replayed += 1;
            }
        }
        replayed
    }

    fn transactional(record: &GroupRecord) -> Option<Transactional> {
        Some(match record {
            GroupRecord::PendingOffsetCommit(producer, ..) => Transactional::Open(producer.id, producer.epoch),
            GroupRecord::EndTransaction(producer, marker) => {
                let result = if marker.commit { TransactionResult::Commit } else { TransactionResult::Abort };
                let marker = EndTransactionMarker { result, coordinator_epoch: marker.coordinator_epoch };
                Transactional::End(producer.id, producer.epoch, marker)
            }
            _ => return None,
        })
    }

    fn replay_open(
        &self,
        groups: &mut Groups,
        base: Offset,
        producer: ProducerId,
        records: Vec<GroupRecord>,
    ) -> Result<(), Never> {
        for (at, record) in records.iter().enumerate() {
            offsets::replay_in_transaction(groups, base.plus(at as i64), producer, record);
        }
        Ok(())
    }

    fn replay_end(
        &self,
        groups: &mut Groups,
        _at: Offset,
        producer: ProducerId,
        result: TransactionResult,
    ) -> Result<(), Never> {
        offsets::replay_end(groups, producer, result == TransactionResult::Commit);
        Ok(())
    }
}
