//! The group coordinator: groups on the partitions of `__consumer_offsets`.
use super::{Coordinated, Given, Sharded, Transactional};
use crate::{
    coordinator::group::{self, GroupMachine, GroupSettings, Groups, Moment, Never, Op, Reply, Request, Soft, offsets},
    record::{EndTransactionMarker, TransactionResult},
    store::Row,
    types::{Offset, ProducerId, TopicId},
    wire::coordinator::{CommittedInPlace, GroupRecord, GroupRecordError},
};

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

    fn replay_in_place(&self, groups: &mut Groups, at: Offset, key: &[u8], value: &[u8]) -> bool {
        let read = CommittedInPlace::read(key, value);
        if let Some(read) = &read {
            offsets::replay_in_place(groups, at, read);
        }
        read.is_some()
    }

    fn replay_run_in_place(&self, groups: &mut Groups, run: &[Row<'_>]) -> usize {
        let Some(first) = run.first().and_then(|row| CommittedInPlace::read(row.key, row.value)) else { return 0 };
        let mut count = 0;
        let reads = run.iter().map_while(|row| {
            let read = first.next(row.key, row.value)?;
            count += 1;
            Some((row.offset, read))
        });
        offsets::replay_run_in_place(groups, &first, run.len(), reads);
        count
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
