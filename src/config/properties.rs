//! Java's properties syntax (`java.util.Properties.load`), with the line of every key.

/// One `key=value` of a file; the line is where the key begins, counted from 1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Property {
    pub key: String,
    pub value: String,
    pub line: u32,
}

/// Why a file is no properties file.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct PropertiesError {
    pub line: u32,
    pub reason: &'static str,
}

/// The text of a file. Java reads one character a byte (ISO-8859-1), people write UTF-8: that it is taken for where it is.
pub fn text_of(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| error.into_bytes().into_iter().map(char::from).collect())
}

/// Every property in order; of equal keys the last one counts, which is up to the caller.
///
/// Comments open with `#` or `!`; a key ends at the first unescaped `=`, `:` or blank; a backslash at a line's end
/// joins the next line without its leading blanks; `\t \n \r \f \uXXXX` are escapes, any other escaped character
/// stands for itself. The text is Unicode; two `\u` halves of a surrogate pair make one character.
pub fn parse(text: &str) -> Result<Vec<Property>, PropertiesError> {
    let mut properties = Vec::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = natural_lines(text);
    let mut next = 0;
    while let Some(&first) = lines.get(next) {
        let line_number = u32::try_from(next + 1).unwrap_or(u32::MAX);
        next += 1;
        let start = first.trim_start_matches(is_blank);
        if start.is_empty() || start.starts_with(['#', '!']) {
            continue;
        }
        let mut logical = String::new();
        let mut piece = start;
        while let Some(joined) = without_continuation(piece) {
            logical.push_str(joined);
            let Some(following) = lines.get(next) else {
                piece = "";
                break;
            };
            piece = following.trim_start_matches(is_blank);
            next += 1;
        }
        logical.push_str(piece);
        if logical.is_empty() {
            continue;
        }
        let (key, value) = split_key(&logical);
        let failed = |reason| PropertiesError { line: line_number, reason };
        properties.push(Property {
            key: unescape(key).map_err(failed)?,
            value: unescape(value).map_err(failed)?,
            line: line_number,
        });
    }
    Ok(properties)
}

/// A value as Java writes it (`java.util.Properties.store`): what has a meaning there behind a backslash, and in ASCII.
pub fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for (at, c) in value.char_indices() {
        match c {
            ' ' if at == 0 => text.push_str("\\ "),
            '\t' => text.push_str("\\t"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\u{c}' => text.push_str("\\f"),
            '\\' | '=' | ':' | '#' | '!' => text.extend(['\\', c]),
            ' '..='~' => text.push(c),
            _ => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| text.push_str(&format!("\\u{unit:04X}"))),
        }
    }
    text
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{c}')
}

/// Lines between `\n`, `\r` and `\r\n`.
fn natural_lines(text: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let Some(end) = rest.find(['\n', '\r']) else {
            lines.push(rest);
            break;
        };
        let (line, tail) = rest.split_at(end);
        lines.push(line);
        rest = tail.strip_prefix("\r\n").or_else(|| tail.strip_prefix(['\n', '\r'])).unwrap_or_default();
    }
    lines
}

/// The line without its last backslash, if an odd number of them ends it.
fn without_continuation(line: &str) -> Option<&str> {
    let backslashes = line.len() - line.trim_end_matches('\\').len();
    if backslashes % 2 == 1 { line.strip_suffix('\\') } else { None }
}

fn split_key(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = line.char_indices().find(|&(_, c)| {
        let ends = !escaped && (matches!(c, '=' | ':') || is_blank(c));
        escaped = c == '\\' && !escaped;
        ends
    });
    let Some((end, _)) = end else { return (line, "") };
    let (key, rest) = line.split_at(end);
    let rest = rest.trim_start_matches(is_blank);
    let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (key, rest.trim_start_matches(is_blank))
}

fn unescape(text: &str) -> Result<String, &'static str> {
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        let plain = if c != '\\' {
            c
        } else {
            match characters.next() {
                None => break,
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('f') => '\u{c}',
                Some('u') => {
                    units.push(four_digits(&mut characters)?);
                    continue;
                }
                Some(other) => other,
            }
        };
        units.extend_from_slice(plain.encode_utf16(&mut [0; 2]));
    }
    String::from_utf16(&units).map_err(|_| "half of a surrogate pair after \\u")
}

fn four_digits(characters: &mut std::str::Chars<'_>) -> Result<u16, &'static str> {
    let mut unit: u16 = 0;
    for _ in 0..4 {
        let digit = characters.next().and_then(|c| c.to_digit(16)).ok_or("\\u needs four hexadecimal digits")?;
        unit = unit << 4 | digit as u16;
    }
    Ok(unit)
}

#[cfg(test)]
mod tests;
