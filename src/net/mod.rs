//! Length-prefixed frames over sockets, with limits.
mod frames;
mod outgoing;

pub use frames::{FrameError, FrameReader};
pub use outgoing::{FileRange, Outgoing, Piece, Written, warm};
