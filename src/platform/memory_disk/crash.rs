//! What a power loss leaves.
use super::{MemoryDisk, State};
use crate::platform::Chance;
use parking_lot::Mutex;
use std::sync::Arc;

impl MemoryDisk {
    /// A new disk that holds what was synced and nothing else. The old one stays as it is.
    pub fn crash(&self) -> MemoryDisk {
        self.crashed(None)
    }

    /// As `crash`, but some of what was not synced got through as well: names in the order of their directory,
    /// bytes in order or in any order, torn between sectors of 512 bytes.
    pub fn crash_with(&self, chance: &dyn Chance) -> MemoryDisk {
        self.crashed(Some(chance))
    }

    fn crashed(&self, chance: Option<&dyn Chance>) -> MemoryDisk {
        let state = self.state.lock();
        let contents = state.contents.iter();
        let left = State {
            names: state.names.after_crash(chance),
            contents: match chance {
                Some(chance) => contents.map(|content| content.after_crash_with(chance)).collect(),
                None => contents.map(|content| content.after_crash()).collect(),
            },
            capacity_bytes: state.capacity_bytes,
            refuse_direct: state.refuse_direct,
            ..State::default()
        };
        MemoryDisk { state: Arc::new(Mutex::new(left)) }
    }
}
