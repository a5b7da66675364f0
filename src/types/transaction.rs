//! The protocol that a transaction is run by (Kafka's feature `transaction.version`).

/// What producer and coordinator agreed on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum TransactionVersion {
    /// KIP-98: one epoch for many transactions.
    #[default]
    V0,
    /// As V0, with flexible fields in the coordinator's records.
    V1,
    /// KIP-890: every transaction ends with a new epoch, so nothing late can reach the next one.
    V2,
}

impl TransactionVersion {
    /// Versions that do not exist yet only add to the last that does.
    pub fn from_wire(version: i8) -> TransactionVersion {
        match version {
            ..=0 => TransactionVersion::V0,
            1 => TransactionVersion::V1,
            2.. => TransactionVersion::V2,
        }
    }

    pub fn wire(self) -> i8 {
        self as i8
    }

    /// Does a transaction's end raise the producer's epoch?
    pub fn raises_epoch(self) -> bool {
        self >= TransactionVersion::V2
    }
}
