//! Which partition of a coordinator's topic a name belongs to: Java's hash of it, as every Kafka client and broker counts.

/// The partition of `name` among `partitions` (TXN-19): groups and transactional ids alike.
pub fn coordinator_partition(name: &str, partitions: i32) -> i32 {
    assert!(partitions > 0, "a topic has partitions");
    let hash = name.encode_utf16().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    // Java has no absolute value of its lowest number; Kafka takes 0.
    hash.checked_abs().unwrap_or(0) % partitions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn txn_19_names_are_placed_by_javas_hash() {
        // "abc".hashCode() is 96354, "polygenelubricants".hashCode() is the lowest number of all, "\u{10400}" two units.
        assert_eq!(coordinator_partition("abc", 50), 4);
        assert_eq!(coordinator_partition("polygenelubricants", 50), 0);
        assert_eq!(coordinator_partition("", 50), 0);
        assert_eq!(coordinator_partition("\u{10400}", i32::MAX), 0xD801 * 31 + 0xDC00);
        assert_eq!(
            coordinator_partition("zzzzzz", i32::MAX),
            "zzzzzz".bytes().fold(0i32, |hash, byte| { hash.wrapping_mul(31).wrapping_add(i32::from(byte)) }).abs()
        );
    }
}
