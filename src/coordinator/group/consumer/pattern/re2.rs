//! The syntax of RE2, as the Java port has it that Kafka's brokers compile with, put into words of the crate `regex`: both
//! know the same language but for some spellings, and each takes a few things that the other refuses.
use std::{collections::BTreeSet, fmt::Write};

/// The most that a piece may be counted to.
const REPEATS_MAX: u32 = 1_000;

/// Sets of Unicode, each of which costs a tenth of a millisecond.
const UNICODE_SETS_MAX: usize = 100;

/// So long are two numbers that may count, and more.
const COUNTS_BYTES_MAX: usize = 24;
/// Between `[:` and `:]`.
const NAMED_SETS: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word",
    "xdigit",
];

/// Why a text is no expression.
pub type Fault = &'static str;

const NO_BRACKET: Fault = "missing closing ]";
const BAD_ESCAPE: Fault = "invalid escape sequence";
const BAD_RANGE: Fault = "invalid character class range";

/// The same expression for the crate.
pub fn translate(pattern: &str) -> Result<String, Fault> {
    let mut translation = Translation {
        rest: pattern,
        out: String::with_capacity(pattern.len()),
        open: 0,
        names: BTreeSet::new(),
        sets_left: pattern.rfind(":]").map(|at| pattern.len() - at),
        unicode_sets: 0,
        flags: String::new(),
    };
    let mut last = Last::Nothing;
    while !translation.rest.is_empty() {
        last = translation.next(last)?;
    }
    if translation.open == 0 { Ok(translation.out) } else { Err("missing closing )") }
}

struct Translation<'a> {
    rest: &'a str,
    out: String,
    /// How many groups are open.
    open: usize,
    /// Of groups.
    names: BTreeSet<&'a str>,
    /// How much is left where the last named set ends: behind that none is looked for.
    sets_left: Option<usize>,
    /// How many of Unicode there were.
    unicode_sets: usize,
    /// For what comes next, unless it repeats what stands before them.
    flags: String,
}

/// What stands before, for an operator that repeats it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Nothing,
    Piece,
    Repeated,
}

impl<'a> Translation<'a> {
    fn next(&mut self, last: Last) -> Result<Last, Fault> {
        let first = self.take();
        let counts = if first == '{' { self.counts() } else { None };
        if counts.is_none() && !matches!(first, '*' | '+' | '?' | '(') {
            self.put_flags();
        }
        match first {
            '(' => return self.open_group(last),
            ')' => {
                self.open = self.open.checked_sub(1).ok_or("unexpected )")?;
                self.out.push(')');
            }
            '|' => {
                self.out.push('|');
                return Ok(Last::Nothing);
            }
            '*' | '+' | '?' => {
                self.out.push(first);
                return self.repeated(last);
            }
            '{' => {
                if let Some((least, most)) = counts {
                    return self.counted(last, least, most);
                }
                self.literal('{');
                // RE2/J takes the brace for an operator all the same when one comes next.
                return Ok(Last::Repeated);
            }
            '^' | '$' | '.' => self.out.push(first),
            '[' => self.class()?,
            '\\' if self.takes("Q") => return Ok(self.quoted(last)),
            '\\' => self.escape()?,
            other => self.literal(other),
        }
        Ok(Last::Piece)
    }

    fn put_flags(&mut self) {
        self.out.push_str(&std::mem::take(&mut self.flags));
    }

    /// Of what is not empty.
    fn take(&mut self) -> char {
        let mut chars = self.rest.chars();
        let first = chars.next().unwrap_or_default();
        self.rest = chars.as_str();
        first
    }

