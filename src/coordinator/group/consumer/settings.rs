//! Settings of consumer groups: the broker's, and those that were set for one group (Kafka's `GroupConfig`).
use super::assignor::Assignor;
use crate::image::{Image, Resource, ResourceKind};
use std::sync::Arc;

/// The broker's own value of a setting that groups may override, and how far they may go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounded {
    pub default: i32,
    pub min: i32,
    pub max: i32,
}

/// Names begin with `group.consumer.`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConsumerSettings {
    pub session_timeout_ms: Bounded,
    pub heartbeat_interval_ms: Bounded,
    pub assignment_interval_ms: Bounded,
    /// `max.size`.
    pub members_max: usize,
    /// The first is for groups that do not choose.
    pub assignors: Vec<Assignor>,
    /// `regex.refresh.interval.ms`.
    pub regex_refresh_ms: u64,
    /// `migration.policy`.
    pub migration: Migration,
}

/// Whether a group with members inside may change its protocol (GRP-24). Empty ones always may.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Migration {
    Disabled,
    /// From the classic protocol to this.
    Upgrade,
    /// From this to the classic one.
    Downgrade,
    Bidirectional,
}

impl Migration {
    pub const ALL: [Migration; 4] =
        [Migration::Disabled, Migration::Upgrade, Migration::Downgrade, Migration::Bidirectional];

    pub fn name(self) -> &'static str {
        match self {
            Migration::Disabled => "disabled",
            Migration::Upgrade => "upgrade",
            Migration::Downgrade => "downgrade",
            Migration::Bidirectional => "bidirectional",
        }
    }

    pub fn from_name(name: &str) -> Option<Migration> {
        Migration::ALL.into_iter().find(|policy| policy.name().eq_ignore_ascii_case(name))
    }

    pub fn upgrades(self) -> bool {
        matches!(self, Migration::Upgrade | Migration::Bidirectional)
    }

    pub fn downgrades(self) -> bool {
        matches!(self, Migration::Downgrade | Migration::Bidirectional)
    }
}

impl Default for ConsumerSettings {
    /// Kafka's defaults.
    fn default() -> ConsumerSettings {
        ConsumerSettings {
            session_timeout_ms: Bounded { default: 45_000, min: 45_000, max: 60_000 },
            heartbeat_interval_ms: Bounded { default: 5_000, min: 5_000, max: 15_000 },
            assignment_interval_ms: Bounded { default: 1_000, min: 0, max: 15_000 },
            members_max: i32::MAX as usize,
            assignors: Assignor::ALL.to_vec(),
            regex_refresh_ms: 600_000,
            migration: Migration::Bidirectional,
        }
    }
}

/// What holds for one group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    pub session_timeout_ms: i32,
    pub heartbeat_interval_ms: i32,
    pub assignment_interval_ms: i32,
}

impl Limits {
    /// The group's own settings where it has any, kept within the broker's bounds, which may have changed since.
    pub fn of(group: &Arc<str>, image: &Image, settings: &ConsumerSettings) -> Limits {
        let set = image.configs.of(&Resource { kind: ResourceKind::Group, name: group.clone() });
        let limit = |name: &str, bounds: Bounded| {
            let own = set.and_then(|set| set.get(name)).and_then(|value| value.trim().parse::<i32>().ok());
            own.map_or(bounds.default, |own| own.max(bounds.min).min(bounds.max))
        };
        Limits {
            session_timeout_ms: limit("consumer.session.timeout.ms", settings.session_timeout_ms),
            heartbeat_interval_ms: limit("consumer.heartbeat.interval.ms", settings.heartbeat_interval_ms),
            assignment_interval_ms: limit("consumer.assignment.interval.ms", settings.assignment_interval_ms),
        }
    }
}
