//! One value: text to type and back, with Kafka's limits and Kafka's messages (`ConfigDef.parseType`).
use crate::config::setting::{Setting, Valid, ValueKind};

/// A value that has its setting's type and lies within its limits.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    Boolean(bool),
    Int(i32),
    Short(i16),
    Long(i64),
    Double(f64),
    Text(String),
    List(Vec<String>),
}

/// Why a text is no value of its setting. The wording is what Kafka's users and test suites know.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidValue {
    #[error("Invalid value {value} for configuration {name}: {reason}")]
    Value { name: String, value: String, reason: String },
    #[error("Configuration '{name}' {reason}")]
    List { name: String, reason: String },
}

impl InvalidValue {
    pub(in crate::config) fn new(name: &str, value: impl Into<String>, reason: impl Into<String>) -> InvalidValue {
        InvalidValue::Value { name: name.into(), value: value.into(), reason: reason.into() }
    }
}

impl Value {
    /// `text` as a value of `setting`: trimmed, typed, duplicates in lists dropped, limits checked.
    pub fn parse(setting: &Setting, text: &str) -> Result<Value, InvalidValue> {
        let value = typed(setting, text)?;
        check(setting, &value)?;
        Ok(value)
    }

    /// The text Kafka shows for the value (`ConfigDef.convertToString`).
    pub fn render(&self) -> String {
        match self {
            Value::Boolean(value) => value.to_string(),
            Value::Int(value) => value.to_string(),
            Value::Short(value) => value.to_string(),
            Value::Long(value) => value.to_string(),
            Value::Double(value) => java_double(*value),
            Value::Text(value) => value.clone(),
            Value::List(values) => values.join(","),
        }
    }

    fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Int(value) => Some(f64::from(*value)),
            Value::Short(value) => Some(f64::from(*value)),
            Value::Long(value) => Some(*value as f64),
            Value::Double(value) => Some(*value),
            _ => None,
        }
    }
}

fn typed(setting: &Setting, text: &str) -> Result<Value, InvalidValue> {
    let trimmed = text.trim();
    let not_a_number = || {
        let reason = format!("Not a number of type {}", setting.kind.name());
        InvalidValue::new(setting.name, text, reason)
    };
    Ok(match setting.kind {
        ValueKind::Boolean if trimmed.eq_ignore_ascii_case("true") => Value::Boolean(true),
        ValueKind::Boolean if trimmed.eq_ignore_ascii_case("false") => Value::Boolean(false),
        ValueKind::Boolean => {
            return Err(InvalidValue::new(setting.name, text, "Expected value to be either true or false"));
        }
        ValueKind::Int => Value::Int(trimmed.parse().map_err(|_| not_a_number())?),
        ValueKind::Short => Value::Short(trimmed.parse().map_err(|_| not_a_number())?),
        ValueKind::Long => Value::Long(trimmed.parse().map_err(|_| not_a_number())?),
        ValueKind::Double => Value::Double(parse_java_double(trimmed).ok_or_else(not_a_number)?),
        ValueKind::List if matches!(setting.valid, Valid::ThrottledReplicas) => {
            Value::List(elements(trimmed).map(str::to_owned).collect())
        }
        ValueKind::List => Value::List(list(trimmed)),
        ValueKind::String | ValueKind::Class | ValueKind::Password => Value::Text(trimmed.into()),
    })
}

/// The first of equal elements is kept.
fn list(trimmed: &str) -> Vec<String> {
    let mut seen = std::collections::BTreeSet::new();
    elements(trimmed).filter(|element| seen.insert(*element)).map(str::to_owned).collect()
}

/// Elements between commas, blanks around them dropped. Nothing is an empty list.
fn elements(trimmed: &str) -> impl Iterator<Item = &str> {
    let count = if trimmed.is_empty() { 0 } else { usize::MAX };
    trimmed.split(',').map(str::trim).take(count)
}

/// What `Double.parseDouble` takes: also a trailing `f` or `d`, and the words `NaN` and `Infinity`.
fn parse_java_double(text: &str) -> Option<f64> {
    let unsigned = text.trim_start_matches(['+', '-']);
    if unsigned == "NaN" || unsigned == "Infinity" {
        return text.parse().ok();
    }
    let digits = text.strip_suffix(['f', 'F', 'd', 'D']).unwrap_or(text);
    if digits.chars().any(|c| c.is_alphabetic() && !matches!(c, 'e' | 'E')) {
        return None;
    }
    digits.parse().ok()
}

