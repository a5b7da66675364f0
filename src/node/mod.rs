//! Wiring: builds every layer in order, runs it, takes it down in reverse.
mod changing;
mod cleaning;
mod features;
mod format;
mod groups;
mod history;
mod late;
mod limits;
mod moving;
mod observe;
mod opened;
mod process;
mod retention;
mod settings;
mod start;
mod storage;
#[cfg(test)]
mod tests;
mod transactions;

pub use format::FormatError;
pub use process::serve;
pub use settings::{NodeSettings, topic_settings};
pub use start::{Node, NodeParts, StartError};
