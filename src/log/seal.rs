//! A checksum in white space: Kafka's small text files have none, and its readers take any white space between words. A bit
//! that flips in an offset would otherwise be another offset.
use crate::record::crc32c;

/// One character for each bit.
const CHARS: usize = 32;

/// Also what a flipped bit makes of the seal's own.
fn is_white(char: char) -> bool {
    char.is_ascii_whitespace()
}

/// The seal of these words.
pub fn of(words: &str) -> String {
    let sum = crc32c(words.as_bytes());
    (0..CHARS).map(|bit| if sum >> bit & 1 == 1 { '\t' } else { ' ' }).collect()
}

/// Is the white space this text's seal? `None`: it is none, as in a file that Kafka wrote.
pub fn fits(white: &str, words: &str) -> Option<bool> {
    (white.len() > 1).then(|| white == of(words))
}

/// The text without the white space at its end, and that.
pub fn split_end(text: &str) -> (&str, &str) {
    text.split_at(text.trim_end_matches(is_white).len())
}

/// The white space at the beginning, and the text behind it.
pub fn split_begin(text: &str) -> (&str, &str) {
    text.split_at(text.len() - text.trim_start_matches(is_white).len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_is_white_and_fits_its_words_only() {
        let seal = of("a 0 12");
        assert!(seal.len() == CHARS && seal.chars().all(is_white));
        assert_eq!((fits(&seal, "a 0 12"), fits(&seal, "a 0 13")), (Some(true), Some(false)));
        assert_eq!((fits("", "a 0 12"), fits(" ", "a 0 12")), (None, None));
        let sealed = format!("a 0 12{seal}");
        assert_eq!(split_end(&sealed), ("a 0 12", &*seal));
        let sealed = format!("{seal}a 0 12");
        assert_eq!(split_begin(&sealed), (&*seal, "a 0 12"));
    }
}
