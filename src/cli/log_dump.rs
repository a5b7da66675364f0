//! `ottla log dump`: what stands in segment and index files, read without a broker.
use super::{
    CliError, Output,
    log_check::{RepairArgs, VerifyArgs, run_repair, run_verify},
    timestamp::show_timestamp,
};
use crate::{
    log::AbortedEntry,
    platform::{Disk, DiskFile, OpenMode, RealDisk},
    record::{BatchHeader, HEADER_BYTES, TimestampType, records},
};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

#[derive(Subcommand, Debug)]
pub enum LogCommand {
    /// Show the batches of .log files and the entries of .index, .timeindex and .txnindex files
    Dump(DumpArgs),
    /// Look for damage in all segments of a directory
    Verify(VerifyArgs),
    /// Write damaged segments anew from what is whole of them
    Repair(RepairArgs),
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ottla log dump ottla-data/orders-0/00000000000000000000.log
  ottla log dump --records --json 00000000000000000000.log | jq .payload
  ottla log dump ottla-data/orders-0/*.index

Exit code 1 when a file is damaged; everything before the damage is shown.")]
pub struct DumpArgs {
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The records of each batch too
    #[arg(short, long)]
    pub records: bool,
}

/// A batch that grows beyond this is reported instead of filling the memory.
const DECOMPRESSED_BYTES_MAX: usize = 1 << 30;

pub fn run(command: LogCommand, output: &mut Output) -> Result<(), CliError> {
    match command {
        LogCommand::Dump(args) => dump(&args, output),
        LogCommand::Verify(args) => run_verify(args, output),
        LogCommand::Repair(args) => run_repair(args, output),
    }
}

fn dump(args: &DumpArgs, output: &mut Output) -> Result<(), CliError> {
    for path in &args.files {
        let name = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound => CliError::NotFound(format!("{}: there is no such file", path.display())),
            _ => CliError::Failed(format!("{}: {error}", path.display())),
        };
        let file = RealDisk.open(path, OpenMode::Read).map_err(name)?;
        if !output.json && args.files.len() > 1 {
            output.line(&format!("{}:", path.display()))?;
        }
        let dump = Dump { path, file: &*file, len: file.len().map_err(name)?, records: args.records };
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("log") => dump.segment(output)?,
            Some("index") => dump.offset_index(output)?,
            Some("timeindex") => dump.time_index(output)?,
            Some("txnindex") => dump.aborted(output)?,
            _ => {
                let text =
                    format!("{}: only .log, .index, .timeindex and .txnindex files can be shown", path.display());
                return Err(CliError::Usage(text));
            }
        }
    }
    Ok(())
}

struct Dump<'a> {
    path: &'a Path,
    file: &'a dyn DiskFile,
    len: u64,
    records: bool,
}

impl Dump<'_> {
    fn damaged(&self, position: u64, reason: &str) -> CliError {
        CliError::Failed(format!("{}: damaged at byte {position}: {reason}", self.path.display()))
    }

    /// Batch by batch, so that a segment need not fit into memory; a batch cannot claim more than the file holds.
    fn segment(&self, output: &mut Output) -> Result<(), CliError> {
        let mut position = 0;
        while position < self.len {
            let left = self.len - position;
            let head = self.read(position, left.min(HEADER_BYTES as u64))?;
            // A segment that is written to is zero-filled ahead of its end.
            if head.iter().all(|byte| *byte == 0) {
                return self.zeroes(position, output);
            }
            let header = BatchHeader::parse(&head).map_err(|error| self.damaged(position, &error.to_string()))?;
            let size = header.size() as u64;
            if size > left {
                let reason = format!("the last batch has {left} of its {size} bytes: the file was cut");
                return Err(self.damaged(position, &reason));
            }
            let batch = self.read(position, size)?;
            let valid = header.crc == BatchHeader::crc_of(&batch);
            match output.json {
                true => output.json(&batch_json(&header, position, valid))?,
                false => output.line(&batch_text(&header, position, valid))?,
            }
            if !valid {
                return Err(self.damaged(position, "the checksum does not fit"));
            }
            if self.records {
                self.records(&header, &batch, position, output)?;
            }
            position += size;
        }
        Ok(())
    }

    fn zeroes(&self, from: u64, output: &Output) -> Result<(), CliError> {
        const STEP: u64 = 1 << 20;
        let mut position = from;
        while position < self.len {
            let part = self.read(position, STEP.min(self.len - position))?;
            if let Some(at) = part.iter().position(|byte| *byte != 0) {
                return Err(self.damaged(position + at as u64, "bytes follow a gap of zeroes"));
            }
            position += part.len() as u64;
        }
        output.remark(&format!("{} bytes of zeroes follow", self.len - from));
        Ok(())
    }

    fn records(&self, header: &BatchHeader, batch: &[u8], position: u64, output: &mut Output) -> Result<(), CliError> {
        let damaged = |error: crate::record::RecordsError| self.damaged(position, &error.to_string());
        let set = records(header, batch, DECOMPRESSED_BYTES_MAX).map_err(damaged)?;
        for record in &set {
            let record = record.map_err(damaged)?;
            let offset = header.base_offset.saturating_add(i64::from(record.offset_delta));
            let headers: Vec<(String, Option<String>)> =
                record.headers().map(|(name, value)| (lossy(name), value.map(lossy))).collect();
            if output.json {
                output.json(&json!({
                    "type": "record", "offset": offset, "ts": record.timestamp, "key": record.key.map(lossy),
                    "payload": record.value.map(lossy),
                    "headers": headers.iter().map(|(name, value)| json!({ "name": name, "value": value }))
                        .collect::<Value>(),
                }))?;
                continue;
            }
            let show = |bytes: Option<&[u8]>| {
                bytes.map_or_else(|| "null".to_owned(), |bytes| format!("\"{}\"", bytes.escape_ascii()))
            };
            let mut text = format!(
                "  {offset}  {}  key {}  value {}",
                show_timestamp(record.timestamp),
                show(record.key),
                show(record.value)
            );
            for (name, value) in &headers {
                text.push_str(&format!("  {name}={}", value.as_deref().unwrap_or("null")));
            }
            output.line(&text)?;
        }
        Ok(())
    }

    /// Entries of 8 bytes: offset counted from the file's base, position in the segment.
    fn offset_index(&self, output: &mut Output) -> Result<(), CliError> {
        let base = self.base_offset()?;
        self.entries(8, |entry| match *entry {
            [a, b, c, d, e, f, g, h] => {
                let relative = i32::from_be_bytes([a, b, c, d]);
                let position = i32::from_be_bytes([e, f, g, h]);
                let offset = base.saturating_add(i64::from(relative));
                // Preallocated room behind the entries.
                if relative == 0 && position == 0 {
                    return Ok(());
                }
                match output.json {
                    true => output.json(&json!({ "type": "index", "offset": offset, "position": position })),
                    false => output.line(&format!("offset {offset}  position {position}")),
                }
            }
            _ => Ok(()),
        })
    }

    /// Entries of 12 bytes: timestamp, offset counted from the file's base.
    fn time_index(&self, output: &mut Output) -> Result<(), CliError> {
        let base = self.base_offset()?;
        self.entries(12, |entry| match *entry {
            [a, b, c, d, e, f, g, h, i, j, k, l] => {
                let timestamp = i64::from_be_bytes([a, b, c, d, e, f, g, h]);
                let relative = i32::from_be_bytes([i, j, k, l]);
                let offset = base.saturating_add(i64::from(relative));
                if timestamp == 0 && relative == 0 {
                    return Ok(());
                }
                match output.json {
                    true => output.json(&json!({ "type": "timeindex", "ts": timestamp, "offset": offset })),
                    false => {
                        output.line(&format!("timestamp {timestamp} ({})  offset {offset}", show_timestamp(timestamp)))
                    }
                }
            }
            _ => Ok(()),
        })
    }

    /// Entries of 34 bytes: the transactions that markers in the segment aborted.
    fn aborted(&self, output: &mut Output) -> Result<(), CliError> {
        let mut position = 0;
        self.entries(AbortedEntry::BYTES, |bytes| {
            let entry = bytes.first_chunk().and_then(AbortedEntry::read);
            let entry = entry.ok_or_else(|| self.damaged(position, "the entry is impossible"))?;
            position += AbortedEntry::BYTES as u64;
            let (producer, first) = (entry.producer.get(), entry.first.get());
            let (last, stable) = (entry.last.get(), entry.stable.get());
            match output.json {
                true => output.json(&json!({
                    "type": "txnindex", "producer_id": producer, "first_offset": first, "last_offset": last,
                    "last_stable_offset": stable,
                })),
                false => output
                    .line(&format!("aborted offsets {first}-{last}  producer {producer}  last stable offset {stable}")),
            }
        })
    }

    fn entries(&self, bytes: usize, mut show: impl FnMut(&[u8]) -> Result<(), CliError>) -> Result<(), CliError> {
        const ENTRIES_AT_ONCE: u64 = 8192;
        let whole = self.len - self.len % bytes as u64;
        let mut position = 0;
        while position < whole {
            let part = self.read(position, (ENTRIES_AT_ONCE * bytes as u64).min(whole - position))?;
            part.chunks_exact(bytes).try_for_each(&mut show)?;
            position += part.len() as u64;
        }
        match self.len - whole {
            0 => Ok(()),
            rest => Err(self.damaged(whole, &format!("{rest} bytes are left, an entry has {bytes}"))),
        }
    }

    /// Files are named by the first offset they hold.
    fn base_offset(&self) -> Result<i64, CliError> {
        let stem = self.path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        stem.parse().ok().filter(|base: &i64| *base >= 0).ok_or_else(|| {
            let name = self.path.display();
            CliError::Usage(format!("{name}: the name must be the base offset, as 00000000000000000000.index"))
        })
    }

    fn read(&self, position: u64, bytes: u64) -> Result<Vec<u8>, CliError> {
        let fail = |error: std::io::Error| CliError::Failed(format!("{}: {error}", self.path.display()));
        let mut buffer = vec![0; usize::try_from(bytes).map_err(|error| fail(std::io::Error::other(error)))?];
        match self.file.read_at(&mut buffer, position).map_err(fail)? {
            read if read as u64 == bytes => Ok(buffer),
            _ => Err(self.damaged(position, "the file became shorter while it was read")),
        }
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn codec_name(header: &BatchHeader) -> &'static str {
    header.codec().map_or("unknown", |codec| codec.name())
}

fn batch_text(header: &BatchHeader, position: u64, valid: bool) -> String {
    let last = header.base_offset.saturating_add(i64::from(header.last_offset_delta));
    let mut text = format!(
        "offsets {}-{last}  records {}  position {position}  bytes {}  codec {}  {}  epoch {}",
        header.base_offset,
        header.record_count,
        header.size(),
        codec_name(header),
        show_timestamp(header.max_timestamp),
        header.partition_leader_epoch,
    );
    if header.producer_id >= 0 {
        let (id, epoch, sequence) = (header.producer_id, header.producer_epoch, header.base_sequence);
        text.push_str(&format!("  producer {id}/{epoch} sequence {sequence}"));
    }
    let marks = [
        (header.is_transactional(), "transactional"),
        (header.is_control(), "control"),
        (header.timestamp_type() == TimestampType::LogAppendTime, "append-time"),
        (header.has_delete_horizon(), "delete-horizon"),
        (!valid, "DAMAGED"),
    ];
    marks.iter().filter(|(set, _)| *set).for_each(|(_, name)| {
        text.push_str("  ");
        text.push_str(name);
    });
    text
}

fn batch_json(header: &BatchHeader, position: u64, valid: bool) -> Value {
    json!({
        "type": "batch", "base_offset": header.base_offset,
        "last_offset": header.base_offset.saturating_add(i64::from(header.last_offset_delta)),
        "records": header.record_count, "position": position, "bytes": header.size(), "codec": codec_name(header),
        "base_ts": header.base_timestamp, "max_ts": header.max_timestamp, "leader_epoch": header.partition_leader_epoch,
        "producer_id": header.producer_id, "producer_epoch": header.producer_epoch,
        "base_sequence": header.base_sequence, "transactional": header.is_transactional(),
        "control": header.is_control(), "delete_horizon": header.has_delete_horizon(), "crc": header.crc, "valid": valid,
        "timestamp_type": match header.timestamp_type() {
            TimestampType::CreateTime => "create",
            TimestampType::LogAppendTime => "logappend",
        },
    })
}
