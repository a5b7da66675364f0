//! A log moves to another directory while it is served: a copy follows it there and takes its place once it has caught up.
mod copy;
mod duplicates;
mod progress;
mod switch;

pub use copy::{MoveError, Moving};
pub use duplicates::settle_duplicates;
pub use progress::Progress;
