//! What time ends: transactions that are open for too long, transactional ids that nobody uses (TXN-17, TXN-18).
use super::{Reply, State, Transaction, TransactionalId, machine::Decision};
use crate::wire::coordinator::TransactionRecord;

/// Ids that are forgotten in one batch have no more bytes than this together: the journal refuses what is larger than its
/// topic allows, and the same ids would be found again and again. One id always fits, for it came in with a request.
const FORGOTTEN_BYTES_MAX: usize = 64 << 10;

impl Decision<'_> {
    /// One at a time: each may need a producer id of its own.
    pub fn abort_late(&mut self) -> Result<Reply, Reply> {
        let now_ms = self.op.now_ms;
        let late = |(_, one): &(&TransactionalId, &Transaction)| {
            // A transaction in two phases has no timeout.
            let bounded = one.state == State::Ongoing && one.timeout_ms != i32::MAX;
            bounded && one.started_ms.saturating_add(i64::from(one.timeout_ms)) < now_ms
        };
        let hard = self.hard;
        let Some((id, open)) = hard.iter().find(late) else { return Ok(Reply::Swept(0)) };
        self.fence(id, open)?;
        Ok(Reply::Swept(1))
    }

    /// Some at a time; who asks goes on until there are none.
    pub fn expire(&mut self) -> Reply {
        let oldest_ms = self.op.now_ms.saturating_sub(self.op.settings.id_expiration_ms);
        let idle =
            |one: &Transaction| matches!(one.state, State::Empty | State::Complete(_)) && one.updated_ms <= oldest_ms;
        let mut bytes = 0;
        let fits = |id: &TransactionalId| {
            bytes += id.len();
            bytes == id.len() || bytes <= FORGOTTEN_BYTES_MAX
        };
        let idle = self.hard.iter().filter(|(_, one)| idle(one)).map(|(id, _)| id.clone());
        let gone: Vec<_> = idle.take_while(fits).collect();
        for id in &gone {
            self.soft.last_epochs.remove(id);
            self.records.push(TransactionRecord { id: id.to_string(), value: None });
        }
        Reply::Swept(gone.len())
    }
}
