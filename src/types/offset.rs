//! The place of one record in a partition.

/// The place of one record; never negative. The wire's sentinels (-1, -2, ...) never become an `Offset`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Offset(i64);

impl Offset {
    pub const ZERO: Offset = Offset(0);
    pub const MAX: Offset = Offset(i64::MAX);

    /// `None` for a negative number, which on the wire is a sentinel or a mistake.
    pub fn from_wire(offset: i64) -> Option<Offset> {
        (offset >= 0).then_some(Offset(offset))
    }

    /// For numbers known not to be negative; panics otherwise.
    pub fn new(offset: i64) -> Offset {
        assert!(offset >= 0, "an offset is never negative: {offset}");
        Offset(offset)
    }

    pub fn get(self) -> i64 {
        self.0
    }

    /// The offset after this one.
    pub fn next(self) -> Offset {
        self.plus(1)
    }

    pub fn plus(self, records: i64) -> Offset {
        Offset::new(self.0.checked_add(records).expect("offsets do not overflow"))
    }

    /// Records from `earlier` to here; zero when `earlier` is not earlier.
    pub fn since(self, earlier: Offset) -> u64 {
        self.0.saturating_sub(earlier.0).max(0) as u64
    }
}

impl std::fmt::Display for Offset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentinels_are_not_offsets() {
        assert_eq!(Offset::from_wire(-1), None);
        assert_eq!(Offset::from_wire(-2), None);
        assert_eq!(Offset::from_wire(0), Some(Offset::ZERO));
    }

    #[test]
    fn since_counts_records_and_never_goes_below_zero() {
        assert_eq!(Offset::new(7).since(Offset::new(3)), 4);
        assert_eq!(Offset::new(3).since(Offset::new(7)), 0);
    }
}
