//! Kafka listeners: accept, read requests, answer in order, drain.
mod admission;
mod connection;
mod limits;
mod listener;
mod loops;
mod pending;

pub use admission::{Admission, Ticket};
pub use limits::{ConnectionLimits, ConnectionRules, Refusal};
pub use listener::{BindError, Listener, Server, ServerParts};
