//! A log moves to another directory while it is served: a copy follows it there and takes its place once it has caught up.
mod copy;
mod duplicates;
mod switch;

pub use copy::{MoveError, Moving, Progress};
pub use duplicates::settle_duplicates;
