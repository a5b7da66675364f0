//! Ottla: a Kafka broker in one binary. The layers, bottom to top, are listed in docs/ARCHITECTURE.md.
// They end the process where standard output or error cannot be written; see `platform::say` and `cli::output`.
#![deny(clippy::print_stderr, clippy::print_stdout)]
pub mod api;
pub mod cli;
pub mod config;
pub mod controller;
pub mod coordinator;
pub mod http;
pub mod image;
pub mod log;
pub mod machine;
pub mod metrics;
pub mod net;
pub mod node;
pub mod platform;
pub mod quorum;
pub mod record;
pub mod replica;
pub mod server;
pub mod store;
pub mod types;
pub mod wire;
