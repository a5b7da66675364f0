//! What is known of one setting: name, type, default, limits, and what this broker does with it.

/// A setting's type, as Kafka's `ConfigDef.Type`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ValueKind {
    Boolean,
    String,
    Int,
    Short,
    Long,
    Double,
    List,
    Class,
    Password,
}

impl ValueKind {
    /// The `config_type` of DescribeConfigs (KIP-569); 0 there means "unknown".
    pub fn code(self) -> i8 {
        match self {
            ValueKind::Boolean => 1,
            ValueKind::String => 2,
            ValueKind::Int => 3,
            ValueKind::Short => 4,
            ValueKind::Long => 5,
            ValueKind::Double => 6,
            ValueKind::List => 7,
            ValueKind::Class => 8,
            ValueKind::Password => 9,
        }
    }

    /// The name used in Kafka's documentation and error messages.
    pub fn name(self) -> &'static str {
        match self {
            ValueKind::Boolean => "BOOLEAN",
            ValueKind::String => "STRING",
            ValueKind::Int => "INT",
            ValueKind::Short => "SHORT",
            ValueKind::Long => "LONG",
            ValueKind::Double => "DOUBLE",
            ValueKind::List => "LIST",
            ValueKind::Class => "CLASS",
            ValueKind::Password => "PASSWORD",
        }
    }

    /// Secrets are never shown, neither to clients nor in the log.
    pub fn is_sensitive(self) -> bool {
        self == ValueKind::Password
    }
}

/// Which values are allowed, as Kafka's validators do it (`ConfigDef.Range`, `ValidString`, `ValidList`, ...).
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Valid {
    Any,
    AtLeast(i64),
    Between(i64, i64),
    /// Both ends belong to the range.
    BetweenFractions(f64, f64),
    OneOf(&'static [&'static str]),
    OneOfAnyCase(&'static [&'static str]),
    /// Elements of a list: which ones (all if empty) and whether there may be none.
    Elements {
        of: &'static [&'static str],
        empty_allowed: bool,
    },
    NonEmpty,
    /// 1 to 9, or -1 for the codec's own default.
    GzipLevel,
    /// `*`, nothing, or `partition:broker` pairs (`ThrottledReplicaListValidator`).
    ThrottledReplicas,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Importance {
    High,
    Medium,
    Low,
}

/// May a running broker be told another value (KIP-226)?
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dynamic {
    /// Only a restart changes it.
    Fixed,
    PerBroker,
    ClusterWide,
}

/// What this broker makes of a setting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Does what Kafka's documentation says.
    Honoured,
    /// Steers a mechanism of our own with the same purpose.
    Mapped,
    /// Accepted so that existing files work; one line in the log says that it does nothing.
    NoEffect,
}

/// Whose setting it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    Broker,
    Topic,
}

/// One row of the table of settings.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub name: &'static str,
    pub kind: ValueKind,
    /// `None`: no value unless one is given.
    pub default: Option<&'static str>,
    pub valid: Valid,
    pub importance: Importance,
    pub dynamic: Dynamic,
    pub effect: Effect,
    /// One line in our own words.
    pub doc: &'static str,
}

/// Rows in the order `Kind "name" = default, limits, importance, dynamic, effect, "doc";`.
macro_rules! settings {
    ($($kind:ident $name:literal = $default:expr, $valid:expr, $importance:ident, $dynamic:ident, $effect:ident,
       $doc:literal;)*) => {
        pub(in crate::config) static ROWS: &[crate::config::setting::Setting] = &[$(crate::config::setting::Setting {
            name: $name,
            kind: crate::config::setting::ValueKind::$kind,
            default: $default,
            valid: $valid,
            importance: crate::config::setting::Importance::$importance,
            dynamic: crate::config::setting::Dynamic::$dynamic,
            effect: crate::config::setting::Effect::$effect,
            doc: $doc,
        }),*];
    };
}
pub(in crate::config) use settings;
