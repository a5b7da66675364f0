//! The signals that end a member in good order: Ctrl-C, and what service managers and containers send.
use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens as long as it lives, so that a signal between two rounds is not lost.
pub struct Ending {
    interrupt: Signal,
    terminate: Signal,
}

impl Ending {
    pub fn listen() -> io::Result<Ending> {
        Ok(Ending { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Somebody wants us to end.
    pub async fn wanted(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
