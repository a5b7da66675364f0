//! The controller: pure rules of the cluster, and the runner that puts them to work on the metadata log.
pub mod core;
mod run;

pub use core::*;
pub use run::{Controller, ControllerHandle, Failure, ProducerIdSource, QuorumState, Start, StartError};
