//! How many copies must hold a record before its producer is answered.

/// The `acks` field of a Produce request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Acks {
    /// 0: no answer at all.
    None,
    /// 1: in the leader's log.
    Leader,
    /// -1: in the log of every in-sync replica, and synced there.
    All,
}

impl Acks {
    /// Anything but -1, 0 and 1 is `None` here, which is INVALID_REQUIRED_ACKS on the wire (VAL-13).
    pub fn from_wire(acks: i16) -> Option<Acks> {
        match acks {
            0 => Some(Acks::None),
            1 => Some(Acks::Leader),
            -1 => Some(Acks::All),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn val_13_only_three_values_of_acks_exist() {
        assert_eq!(Acks::from_wire(-1), Some(Acks::All));
        assert_eq!(Acks::from_wire(0), Some(Acks::None));
        assert_eq!(Acks::from_wire(1), Some(Acks::Leader));
        for wrong in [-2, 2, 7, i16::MAX, i16::MIN] {
            assert_eq!(Acks::from_wire(wrong), None);
        }
    }
}
