//! Settings: one table of Kafka's names, read from file, environment and flags, checked once.
mod alter;
mod client_metrics;
mod describe;
mod docs;
mod environment;
mod group;
mod listener;
mod load;
mod log_levels;
mod node;
mod note;
mod properties;
mod providers;
mod raw;
mod reader;
mod setting;
mod suggest;
pub mod table;
mod topic;
mod value;

pub use alter::{AlterError, Alteration, Operation, apply, check_broker, list_with, list_without};
pub use client_metrics::{ClientMetricsError, describe_client_metrics, validate_client_metrics};
pub use describe::{
    ConfigSource, DescribedSetting, DescribedSynonym, describe_broker, describe_cluster, describe_loggers,
    describe_topic,
};
pub use docs::settings_page;
pub use group::{GroupConfigError, describe_group, validate_group};
pub use listener::{Endpoint, Listener, ListenerError, Protocol};
pub use load::{ConfigError, Loaded, UnknownKey, load};
pub use node::{
    BoundedMs, CleanerRules, ConsumerGroupRules, FetchRules, GroupRules, HostPort, InternalTopic, InternalTopics,
    LogRules, NetworkConfig, NodeConfig, NodeConfigError, ProducerLogRules, ProducerRules, TopicRules,
    TransactionRules, Wakeup,
};
pub use note::{Note, NoteLevel};
pub use properties::{
    PropertiesError, Property, escaped as properties_escaped, parse as parse_properties, text_of as properties_text,
};
pub use providers::{Files, ProviderError};
pub use raw::{RawSettings, RawValue, Source};
pub use setting::{Dynamic, Effect, Importance, Scope, Setting, Valid, ValueKind};
pub use topic::{Compression, SyncPolicy, TimestampType, TopicConfig, TopicConfigError, validate_topic};
pub use value::{InvalidValue, Value};
