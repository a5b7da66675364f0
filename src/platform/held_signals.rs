//! Signals that are not lost while nobody listens to them yet.
use std::mem::MaybeUninit;

/// Signals that this thread, and those that it starts meanwhile, do not take: one that comes waits until they are let go.
#[must_use]
pub struct HeldSignals {
    before: libc::sigset_t,
}

impl HeldSignals {
    /// SIGTERM and SIGINT. Threads that are started from now on never take them.
    pub fn begin() -> HeldSignals {
        let (mut held, mut before) = (MaybeUninit::uninit(), MaybeUninit::uninit());
        // SAFETY: the first call fills `held` before it is read, and `pthread_sigmask` fills `before`: it fails only for another first argument.
        unsafe {
            libc::sigemptyset(held.as_mut_ptr());
            libc::sigaddset(held.as_mut_ptr(), libc::SIGTERM);
            libc::sigaddset(held.as_mut_ptr(), libc::SIGINT);
            libc::pthread_sigmask(libc::SIG_BLOCK, held.as_ptr(), before.as_mut_ptr());
            HeldSignals { before: before.assume_init() }
        }
    }

    /// On the thread that has begun it.
    pub fn let_go(self) {
        // SAFETY: `before` was filled by `begin`.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.before, std::ptr::null_mut()) };
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "what the system says of a thread")]
    use super::*;

    fn held() -> u64 {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).map(str::trim);
        blocked.map_or(0, |blocked| u64::from_str_radix(blocked, 16).unwrap())
    }

    #[test]
    fn what_is_held_is_let_go_by_its_thread_and_not_by_those_it_started() {
        let both = 1 << (libc::SIGTERM - 1) | 1 << (libc::SIGINT - 1);
        assert_eq!(held() & both, 0);
        let signals = HeldSignals::begin();
        assert_eq!(held() & both, both);
        assert_eq!(std::thread::spawn(held).join().unwrap() & both, both);
        signals.let_go();
        assert_eq!(held() & both, 0);
    }
}
