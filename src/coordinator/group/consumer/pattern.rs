//! Regular expressions over topic names, in the syntax of RE2 that Kafka's brokers take (KIP-848).
use regex::{Regex, RegexBuilder};

/// Bytes that a compiled expression may take: an expression that counts to millions is refused, not built.
const COMPILED_BYTES_MAX: usize = 1 << 20;

/// Why an expression is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the regular expression `{pattern}` of SubscribedTopicRegex is not valid: {why}")]
pub struct InvalidPattern {
    pattern: String,
    why: String,
}

/// Matches whole names, in time linear in their length.
pub struct Matcher(Regex);

impl Matcher {
    pub fn compile(pattern: &str) -> Result<Matcher, InvalidPattern> {
        let build = |text: &str| RegexBuilder::new(text).size_limit(COMPILED_BYTES_MAX).build();
        let translated = translate(pattern);
        // Alone first, so that `a)(b` is not made valid by what is put around it.
        build(&translated)
            .and_then(|_| build(&format!(r"\A(?:{translated})\z")))
            .map(Matcher)
            .map_err(|why| InvalidPattern { pattern: pattern.to_owned(), why: reason(&why) })
    }

    pub fn is_match(&self, name: &str) -> bool {
        self.0.is_match(name)
    }
}

/// One line of what may be a drawing.
fn reason(why: &regex::Error) -> String {
    let text = why.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.trim_start_matches("error: ").to_owned()
}

/// RE2 has `\Q...\E`, and knows neither sets within sets nor `&&`, `--` and `~~` between them.
fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern;
    let mut in_class = false;
    while let Some(first) = rest.chars().next() {
        if let Some(quoted) = rest.strip_prefix(r"\Q") {
            let (literal, after) = quoted.split_once(r"\E").unwrap_or((quoted, ""));
            out.push_str(&regex::escape(literal));
            rest = after;
            continue;
        }
        if first == '\\' {
            let escaped = rest.chars().take(2).map(char::len_utf8).sum();
            out.push_str(&rest[..escaped]);
            rest = &rest[escaped..];
            continue;
        }
        if !in_class && first == '[' {
            in_class = true;
            // A bracket that closes at once is one of the set.
            let opening = ["[^]", "[]", "[^", "["].into_iter().find(|opening| rest.starts_with(opening)).unwrap_or("[");
            out.push_str(&opening.replace(']', r"\]"));
            rest = &rest[opening.len()..];
            continue;
        }
        if in_class {
            if let Some(named) = rest.strip_prefix("[:").and_then(|tail| tail.find(":]")) {
                out.push_str(&rest[..named + 4]);
                rest = &rest[named + 4..];
                continue;
            }
            if first == ']' {
                in_class = false;
            } else if first == '[' || (matches!(first, '&' | '-' | '~') && rest[1..].starts_with(first)) {
                out.push('\\');
            }
        }
        out.push(first);
        rest = &rest[first.len_utf8()..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn cg_8_what_is_no_expression_is_refused_with_a_reason() {
        for bad in ["[", "(", "a)(b", "*", "a{9999999}", "(?<=a)b", r"(a)\1", "(?x", "\\"] {
            let refused = Matcher::compile(bad).err().unwrap_or_else(|| panic!("{bad} is taken"));
            assert!(refused.to_string().contains(bad) && refused.to_string().len() < 300, "{refused}");
        }
    }
}
