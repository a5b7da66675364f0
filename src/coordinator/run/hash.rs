//! Which partition coordinates a key: Java's `String.hashCode`, which every Kafka broker and tool computes alike.

/// The partition of `key` among `count`.
pub fn partition_of(key: &str, count: i32) -> i32 {
    let hash = key.encode_utf16().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    // Kafka's `Utils.abs`: the one number without a positive counterpart counts as 0.
    hash.checked_abs().unwrap_or(0) % count.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_hash_as_in_java() {
        assert_eq!(partition_of("", 50), 0);
        // "hello".hashCode() = 99162322, "console-consumer-1".hashCode() = 2010560917.
        assert_eq!(partition_of("hello", 50), 99_162_322 % 50);
        // A string of which every Java programmer knows that its hash is Integer.MIN_VALUE.
        assert_eq!(partition_of("polygenelubricants", 50), 0);
        // UTF-16 units, not characters: U+1F600 is D83D DE00.
        let pair = 0xD83D_i32.wrapping_mul(31).wrapping_add(0xDE00);
        assert_eq!(partition_of("\u{1F600}", 50), pair.abs() % 50);
    }
}