/// `Double.toString`: at least one digit after the point, exponents outside 0.001 to 10,000,000.
fn java_double(value: f64) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity".into() } else { "-Infinity".into() };
    }
    if value == 0.0 || (1e-3..1e7).contains(&value.abs()) {
        let plain = value.to_string();
        return if plain.contains('.') { plain } else { format!("{plain}.0") };
    }
    let scientific = format!("{value:E}");
    match scientific.split_once('E') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
        _ => scientific,
    }
}

fn check(setting: &Setting, value: &Value) -> Result<(), InvalidValue> {
    let invalid = |reason: String| Err(InvalidValue::new(setting.name, shown(setting, value), reason));
    let below = |least: f64| value.as_f64().is_some_and(|number| number < least);
    let above = |most: f64| value.as_f64().is_some_and(|number| number > most);
    match (setting.valid, value) {
        (Valid::AtLeast(least), _) if below(least as f64) => invalid(format!("Value must be at least {least}")),
        (Valid::Between(least, _), _) if below(least as f64) => invalid(format!("Value must be at least {least}")),
        (Valid::Between(_, most), _) if above(most as f64) => invalid(format!("Value must be no more than {most}")),
        (Valid::BetweenFractions(least, _), _) if below(least) => {
            invalid(format!("Value must be at least {}", short_fraction(least)))
        }
        (Valid::BetweenFractions(_, most), _) if above(most) => {
            invalid(format!("Value must be no more than {}", short_fraction(most)))
        }
        (Valid::OneOf(allowed), Value::Text(text)) if !allowed.contains(&text.as_str()) => {
            invalid(format!("String must be one of: {}", allowed.join(", ")))
        }
        (Valid::OneOfAnyCase(allowed), Value::Text(text))
            if !allowed.iter().any(|known| known.eq_ignore_ascii_case(text)) =>
        {
            invalid(format!("String must be one of (case insensitive): {}", allowed.join(", ")))
        }
        (Valid::NonEmpty, Value::Text(text)) if text.is_empty() => invalid("String must be non-empty".into()),
        (Valid::GzipLevel, Value::Int(level)) if *level != -1 && !(1..=9).contains(level) => {
            invalid("Value must be between 1 and 9 or equal to -1".into())
        }
        (Valid::Elements { of, empty_allowed }, Value::List(elements)) => {
            check_elements(setting, elements, of, empty_allowed)
        }
        (Valid::ThrottledReplicas, Value::List(elements)) if !is_throttled_replicas(elements) => {
            let reason = format!(
                "{} must be the literal '*' or a list of replicas in the following format: \
                 [partitionId]:[brokerId],[partitionId]:[brokerId],...",
                setting.name
            );
            Err(InvalidValue::new(setting.name, format!("[{}]", elements.join(", ")), reason))
        }
        _ => Ok(()),
    }
}

fn short_fraction(number: f64) -> String {
    number.to_string()
}

/// The value in a message; secrets stay secret.
fn shown(setting: &Setting, value: &Value) -> String {
    if setting.kind.is_sensitive() { "[hidden]".into() } else { value.render() }
}

fn check_elements(
    setting: &Setting,
    elements: &[String],
    of: &[&str],
    empty_allowed: bool,
) -> Result<(), InvalidValue> {
    let invalid = |reason: String| Err(InvalidValue::List { name: setting.name.into(), reason });
    if elements.is_empty() && !empty_allowed {
        let valid = if of.is_empty() { "any non-empty value".into() } else { format!("[{}]", of.join(", ")) };
        return invalid(format!("must not be empty. Valid values include: {valid}"));
    }
    for element in elements {
        if element.is_empty() {
            return invalid("values must not be empty.".into());
        }
        if !of.is_empty() && !of.contains(&element.as_str()) {
            let reason = format!("String must be one of: {}", of.join(", "));
            return Err(InvalidValue::new(setting.name, element, reason));
        }
    }
    Ok(())
}

fn is_throttled_replicas(elements: &[String]) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let is_pair = |element: &String| {
        element.is_empty()
            || element.split_once(':').is_some_and(|(partition, broker)| is_number(partition) && is_number(broker))
    };
    elements.iter().all(is_pair) || elements.concat() == "*"
}
