//! What ListTransactions and DescribeTransactions are told (KIP-664).
use super::{Transaction, TransactionalId, Transactions, machine::Decision};
use std::collections::BTreeSet;

/// Which transactional ids are listed; what is empty or absent excludes none.
#[derive(Clone, Default, Debug)]
pub struct Filter {
    pub producer_ids: BTreeSet<i64>,
    /// Kafka's names of the states.
    pub states: BTreeSet<String>,
    /// Only those that have been running for longer.
    pub running_ms_min: Option<i64>,
}

impl Transactions {
    pub fn list<'a>(
        &'a self,
        filter: &'a Filter,
        now_ms: i64,
    ) -> impl Iterator<Item = (&'a TransactionalId, &'a Transaction)> {
        self.iter().filter(move |(_, one)| {
            let of = filter.producer_ids.is_empty() || filter.producer_ids.contains(&one.producer_id);
            let standing = filter.states.is_empty() || filter.states.contains(one.state.name());
            let running = filter.running_ms_min.is_none_or(|min| now_ms.saturating_sub(one.started_ms) > min);
            of && standing && running
        })
    }
}

impl Decision<'_> {
    /// With the partitions that are still to be told: as markers are written, they become fewer.
    pub fn described(&self, id: &TransactionalId) -> Option<Transaction> {
        let mut one = self.hard.get(id)?.clone();
        if let Some(marked) = self.soft.marked.get(id) {
            one.partitions.retain(|partition| !marked.contains(partition));
        }
        Some(one)
    }
}
