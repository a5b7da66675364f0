//! Sockets that listen, length-prefixed frames over sockets, with limits.
mod address;
mod client;
mod client_error;
mod frames;
mod listening;
mod outgoing;

pub use address::{BrokerAddress, InvalidAddress};
pub use client::{Client, ClientSettings, Pending};
pub use client_error::ClientError;
pub use frames::{FrameError, FrameReader};
pub use listening::{ListenError, Seldom, SocketSettings, listen, own_name, window_only};
pub use outgoing::{FileRange, Outgoing, Piece, Written, warm};
