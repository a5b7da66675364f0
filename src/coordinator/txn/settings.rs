//! What the rules of transactions are told.
use crate::types::TransactionVersion;

/// Settings of all transactions of a broker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TransactionSettings {
    /// `transaction.max.timeout.ms`.
    pub timeout_ms_max: i32,
    /// `transactional.id.expiration.ms`.
    pub id_expiration_ms: i64,
    /// The cluster's `transaction.version`: how transactions are ended that no client ends.
    pub version: TransactionVersion,
}

impl TransactionSettings {
    /// May a transaction be open for so long?
    pub fn allows_timeout(&self, timeout_ms: i32) -> bool {
        (1..=self.timeout_ms_max).contains(&timeout_ms)
    }
}

impl Default for TransactionSettings {
    fn default() -> TransactionSettings {
        TransactionSettings {
            timeout_ms_max: 900_000,
            id_expiration_ms: 7 * 24 * 3_600_000,
            version: TransactionVersion::V2,
        }
    }
}
