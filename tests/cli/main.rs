//! The `ottla` binary as its users run it: exit codes, output, round trips through a broker.
#![expect(clippy::disallowed_methods, reason = "a test waits, and lays files out for the binary to read")]
mod broker;
mod groups;
mod offline;
mod online;
mod stderr;
mod transactions;
