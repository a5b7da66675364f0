//! How fast this machine's idle processors wake.
use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
};

/// A request to the kernel that an idle processor wakes fast enough, in force until this is dropped. It holds for the whole machine: for 0
/// processors that have nothing to do poll instead of halting, which takes power, and on a virtual machine time of the host.
#[derive(Debug)]
pub struct WakeupLimit(#[expect(dead_code, reason = "the kernel lets go with the file")] File);

impl WakeupLimit {
    /// Linux' file for it, open to root alone unless somebody has changed that ("PM Quality of Service").
    pub const DEVICE: &str = "/dev/cpu_dma_latency";

    /// Whether an idle processor of this machine is a guest's that halts, by the kernel's driver for that: waking it is an exit to the host,
    /// whatever it slept for.
    pub fn halts_to_a_host() -> bool {
        WakeupLimit::is_halting_guest(Path::new("/sys/devices/system/cpu/cpuidle/current_driver"))
    }

    #[expect(clippy::disallowed_methods, reason = "a door to the kernel, no file of a disk")]
    fn is_halting_guest(driver: &Path) -> bool {
        std::fs::read_to_string(driver).is_ok_and(|driver| driver.trim() == "haltpoll")
    }

    /// Within how many microseconds processors are to wake.
    ///
    /// # Errors
    /// Those of opening and writing [`WakeupLimit::DEVICE`]: it is not there in most containers, and denied to most users.
    pub fn ask(us_max: u32) -> io::Result<WakeupLimit> {
        WakeupLimit::ask_at(Path::new(WakeupLimit::DEVICE), us_max)
    }

    #[expect(clippy::disallowed_methods, reason = "a door to the kernel, no file of a disk")]
    fn ask_at(device: &Path, us_max: u32) -> io::Result<WakeupLimit> {
        let mut file = OpenOptions::new().write(true).open(device)?;
        file.write_all(&i32::try_from(us_max).unwrap_or(i32::MAX).to_ne_bytes())?;
        Ok(WakeupLimit(file))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "a file stands for the device")]
    use super::*;

    #[test]
    fn the_kernel_is_told_a_number_of_four_bytes() {
        let device = tempfile::NamedTempFile::new().unwrap();
        let asked = WakeupLimit::ask_at(device.path(), 20).unwrap();
        assert_eq!(std::fs::read(device.path()).unwrap(), 20i32.to_ne_bytes());
        drop(asked);
        let nowhere = WakeupLimit::ask_at(Path::new("/nowhere/cpu_dma_latency"), 20);
        assert_eq!(nowhere.unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_guest_that_halts_is_known_by_its_driver() {
        let driver = tempfile::NamedTempFile::new().unwrap();
        let halts = |name: &str| {
            std::fs::write(driver.path(), name).unwrap();
            WakeupLimit::is_halting_guest(driver.path())
        };
        assert!(halts("haltpoll\n"));
        assert!(!halts("intel_idle\n"));
        assert!(!WakeupLimit::is_halting_guest(Path::new("/nowhere/current_driver")));
    }
}