    fn takes(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn literal(&mut self, one: char) {
        self.out.push_str(&regex::escape(one.encode_utf8(&mut [0; 4])));
    }

    fn quoted(&mut self, last: Last) -> Last {
        let (text, rest) = self.rest.split_once(r"\E").unwrap_or((self.rest, ""));
        self.rest = rest;
        text.chars().for_each(|one| self.literal(one));
        if text.is_empty() { last } else { Last::Piece }
    }

    fn open_group(&mut self, last: Last) -> Result<Last, Fault> {
        let mut flags = String::new();
        if self.takes("?P<") || self.takes("?<") {
            self.name()?;
        } else if self.takes("?") {
            flags = self.flags()?;
            if self.takes(")") {
                self.flags.push_str(&flags);
                return Ok(if last == Last::Repeated { Last::Piece } else { last });
            }
            self.take();
        }
        self.put_flags();
        self.open += 1;
        self.out.push_str("(?:");
        self.out.push_str(&flags);
        Ok(Last::Nothing)
    }

    fn name(&mut self) -> Result<(), Fault> {
        let (name, rest) = self.rest.split_once('>').ok_or("invalid named capture")?;
        if name.is_empty() || !name.chars().all(|one| one.is_ascii_alphanumeric() || one == '_') {
            return Err("invalid named capture");
        }
        self.rest = rest;
        if self.names.insert(name) { Ok(()) } else { Err("duplicate capture group name") }
    }

    /// Up to a colon or a closing parenthesis. Each by itself, since the crate takes none twice.
    fn flags(&mut self) -> Result<String, Fault> {
        let (mut sign, mut is_complete, mut flags) = ("", true, String::new());
        loop {
            match self.peek() {
                Some(flag @ ('i' | 'm' | 's' | 'U')) => {
                    let _ = write!(flags, "(?{sign}{flag})");
                    is_complete = true;
                }
                Some('-') if sign.is_empty() => (sign, is_complete) = ("-", false),
                Some(':' | ')') if is_complete => return Ok(flags),
                _ => return Err("invalid or unsupported Perl syntax"),
            }
            self.take();
        }
    }

    /// What stands between braces, if it counts; else the brace is one of the text.
    fn counts(&mut self) -> Option<(u32, Option<u32>)> {
        let end = self.rest.bytes().take(COUNTS_BYTES_MAX).position(|byte| byte == b'}')?;
        let (text, rest) = (&self.rest[..end], &self.rest[end + 1..]);
        let number = |text: &str| {
            let is_number = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
            let is_plain = is_number && (text == "0" || !text.starts_with('0'));
            is_plain.then(|| text.parse::<u32>().unwrap_or(u32::MAX))
        };
        let counts = match text.split_once(',') {
            None => (number(text)?, Some(number(text)?)),
            Some((least, "")) => (number(least)?, None),
            Some((least, most)) => (number(least)?, Some(number(most)?)),
        };
        self.rest = rest;
        Some(counts)
    }

    fn counted(&mut self, last: Last, least: u32, most: Option<u32>) -> Result<Last, Fault> {
        if least > REPEATS_MAX || most.is_some_and(|most| most > REPEATS_MAX || most < least) {
            return Err("invalid repeat count");
        }
        let most = most.map_or(String::new(), |most| most.to_string());
        let _ = write!(self.out, "{{{least},{most}}}");
        self.repeated(last)
    }

    /// Behind an operator, which may be a lazy one.
    fn repeated(&mut self, last: Last) -> Result<Last, Fault> {
        match last {
            Last::Nothing => return Err("missing argument to repetition operator"),
            Last::Repeated => return Err("invalid nested repetition operator"),
            Last::Piece => {}
        }
        if self.takes("?") {
            self.out.push('?');
        }
        Ok(Last::Repeated)
    }

    /// Behind a backslash, outside of a class.
    fn escape(&mut self) -> Result<(), Fault> {
        match self.peek() {
            Some(one @ ('A' | 'b' | 'B' | 'z')) => {
                self.take();
                self.out.push('\\');
                self.out.push(one);
                Ok(())
            }
            _ if self.set()? => Ok(()),
            _ => {
                let one = self.escaped()?;
                self.literal(one);
                Ok(())
            }
        }
    }

    /// A set by its name: of Perl, or of Unicode. False when it is none.
    fn set(&mut self) -> Result<bool, Fault> {
        let known = |set| match set {
            'd' => Some("[0-9]"),
            'D' => Some("[^0-9]"),
            's' => Some(r"[\t\n\f\r ]"),
            'S' => Some(r"[^\t\n\f\r ]"),
            'w' => Some("[0-9A-Za-z_]"),
            'W' => Some("[^0-9A-Za-z_]"),
            _ => None,
        };
        let Some(first) = self.peek() else { return Ok(false) };
        if let Some(set) = known(first) {
            self.take();
            self.out.push_str(set);
            return Ok(true);
        }
        if !matches!(first, 'p' | 'P') {
            return Ok(false);
        }
        self.take();
        let name = if self.takes("{") {
            let (name, rest) = self.rest.split_once('}').ok_or(BAD_RANGE)?;
            self.rest = rest;
            name.to_owned()
        } else if self.rest.is_empty() {
            return Err(BAD_RANGE);
        } else {
            self.take().to_string()
        };
        self.unicode_sets += 1;
        if self.unicode_sets > UNICODE_SETS_MAX {
            return Err("too many character classes of Unicode");
        }
        let (name, is_not) = name.strip_prefix('^').map_or((&*name, false), |name| (name, true));
        let of = match name {
            "Any" => "Any".to_owned(),
            _ if name.starts_with("Is")
                || !name.starts_with(|one: char| one.is_ascii_uppercase())
                || !name.chars().all(|one| one.is_ascii_alphabetic() || one == '_') =>
            {
                return Err(BAD_RANGE);
            }
            _ if name.len() <= 2 => format!("gc={name}"),
            _ => format!("sc={name}"),
        };
        let _ = write!(self.out, r"\{}{{{of}}}", if is_not == (first == 'P') { 'p' } else { 'P' });
        Ok(true)
    }

    /// One character behind a backslash.
    fn escaped(&mut self) -> Result<char, Fault> {
        if self.rest.is_empty() {
            return Err("trailing backslash at end of expression");
        }
        let is_octal = |one: Option<char>| one.is_some_and(|one| ('0'..='7').contains(&one));
        match self.take() {
            // One digit alone would be what a group matched before.
            first @ '0'..='7' if first == '0' || is_octal(self.peek()) => {
                let mut code = first.to_digit(8).unwrap_or(0);
                for _ in 0..2 {
                    if !is_octal(self.peek()) {
                        break;
                    }
                    code = code * 8 + self.take().to_digit(8).unwrap_or(0);
                }
                char::from_u32(code).ok_or(BAD_ESCAPE)
            }
            'x' => {
                let text = if self.takes("{") {
                    let (text, rest) = self.rest.split_once('}').ok_or(BAD_ESCAPE)?;
                    self.rest = rest;
                    text
                } else {
                    let (text, rest) = self.rest.split_at_checked(2).ok_or(BAD_ESCAPE)?;
                    self.rest = rest;
                    text
                };
                let is_hex = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_hexdigit());
                let code = if is_hex { u32::from_str_radix(text, 16).ok() } else { None };
                code.and_then(char::from_u32).ok_or(BAD_ESCAPE)
            }
            'a' => Ok('\x07'),
            'f' => Ok('\x0C'),
            'n' => Ok('\n'),
            'r' => Ok('\r'),
            't' => Ok('\t'),
            'v' => Ok('\x0B'),
            one if !one.is_ascii_alphanumeric() => Ok(one),
            _ => Err(BAD_ESCAPE),
        }
    }

