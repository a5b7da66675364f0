//! Idempotent producers: their ids, epochs and sequence numbers.

/// Given out by the controller, never twice (IDEM-13).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ProducerId(i64);

impl ProducerId {
    /// -1 (no producer id) and other negative numbers are `None`.
    pub fn from_wire(id: i64) -> Option<ProducerId> {
        (id >= 0).then_some(ProducerId(id))
    }

    pub fn get(self) -> i64 {
        self.0
    }
}

impl std::fmt::Display for ProducerId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Counts the lives of one producer id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ProducerEpoch(i16);

impl ProducerEpoch {
    pub const ZERO: ProducerEpoch = ProducerEpoch(0);

    pub fn from_wire(epoch: i16) -> Option<ProducerEpoch> {
        (epoch >= 0).then_some(ProducerEpoch(epoch))
    }

    pub fn get(self) -> i16 {
        self.0
    }
}

/// A producer's number for one record of one partition; wraps from 2^31-1 to 0 (IDEM-3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Sequence(i32);

impl Sequence {
    pub const ZERO: Sequence = Sequence(0);

    pub fn from_wire(sequence: i32) -> Option<Sequence> {
        (sequence >= 0).then_some(Sequence(sequence))
    }

    pub fn get(self) -> i32 {
        self.0
    }

    /// The number `records` further on (`DefaultRecordBatch.incrementSequence`).
    pub fn plus(self, records: i32) -> Sequence {
        assert!(records >= 0, "sequences only rise");
        Sequence(((i64::from(self.0) + i64::from(records)) % (i64::from(i32::MAX) + 1)) as i32)
    }

    pub fn next(self) -> Sequence {
        self.plus(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idem_3_sequences_wrap_to_zero() {
        let last = Sequence::from_wire(i32::MAX).unwrap();
        assert_eq!(last.next(), Sequence::ZERO);
        assert_eq!(last.plus(5).get(), 4);
        assert_eq!(Sequence::ZERO.plus(7).get(), 7);
    }
}
