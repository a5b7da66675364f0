//! Regular expressions over topic names, in the syntax of RE2 that Kafka's brokers take (KIP-848).
mod re2;

use regex::{Regex, RegexBuilder};

/// Bytes that a compiled expression may take: one that counts to millions is refused, not built...
const COMPILED_BYTES_MAX: usize = 1 << 20;
/// ...but each character of a long one may have its part, as in a list of names.
const COMPILED_BYTES_EACH: usize = 64;

/// Of an expression, in the words of a refusal.
const SHOWN_BYTES_MAX: usize = 200;

/// Why an expression is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the regular expression `{pattern}` of SubscribedTopicRegex is not valid: {why}")]
pub struct InvalidPattern {
    pattern: String,
    why: String,
}

impl InvalidPattern {
    /// It took too long.
    pub fn too_costly(pattern: &str) -> InvalidPattern {
        InvalidPattern { pattern: shown(pattern), why: "matching all topics takes too long".to_owned() }
    }
}

/// Matches whole names, in time linear in their length and in that of the expression.
pub struct Matcher(Regex);

impl Matcher {
    pub fn compile(pattern: &str) -> Result<Matcher, InvalidPattern> {
        let invalid = |why: String| InvalidPattern { pattern: shown(pattern), why };
        let translated = re2::translate(pattern).map_err(|why| invalid(why.to_owned()))?;
        let compiled_bytes_max = COMPILED_BYTES_MAX + COMPILED_BYTES_EACH * pattern.len();
        let mut builder = RegexBuilder::new(&format!(r"\A(?:{translated})\z"));
        builder.size_limit(compiled_bytes_max).build().map(Matcher).map_err(|why| invalid(reason(&why)))
    }

    pub fn is_match(&self, name: &str) -> bool {
        self.0.is_match(name)
    }
}

/// The begin of what may be very long.
fn shown(pattern: &str) -> String {
    let end = pattern.floor_char_boundary(SHOWN_BYTES_MAX);
    let dots = if end < pattern.len() { "..." } else { "" };
    format!("{}{dots}", &pattern[..end])
}

/// One line of what may be a drawing.
fn reason(why: &regex::Error) -> String {
    let text = why.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::{Chance, SeededChance};

    fn matches(pattern: &str, name: &str) -> bool {
        Matcher::compile(pattern).unwrap().is_match(name)
    }

    #[test]
    fn cg_8_expressions_match_whole_names_as_re2_does() {
        assert!(matches("foo.*", "foobar") && matches("foo|bar", "bar") && matches("(?i)FOO", "foo"));
        assert!(!matches("foo", "foobar") && !matches("bar", "foobar") && !matches("a|b", "ab"));
        assert!(matches(r"\Qa.b\E.*", "a.bc") && !matches(r"\Qa.b\E.*", "axbc"));
        assert!(matches(r"\Qa.b", "a.b") && matches("[[:alpha:]]+", "abc") && !matches("[[:alpha:]]+", "a1"));
        assert!(matches("[[a]+", "a") && matches("[a&&b]+", "ab") && matches("[]a]+", "a") && matches("[^]a]", "b"));
        assert!(matches("(?P<n>t)[0-9]{1,3}", "t12") && matches(r"\pL+", "ab") && matches("", ""));
    }

    /// What RE2/J 1.8, which Apache Kafka compiles with, says of each: refused, or the names that it matches.
    const OF_RE2J: &str = include_str!("pattern/re2.tsv");
    const NAMES: [&str; 26] = [
        "a",
        "b",
        "ab",
        "aa",
        "aaa",
        "foo",
        "bar",
        "foobar",
        "a.b",
        "a-b",
        "a_b",
        "A",
        "Foo",
        "t1",
        "t12",
        "t-1",
        "__consumer_offsets",
        "1",
        "-",
        ".",
        "_",
        "aab",
        "abc",
        "x",
        "0",
        "s",
    ];

    #[test]
    fn cg_8_the_same_is_refused_and_matched_as_by_apache_kafka() {
        let mut differ = Vec::new();
        for line in OF_RE2J.lines() {
            let (pattern, expected) = line.split_once('\t').expect("a pattern and what is said of it");
            let said = match Matcher::compile(pattern) {
                Err(_) => "refused".to_owned(),
                Ok(matcher) => NAMES.into_iter().filter(|name| matcher.is_match(name)).collect::<Vec<_>>().join(","),
            };
            if said != expected {
                differ.push(format!("{pattern}: {said}, not {expected}"));
            }
        }
        assert_eq!(differ, Vec::<String>::new());
        assert!(OF_RE2J.lines().count() > 250);
    }

    #[test]
    fn cg_8_a_list_of_a_thousand_names_is_taken_and_what_counts_to_millions_is_not() {
        let names: Vec<String> = (0..1_000).map(|number| format!("team-{number}.orders.region-{number:05}")).collect();
        let list = Matcher::compile(&names.join("|")).unwrap();
        assert!(names.iter().all(|name| list.is_match(name)) && !list.is_match("team-1.orders.region-00002"));
        assert!(Matcher::compile(&r"\pZ|".repeat(100)).is_ok());
        let (sets, nested) = (r"\pZ|".repeat(101), "(".repeat(300) + "a" + &")".repeat(300));
        for bad in ["(?:a{1000}){1000}", "(?:.{1000}){1000}|b", &"[[:".repeat(10_000), &sets, &nested] {
            assert!(Matcher::compile(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn cg_8_foreign_text_is_refused_or_taken_and_never_more() {
        let chance = SeededChance::new(8);
        let pieces = [
            "a",
            "b",
            "(",
            ")",
            "(?i)",
            "(?:",
            "[",
            "]",
            "^",
            "-",
            "|",
            "*",
            "+",
            "?",
            "{2}",
            "{",
            "}",
            ",",
            "\\",
            "\\Q",
            "\\E",
            "\\p",
            "\\x",
            "1",
            "[:alpha:]",
            "&&",
            "~~",
            ".",
            "$",
            "é",
            "<",
            ">",
            "P",
            "\\d",
            "#",
            " ",
        ];
        let (mut taken, mut refused) = (0, 0);
        for _ in 0..5_000 {
            let count = chance.u64() % 9 + 1;
            let text: String = (0..count).map(|_| pieces[chance.u64() as usize % pieces.len()]).collect();
            match (re2::translate(&text), Matcher::compile(&text)) {
                (Ok(_), Ok(_)) => taken += 1,
                (Err(_), Err(_)) => refused += 1,
                // What is translated is an expression to the crate.
                (translated, compiled) => panic!("{text}: {translated:?}, {:?}", compiled.err()),
            }
        }
        assert!(taken > 500 && refused > 1_000, "{taken} {refused}");
    }

    #[test]
    fn cg_8_what_is_no_expression_is_refused_with_a_reason() {
        for bad in ["[", "(", "a)(b", "*", "a{9999999}", "(?<=a)b", r"(a)\1", "(?x", "\\"] {
            let refused = Matcher::compile(bad).err().unwrap_or_else(|| panic!("{bad} is taken"));
            assert!(refused.to_string().contains(bad) && refused.to_string().len() < 300, "{refused}");
        }
    }
}
