//! `ottla log verify` and `ottla log repair`: damage in segment files, found and mended without a broker.
use super::{CliError, Output};
use crate::{
    log::damage::{Damage, OfflineError, SegmentReport, repair, verify},
    platform::RealDisk,
};
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ottla log verify ottla-data
  ottla log verify --json ottla-data/orders-0 | jq 'select(.damages != [])'

Every batch is looked at: its checksum, its offset, its leader epoch; and whether the files go from the log's start to its end,
as far as the notes beside the partitions tell. After a kill the write-ahead log may know of a later start: then only the
broker tells that the first files are gone. Nothing is changed; the broker may run. Exit code 1 when something is damaged.")]
pub struct VerifyArgs {
    /// Log directories, partition directories or .log files
    #[arg(required = true, value_name = "DIR|FILE")]
    pub paths: Vec<PathBuf>,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ottla log repair ottla-data/orders-0/00000000000000000000.log

Stop the broker first. The whole batches of the file are written anew, with batches without records in the place of those
that are damaged: their records are lost, unless the file is restored from a copy instead. Where only a batch's length, magic or
leader epoch is wrong, which are in no checksum, they are put right. The damaged file is kept beside it
as .log.damaged-0. A file that is gone may be named, too: its records are given up. After a kill, what came behind the last
checkpoint is left to the next start, which writes it again from the write-ahead log.")]
pub struct RepairArgs {
    /// Damaged .log files
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

impl From<OfflineError> for CliError {
    fn from(error: OfflineError) -> CliError {
        match &error {
            OfflineError::NoSegments { .. } => CliError::NotFound(error.to_string()),
            OfflineError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                CliError::NotFound(error.to_string())
            }
            _ => CliError::Failed(error.to_string()),
        }
    }
}

pub fn run_verify(args: VerifyArgs, output: &mut Output) -> Result<(), CliError> {
    let (mut all, mut damaged) = (0, 0);
    for path in &args.paths {
        for report in verify(&RealDisk, path)? {
            all += 1;
            damaged += usize::from(!report.damages.is_empty());
            show(&report, output)?;
        }
    }
    match damaged {
        0 => Ok(()),
        _ => Err(CliError::Failed(format!("{damaged} of {all} segments are damaged"))),
    }
}

fn show(report: &SegmentReport, output: &mut Output) -> Result<(), CliError> {
    let path = report.path.display();
    if output.json {
        return output.json(&json!({
            "file": path.to_string(), "bytes": report.bytes, "batches": report.batches, "records": report.records,
            "damages": report.damages.iter().map(as_json).collect::<Value>(),
            "torn": report.torn.as_ref().map(as_json),
        }));
    }
    let state = if report.damages.is_empty() { "whole" } else { "DAMAGED" };
    output.line(&format!("{path}  {state}  batches {}  records {}", report.batches, report.records))?;
    for damage in &report.damages {
        output.line(&format!("  {damage}"))?;
    }
    match &report.torn {
        Some(torn) => output.line(&format!(
            "  behind the last checkpoint, cut by the next start and written again from the write-ahead log: {torn}"
        )),
        None => Ok(()),
    }
}

fn as_json(damage: &Damage) -> Value {
    json!({
        "from_byte": damage.bytes.start, "to_byte": damage.bytes.end, "from_offset": damage.offsets.start.get(),
        "to_offset": damage.offsets.end.get(), "reason": damage.what,
    })
}

pub fn run_repair(args: RepairArgs, output: &mut Output) -> Result<(), CliError> {
    for path in &args.files {
        let Some(repaired) = repair(&RealDisk, path)? else {
            output.remark(&format!("{}: nothing is damaged", path.display()));
            continue;
        };
        let report = &repaired.report;
        let (path, kept) = (&report.path, repaired.kept.map(|kept| kept.display().to_string()));
        if output.json {
            let lost = report.damages.iter().filter(|damage| !repaired.restored.contains(damage));
            let lost = lost.map(as_json).collect::<Value>();
            let restored = repaired.restored.iter().map(as_json).collect::<Value>();
            output.json(&json!({
                "file": path.display().to_string(), "kept": kept, "bytes": repaired.bytes,
                "batches": report.batches, "records": report.records, "lost": lost, "restored": restored,
            }))?;
            continue;
        }
        let kept = kept.map_or_else(|| "there was no file".to_owned(), |kept| format!("the damaged file is {kept}"));
        output.line(&format!(
            "{}: {} batches with {} records are whole, {kept}",
            path.display(),
            report.batches,
            report.records
        ))?;
        for damage in &report.damages {
            let what = if repaired.restored.contains(damage) { "restored" } else { "lost" };
            output.line(&format!("  {what}: {damage}"))?;
        }
    }
    Ok(())
}
