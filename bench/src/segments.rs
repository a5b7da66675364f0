//! The segments of a partition as its directory shows them: the same names in both brokers.
use crate::{
    admin::Target,
    fault::{During, Fault},
};
use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

const LOG: &str = "log";

/// The directory of one partition.
pub struct Segments(PathBuf);

/// How long to wait for something, how long it has to last, and how often to look.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    pub most: Duration,
    pub stays: Duration,
    pub poll: Duration,
}

impl Segments {
    pub fn of(log_directory: &Path, target: &Target, partition: i32) -> Segments {
        Segments(log_directory.join(format!("{}-{partition}", target.topic)))
    }

    /// Bytes of all but the newest, which is written to.
    pub fn sealed_bytes(&self) -> Result<u64, Fault> {
        let mut logs: Vec<PathBuf> =
            self.paths()?.filter(|path| path.extension().is_some_and(|end| end == LOG)).collect();
        logs.sort();
        logs.pop();
        let bytes = logs.iter().map(|path| match path.metadata() {
            Ok(found) => Ok(found.len()),
            // Deleted or renamed since the look at the directory.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error).during(format!("looking at {}", path.display())),
        });
        bytes.sum()
    }

    /// How many there are, those included that are to be deleted in a while.
    pub fn count(&self) -> Result<usize, Fault> {
        let is_log = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            name.split('.').nth(1) == Some(LOG)
        };
        Ok(self.paths()?.filter(is_log).count())
    }

    fn paths(&self) -> Result<impl Iterator<Item = PathBuf> + use<>, Fault> {
        let entries = fs::read_dir(&self.0).during(format!("looking at {}", self.0.display()))?;
        Ok(entries.flatten().map(|entry| entry.path()))
    }

    /// Waits until the sealed ones have exactly so many bytes and stay so; answers since when. `seen` is called at every look
    /// that finds them so first.
    pub fn await_sealed_bytes(&self, due: u64, patience: Patience, mut seen: impl FnMut()) -> Result<Instant, Fault> {
        let asked = Instant::now();
        let mut since = None;
        loop {
            let found = self.sealed_bytes()?;
            if found != due {
                since = None;
                if asked.elapsed() > patience.most {
                    let text =
                        format!("the sealed segments have {found} bytes and not {due}, {:?} later", patience.most);
                    return Err(Fault::Usage(text));
                }
            } else if let Some(since) = since {
                if Instant::elapsed(&since) >= patience.stays {
                    return Ok(since);
                }
            } else {
                since = Some(Instant::now());
                seen();
            }
            thread::sleep(patience.poll);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(name: &str) -> (PathBuf, Segments) {
        let folder = std::env::temp_dir().join(format!("bench-segments-{name}-{}", std::process::id()));
        let target = Target { address: "127.0.0.1:1".parse().unwrap(), topic: "t".into(), partitions: 1, pid: None };
        let directory = folder.join("t-0");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&directory).unwrap();
        (directory, Segments::of(&folder, &target, 0))
    }

    #[test]
    fn the_newest_segment_and_other_files_do_not_count() {
        let (directory, segments) = partition("count");
        let files =
            ["00.log", "05.log", "05.index", "07.log.deleted", "03.log.cleaned", "04.log.swap", "09.log", "notes"];
        files.iter().for_each(|name| fs::write(directory.join(name), [0; 10]).unwrap());
        assert_eq!((segments.sealed_bytes().unwrap(), segments.count().unwrap()), (20, 6));
        fs::remove_dir_all(&directory).unwrap();
        assert!(segments.sealed_bytes().is_err() && segments.count().is_err(), "no partition is no empty one");
    }

    #[test]
    fn a_level_counts_only_from_when_it_stays() {
        let (directory, segments) = partition("level");
        let write = |bytes: usize| fs::write(directory.join("0.log"), vec![0; bytes]).unwrap();
        fs::write(directory.join("9.log"), []).unwrap();
        write(50);
        let ms = Duration::from_millis;
        let patience = Patience { most: ms(2000), stays: ms(200), poll: ms(2) };
        let began = Instant::now();
        let mut seen = 0;
        let since = thread::scope(|scope| {
            scope.spawn(|| {
                // Passes through, below and back.
                for (wait, bytes) in [(50, 30), (50, 20), (50, 30)] {
                    thread::sleep(ms(wait));
                    write(bytes);
                }
            });
            segments.await_sealed_bytes(30, patience, || seen += 1).unwrap()
        });
        assert!(since.duration_since(began) >= ms(150) && seen == 2);
        let never = Patience { most: ms(50), ..patience };
        for due in [29, 31] {
            let error = segments.await_sealed_bytes(due, never, || {}).unwrap_err().to_string();
            assert!(error.contains("have 30 bytes and not"), "{error}");
        }
        fs::remove_dir_all(directory).unwrap();
    }
}
