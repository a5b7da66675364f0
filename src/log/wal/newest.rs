//! The note of the newest file with a group: from it a start sees that files of the write-ahead log are gone.
use super::{
    chunks::Chunk,
    entry::WalSequence,
    error::WalError,
    files::Directory,
    format::{BLOCK_BYTES, field},
    replay::Recovered,
};
use crate::platform::DiskFile;
use std::{io::IoSlice, path::PathBuf, sync::Arc};

const MAGIC: &[u8; 8] = b"OTTLANEW";

/// Which file it is, and what it begins with. Durable before its first group is written, and after its name is: so the file was
/// there, and the groups up to it were.
///
/// ```text
/// 0 magic "OTTLANEW" | 8 crc32c u32 of 12..32 | 12 version u32 | 16 file number u64 | 24 first sequence u64
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Newest {
    pub number: u64,
    pub first_sequence: WalSequence,
}

impl Newest {
    const BYTES: usize = 32;
    const VERSION: u32 = 1;

    fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut out = [0; Self::BYTES];
        out[..8].copy_from_slice(MAGIC);
        out[12..16].copy_from_slice(&Self::VERSION.to_be_bytes());
        out[16..24].copy_from_slice(&self.number.to_be_bytes());
        out[24..32].copy_from_slice(&self.first_sequence.get().to_be_bytes());
        let crc = crate::record::crc32c(&out[12..]);
        out[8..12].copy_from_slice(&crc.to_be_bytes());
        out
    }

    /// `None` for everything else: a torn note is none, since it is written over in its place.
    fn from_bytes(bytes: &[u8]) -> Option<Newest> {
        let bytes = bytes.get(..Self::BYTES)?;
        let whole = bytes[..8] == *MAGIC && u32::from_be_bytes(field(bytes, 8)) == crate::record::crc32c(&bytes[12..]);
        (whole && u32::from_be_bytes(field(bytes, 12)) == Self::VERSION).then(|| Newest {
            number: u64::from_be_bytes(field(bytes, 16)),
            first_sequence: WalSequence::new(u64::from_be_bytes(field(bytes, 24))),
        })
    }

    /// Whether what a start finds can be all there was. Files are put aside only for later ones with a group, and sequences only rise:
    /// that holds for a note that is behind, too, as one is that an older build has left alone.
    fn fits(self, numbered: &[u64], recovered: &Recovered) -> bool {
        let is_there = numbered.contains(&self.number) || recovered.newest_used() > Some(self.number);
        is_there && recovered.next_sequence() >= self.first_sequence
    }
}

/// The file of the note.
pub(super) struct NewestNote {
    path: PathBuf,
    file: Arc<dyn DiskFile>,
}

impl NewestNote {
    /// Looks whether files are gone. After an orderly stop the logs have all that was in them, and the note is taken away.
    pub fn check(
        directory: &Directory,
        numbered: &[u64],
        recovered: &Recovered,
        orderly: bool,
    ) -> Result<(), WalError> {
        let bytes = directory.read_newest()?;
        let Some(newest) = bytes.as_deref().and_then(Newest::from_bytes) else { return Ok(()) };
        if newest.fits(numbered, recovered) {
            return Ok(());
        }
        if orderly {
            return directory.remove_newest();
        }
        let (path, number) = (directory.path().to_owned(), newest.number);
        Err(WalError::Gone { path, number, sequence: newest.first_sequence })
    }

    /// Its name becomes durable with that of the next file. Without it, as on a full disk, less is noticed and nothing is lost.
    pub fn open(directory: &Directory) -> Option<NewestNote> {
        let opened = directory.open_newest().and_then(|file| {
            if file.len()? < BLOCK_BYTES as u64 {
                let zeros = Chunk::new();
                file.write_slices_at(&mut [IoSlice::new(&zeros.bytes()[..BLOCK_BYTES])], 0)?;
            }
            Ok(NewestNote { path: directory.newest_path(), file })
        });
        opened.inspect_err(|error| tracing::debug!(%error, "no note of the write-ahead log's newest file")).ok()
    }

    /// An old note is as true as a new one where only room is missing. Any other failure is the device's (LOG-9).
    pub fn write(&self, newest: Newest) -> Result<(), WalError> {
        let mut block = Chunk::new();
        block.bytes_mut()[..Newest::BYTES].copy_from_slice(&newest.to_bytes());
        let written = self.file.write_slices_synced_at(&mut [IoSlice::new(&block.bytes()[..BLOCK_BYTES])], 0);
        match written.map_err(WalError::io("write", &self.path)) {
            Err(error) if error.is_disk_full() => {
                tracing::debug!(%error, "the note of the write-ahead log's newest file stays behind");
                Ok(())
            }
            written => written,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_14_each_flipped_bit_of_the_note_makes_it_none() {
        let newest = Newest { number: 3, first_sequence: WalSequence::new(77) };
        let bytes = newest.to_bytes();
        assert_eq!(Newest::from_bytes(&bytes), Some(newest));
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Newest::from_bytes(&flipped), None, "bit {bit}");
        }
        assert_eq!(Newest::from_bytes(&bytes[..31]), None);
        assert_eq!(Newest::from_bytes(&[0; BLOCK_BYTES]), None);
    }
}
