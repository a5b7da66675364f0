//! The group coordinator: groups on the partitions of `__consumer_offsets`.
use super::{Coordinated, Given, Sharded};
use crate::{
    coordinator::group::{GroupMachine, GroupSettings, Groups, Moment, Never, Op, Request, Soft},
    machine::Machine,
    record::TransactionResult,
    types::{Offset, ProducerId},
    wire::coordinator::{GroupRecord, GroupRecordError},
};

/// The handle of the group coordinator.
pub type GroupCoordinator = Sharded<GroupMachine>;

impl Coordinated for GroupMachine {
    const TOPIC: &'static str = "__consumer_offsets";
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

    fn replay_open(&self, groups: &mut Groups, producer: ProducerId, records: Vec<GroupRecord>) -> Result<(), Never> {
        groups.open_transactions.entry(producer).or_default().extend(records);
        Ok(())
    }

    fn replay_end(
        &self,
        groups: &mut Groups,
        at: Offset,
        producer: ProducerId,
        result: TransactionResult,
    ) -> Result<(), Never> {
        let records = groups.open_transactions.remove(&producer).unwrap_or_default();
        match result {
            // Where they stood is of no use to the rules; what they say counts from here on.
            TransactionResult::Commit if !records.is_empty() => self.replay(groups, at, records),
            TransactionResult::Commit | TransactionResult::Abort => Ok(()),
        }
    }
}
