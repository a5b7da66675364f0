//! Java's rules for properties, one by one.
use super::*;
use proptest::prelude::*;

fn pairs(text: &str) -> Vec<(String, String)> {
    parse(text).unwrap().into_iter().map(|property| (property.key, property.value)).collect()
}

fn check(text: &str, expected: &[(&str, &str)]) {
    let expected: Vec<_> = expected.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
    assert_eq!(pairs(text), expected, "{text:?}");
}

#[test]
fn bytes_are_utf_8_and_else_one_character_each() {
    assert_eq!(text_of("a=\u{e9}".into()), "a=\u{e9}");
    assert_eq!(text_of(b"a=\xe9".into()), "a=\u{e9}");
}

#[test]
fn a_key_ends_at_the_first_separator() {
    check(
        "a=1\nb:2\nc 3\nd\t=\t4\ne == 5\nf : = 6",
        &[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4"), ("e", "= 5"), ("f", "= 6")],
    );
    check("alone", &[("alone", "")]);
    check("=value", &[("", "value")]);
    check("listeners=PLAINTEXT://:9092", &[("listeners", "PLAINTEXT://:9092")]);
}

#[test]
fn comments_and_blank_lines_are_nothing() {
    check("# a=1\n  ! b=2\n\n   \t\n c=3 # not a comment", &[("c", "3 # not a comment")]);
    check("# a comment does not go on \\\na=1", &[("a", "1")]);
}

#[test]
fn lines_join_at_an_odd_backslash() {
    check("a=1,\\\n   2,\\\r\n\t3\nb=4\\\\\nc=5", &[("a", "1,2,3"), ("b", "4\\"), ("c", "5")]);
    check("a=1\\\n# part of it", &[("a", "1# part of it")]);
    check("a=1\\", &[("a", "1")]);
    check("a=1\\\n\nb=2", &[("a", "1"), ("b", "2")]);
}

#[test]
fn escapes_stand_for_characters() {
    check(r"a\ b\=c=\t\u00e9\x\\", &[("a b=c", "\t\u{e9}x\\")]);
    check(r"a=\ud83d\ude00", &[("a", "\u{1f600}")]);
    check("path=C\\:\\\\d", &[("path", "C:\\d")]);
}

#[test]
fn blanks_at_the_end_belong_to_the_value() {
    check("a=1  ", &[("a", "1  ")]);
}

#[test]
fn every_line_end_counts_and_lines_are_numbered() {
    let lines: Vec<u32> =
        parse("a=1\r\rb=2\r\nc=\\\n3\n\nd=4").unwrap().into_iter().map(|property| property.line).collect();
    assert_eq!(lines, [1, 3, 4, 7]);
}

#[test]
fn a_byte_order_mark_is_skipped() {
    check("\u{feff}a=1", &[("a", "1")]);
}

#[test]
fn a_broken_escape_names_its_line() {
    let error = parse("a=1\nb=\\u12").unwrap_err();
    assert_eq!(error.to_string(), "line 2: \\u needs four hexadecimal digits");
    assert!(parse("a=\\ud83d").is_err(), "half a pair");
}

proptest! {
    #[test]
    fn no_text_panics(text in r"[a\\ =:#!\r\n\tu0-9\u{0}-\u{10ffff}]{0,200}") {
        let _ = parse(&text);
    }

    #[test]
    fn what_is_escaped_comes_back(key in "[a-z.]{1,10}", value in r"\PC{0,30}") {
        let escaped: String = value.chars().flat_map(|c| if c.is_alphanumeric() { vec![c] } else { vec!['\\', c] }).collect();
        prop_assert_eq!(pairs(&format!("{key}={escaped}")), vec![(key, value)]);
    }
}
