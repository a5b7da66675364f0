//! The views that Ottla keeps of its coordinators' journals, as its directory and its output show them.
use crate::{
    broker::{Broker, OUTPUT_FILE},
    fault::{During, Fault},
};
use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// In Ottla's first log directory.
const FOLDER: &str = "data/ottla-state";
/// Longer than Ottla takes from one look at all journals to the next.
const REST: Duration = Duration::from_secs(12);
const REST_WAIT_SECONDS: u64 = 90;
const POLL: Duration = Duration::from_millis(250);

pub struct Views {
    folder: PathBuf,
    output: PathBuf,
}

impl Views {
    /// Of Ottla alone.
    pub fn of(broker: &Broker) -> Option<Views> {
        let directory = broker.directory()?;
        Some(Views { folder: directory.join(FOLDER), output: directory.join(OUTPUT_FILE) })
    }

    /// Waits until nothing is written to them any more: they have what the journals have.
    pub fn await_rest(&self) -> Result<(), Fault> {
        let begun = Instant::now();
        let (mut bytes, mut since) = (self.bytes()?, Instant::now());
        while bytes == 0 || since.elapsed() < REST {
            if begun.elapsed().as_secs() > REST_WAIT_SECONDS {
                return Err(Fault::TooLate { what: "a view at rest".into(), seconds: REST_WAIT_SECONDS });
            }
            thread::sleep(POLL);
            let now = self.bytes()?;
            if now != bytes {
                (bytes, since) = (now, Instant::now());
            }
        }
        Ok(())
    }

    fn bytes(&self) -> Result<u64, Fault> {
        if self.folder.exists() { bytes_of(&self.folder) } else { Ok(0) }
    }

    /// Deletes them, of a broker that does not run.
    pub fn remove(&self) -> Result<(), Fault> {
        fs::remove_dir_all(&self.folder).during("deleting the views")
    }

    /// How many rows the last start took out of them.
    pub fn rows_loaded(&self) -> Result<usize, Fault> {
        Ok(rows_told(&fs::read_to_string(&self.output).during("reading Ottla's output")?))
    }
}

fn bytes_of(folder: &Path) -> Result<u64, Fault> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder).during("looking at the views")? {
        let path = entry.during("looking at the views")?.path();
        // What is written to a temporary file may be gone by now.
        let Ok(found) = path.metadata() else { continue };
        bytes += if found.is_dir() { bytes_of(&path)? } else { found.len() };
    }
    Ok(bytes)
}

/// The sum of `rows=N` in the lines of partitions that were loaded.
fn rows_told(output: &str) -> usize {
    let loads = output.lines().filter(|line| line.contains("coordinator loaded"));
    loads.filter_map(|line| line.split_once(" rows=")?.1.split(' ').next()?.parse::<usize>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_over_all_partitions_and_nothing_else_is() {
        let output = "INFO ready rows=9\nDEBUG coordinator loaded partition=t-0 rows=20 records=1 ms=3\n\
            DEBUG coordinator loaded partition=t-1 rows=3 records=0 ms=3\nDEBUG coordinator loaded partition=t-2";
        assert_eq!(rows_told(output), 23);
    }
}
