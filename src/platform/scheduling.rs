//! What the system's scheduler is told of threads that nobody waits for.
use rustix::process::getpriority_process;

/// Steps of niceness. Of a thread's share of a processor about a tenth stays where others want it: enough to let go of a lock soon.
const NICE: i32 = 10;
/// How long a turn may be, the longest that Linux takes: since 6.12, whoever is woken and has shorter turns takes the processor at once
/// from one who has longer ones. Otherwise a commit would wait for the rest of this turn, some milliseconds.
const TURN_NS: u64 = 100_000_000;

/// The calling thread works in the background from here on.
pub fn make_way() {
    // Refused it is only where somebody has forbidden even that: then all threads are alike.
    let Ok(nice) = getpriority_process(None) else { return };
    let wanted = libc::sched_attr {
        size: size_of::<libc::sched_attr>() as u32,
        sched_policy: libc::SCHED_BATCH as u32,
        sched_flags: 0,
        sched_nice: (nice + NICE).min(19),
        sched_priority: 0,
        sched_runtime: TURN_NS,
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: the call reads a structure of this size, which lives until it returns; 0 is the calling thread.
    let _ = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const wanted, 0) };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> libc::c_int {
        // SAFETY: takes no pointer; 0 is the calling thread.
        unsafe { libc::sched_getscheduler(0) }
    }

    #[test]
    fn one_thread_makes_way_and_those_beside_it_do_not() {
        let before = getpriority_process(None).unwrap();
        let behind = std::thread::spawn(|| {
            make_way();
            (getpriority_process(None).unwrap(), policy())
        });
        assert_eq!(behind.join().unwrap(), ((before + NICE).min(19), libc::SCHED_BATCH));
        assert_eq!(getpriority_process(None).unwrap(), before);
        assert_ne!(policy(), libc::SCHED_BATCH);
    }
}