    /// Behind an opening bracket.
    fn class(&mut self) -> Result<(), Fault> {
        self.out.push('[');
        if self.takes("^") {
            self.out.push('^');
        }
        // A bracket that closes at once is one of the set.
        let mut is_first = true;
        loop {
            match self.peek() {
                None => return Err(NO_BRACKET),
                Some(']') if !is_first => break,
                Some(_) => self.class_item()?,
            }
            is_first = false;
        }
        self.take();
        self.out.push(']');
        Ok(())
    }

    fn class_item(&mut self) -> Result<(), Fault> {
        if self.sets_left.is_some_and(|left| self.rest.len() > left)
            && let Some((name, rest)) = self.rest.strip_prefix("[:").and_then(|rest| rest.split_once(":]"))
        {
            if !NAMED_SETS.contains(&name.strip_prefix('^').unwrap_or(name)) {
                return Err(BAD_RANGE);
            }
            let _ = write!(self.out, "[:{name}:]");
            self.rest = rest;
            return Ok(());
        }
        let behind = self.rest.strip_prefix('\\');
        if let Some(behind) = behind
            && behind.starts_with(['p', 'P', 'd', 'D', 's', 'S', 'w', 'W'])
        {
            self.rest = behind;
            self.set()?;
            return Ok(());
        }
        let from = self.class_char()?;
        self.literal(from);
        if self.rest.starts_with('-') && !self.rest.starts_with("-]") {
            self.take();
            let to = self.class_char()?;
            if to < from {
                return Err(BAD_RANGE);
            }
            self.out.push('-');
            self.literal(to);
        }
        Ok(())
    }

    fn class_char(&mut self) -> Result<char, Fault> {
        match self.peek() {
            None => Err(NO_BRACKET),
            Some('\\') => {
                self.take();
                self.escaped()
            }
            Some(_) => Ok(self.take()),
        }
    }
}
