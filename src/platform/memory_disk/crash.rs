//! What a power loss leaves.
use super::{MemoryDisk, State};
use crate::platform::Chance;
use parking_lot::Mutex;
use std::sync::Arc;

impl MemoryDisk {
    /// A new disk that holds what was synced and nothing else. The old one stays as it is.
    pub fn crash(&self) -> MemoryDisk {
        self.crashed(None, true)
    }

    /// As `crash`, but some of what was not synced got through as well: names in the order of their directory,
    /// bytes in order or in any order, torn between sectors of 512 bytes.
    pub fn crash_with(&self, chance: &dyn Chance) -> MemoryDisk {
        self.crashed(Some(chance), true)
    }

    /// As `crash_with`, but names too got through in any order, as some filesystems have it.
    pub fn crash_in_any_order(&self, chance: &dyn Chance) -> MemoryDisk {
        self.crashed(Some(chance), false)
    }

    /// What the kernel still has when only the process is killed, at this moment or where the power went off: synced or
    /// not, everything is read back, and what was not synced is still not durable. A new disk: whatever threads of the
    /// killed process do to the old one has no effect on it.
    pub fn killed(&self) -> MemoryDisk {
        let state = self.state.lock();
        let left = State {
            names: state.names.clone(),
            contents: state.contents.clone(),
            lost: state.lost.clone(),
            capacity_bytes: state.capacity_bytes,
            refuse_direct: state.refuse_direct,
            ..State::default()
        };
        MemoryDisk { state: Arc::new(Mutex::new(left)) }
    }

    fn crashed(&self, chance: Option<&dyn Chance>, names_in_order: bool) -> MemoryDisk {
        let state = self.state.lock();
        let contents = state.contents.iter();
        let left = State {
            names: state.names.after_crash(chance, names_in_order),
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
