//! What time ends: transactions that are open for too long, transactional ids that nobody uses (TXN-17, TXN-18).
use super::{Late, Reply, State, Transaction, TransactionalId, machine::Decision};
use crate::wire::coordinator::TransactionRecord;

/// Ids that are forgotten in one batch have no more bytes than this together, also where the journal takes more: others wait
/// meanwhile.
const FORGOTTEN_BYTES_MAX: usize = 64 << 10;

impl Decision<'_> {
    /// One at a time: each may need a producer id of its own.
    pub fn abort_late(&mut self, after: Option<&TransactionalId>) -> Result<Reply, Reply> {
        let now_ms = self.op.now_ms;
        let late = |(_, one): &(&TransactionalId, &Transaction)| {
            // A transaction in two phases has no timeout.
            let bounded = one.state == State::Ongoing && one.timeout_ms != i32::MAX;
            bounded && one.started_ms.saturating_add(i64::from(one.timeout_ms)) < now_ms
        };
        let hard = self.hard;
        let Some((id, open)) = hard.behind(after).find(late) else { return Ok(Reply::Late(None)) };
        let is_aborted = match self.fence(id, open) {
            Err(Reply::NeedsProducerId) => return Err(Reply::NeedsProducerId),
            fenced => fenced.is_ok(),
        };
        Ok(Reply::Late(Some(Late { id: id.clone(), is_aborted })))
    }

    /// Some at a time; who asks goes on until there are none.
    pub fn expire(&mut self) -> Reply {
        let oldest_ms = self.op.now_ms.saturating_sub(self.op.settings.id_expiration_ms);
        let idle =
            |one: &Transaction| matches!(one.state, State::Empty | State::Complete(_)) && one.updated_ms <= oldest_ms;
        let mut room = self.room.at_most(FORGOTTEN_BYTES_MAX);
        let whole = room;
        let idle = self.hard.iter().filter(|(_, one)| idle(one)).map(|(id, _)| id.clone());
        // One that is too large by itself keeps no other from being forgotten.
        let idle = idle.filter(|id| {
            let mut alone = whole;
            alone.take_tombstone(id)
        });
        let gone: Vec<_> = idle.take_while(|id| room.take_tombstone(id)).collect();
        for id in &gone {
            self.soft.last_epochs.remove(id);
            self.records.push(TransactionRecord { id: id.to_string(), value: None });
        }
        Reply::Forgotten(gone.len())
    }
}
