//! Typed access to broker settings for code that turns them into structs.
use crate::config::raw::RawSettings;
use crate::config::setting::Setting;
use crate::config::table;
use crate::config::value::{InvalidValue, Value};
use std::{cell::RefCell, collections::BTreeMap, collections::BTreeSet};

/// Reads values and remembers which ones, so that a test can compare the table's promises with what is read.
pub(in crate::config) struct Reader<'a> {
    raw: &'a RawSettings,
    /// Set for a topic: its own values over the broker's.
    overrides: Option<&'a BTreeMap<String, String>>,
    read: RefCell<BTreeSet<&'static str>>,
}

impl<'a> Reader<'a> {
    pub(in crate::config) fn of_broker(raw: &'a RawSettings) -> Reader<'a> {
        Reader { raw, overrides: None, read: RefCell::default() }
    }

    pub(in crate::config) fn of_topic(raw: &'a RawSettings, overrides: &'a BTreeMap<String, String>) -> Reader<'a> {
        Reader { raw, overrides: Some(overrides), read: RefCell::default() }
    }

    /// Names read so far.
    #[cfg(test)]
    pub(in crate::config) fn read(&self) -> BTreeSet<&'static str> {
        self.read.borrow().clone()
    }

    /// Asking for a name that is not in the table is a mistake of this program.
    fn setting(&self, name: &str) -> &'static Setting {
        let setting = if self.overrides.is_some() { table::topic(name) } else { table::broker(name) };
        let setting = setting.unwrap_or_else(|| panic!("{name} is not in the table of settings"));
        self.read.borrow_mut().insert(setting.name);
        setting
    }

    pub(in crate::config) fn value(&self, name: &str) -> Result<Option<Value>, InvalidValue> {
        let setting = self.setting(name);
        match self.overrides {
            None => self.raw.value(setting),
            Some(overrides) => match overrides.get(name) {
                Some(text) => Value::parse(setting, text).map(Some),
                None => self.raw.topic_default(setting),
            },
        }
    }

    fn required<T>(&self, name: &str, pick: impl Fn(Value) -> Option<T>) -> Result<T, InvalidValue> {
        let value = self.value(name)?.ok_or_else(|| InvalidValue::new(name, "null", "Value must be non-null"))?;
        Ok(pick(value).unwrap_or_else(|| panic!("{name} is read with another type than the table gives it")))
    }

    pub(in crate::config) fn boolean(&self, name: &str) -> Result<bool, InvalidValue> {
        self.required(name, |value| if let Value::Boolean(value) = value { Some(value) } else { None })
    }

    /// A whole number of any width.
    pub(in crate::config) fn long(&self, name: &str) -> Result<i64, InvalidValue> {
        self.required(name, whole)
    }

    pub(in crate::config) fn long_or_none(&self, name: &str) -> Result<Option<i64>, InvalidValue> {
        Ok(self.value(name)?.and_then(whole))
    }

    pub(in crate::config) fn int(&self, name: &str) -> Result<i32, InvalidValue> {
        self.required(name, |value| whole(value).and_then(|value| i32::try_from(value).ok()))
    }

    pub(in crate::config) fn short(&self, name: &str) -> Result<i16, InvalidValue> {
        self.required(name, |value| whole(value).and_then(|value| i16::try_from(value).ok()))
    }

    /// A number that is never negative; a negative one is refused, whether or not Kafka's table refuses it.
    pub(in crate::config) fn count(&self, name: &str) -> Result<u64, InvalidValue> {
        let value = self.long(name)?;
        u64::try_from(value).map_err(|_| InvalidValue::new(name, value.to_string(), "Value must be at least 0"))
    }

    /// As `count`, for quantities that Kafka keeps in an INT.
    pub(in crate::config) fn count_u32(&self, name: &str) -> Result<u32, InvalidValue> {
        let value = self.int(name)?;
        u32::try_from(value).map_err(|_| InvalidValue::new(name, value.to_string(), "Value must be at least 0"))
    }

    /// A number where a negative one means "no limit".
    pub(in crate::config) fn limit(&self, name: &str) -> Result<Option<u64>, InvalidValue> {
        Ok(u64::try_from(self.long(name)?).ok())
    }

    pub(in crate::config) fn double(&self, name: &str) -> Result<f64, InvalidValue> {
        self.required(name, |value| if let Value::Double(value) = value { Some(value) } else { None })
    }

    pub(in crate::config) fn text(&self, name: &str) -> Result<String, InvalidValue> {
        self.required(name, text)
    }

    /// `None` also for a blank text.
    pub(in crate::config) fn text_or_none(&self, name: &str) -> Result<Option<String>, InvalidValue> {
        Ok(self.value(name)?.and_then(text).filter(|text| !text.is_empty()))
    }

    pub(in crate::config) fn list(&self, name: &str) -> Result<Vec<String>, InvalidValue> {
        self.required(name, list)
    }

    pub(in crate::config) fn list_or_none(&self, name: &str) -> Result<Option<Vec<String>>, InvalidValue> {
        Ok(self.value(name)?.and_then(list))
    }
}

fn whole(value: Value) -> Option<i64> {
    match value {
        Value::Int(value) => Some(i64::from(value)),
        Value::Short(value) => Some(i64::from(value)),
        Value::Long(value) => Some(value),
        _ => None,
    }
}

fn text(value: Value) -> Option<String> {
    if let Value::Text(value) = value { Some(value) } else { None }
}

fn list(value: Value) -> Option<Vec<String>> {
    if let Value::List(value) = value { Some(value) } else { None }
}
