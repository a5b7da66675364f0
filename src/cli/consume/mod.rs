//! `ottla consume`: records of one topic's partitions, from anywhere, as they come or up to an end.
mod committed;
mod ending;
mod fetch;
mod format;
mod member;
mod membership;
pub mod offsets;

pub use format::unescape;

use super::{
    CliError, Output,
    args::Global,
    cluster::{Cluster, TIMEOUT_DEFAULT, Topic},
    output::stdout_is_terminal,
};
use crate::{
    platform::{Clock, SystemClock},
    types::Isolation,
};
use clap::Args;
use fetch::{Consumer, Reading};
use format::{Format, Found};
use indicatif::{ProgressBar, ProgressStyle};
use offsets::{At, OffsetRange};
use std::{io::Write, time::Duration};

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ottla consume orders                       everything, then follow
  ottla consume orders -o -10 -e             the last ten of each partition
  ottla consume orders -o @2h -f '%d %k: %s\\n'
  ottla consume orders -o @2026-11-21T10:00:end --json | jq .payload
  ottla consume orders -p 3 -o 1000:2000 -n 5
  ottla consume orders -g billing            as a member of a group, which remembers how far it has read

Places in a format:
  %t topic    %p partition    %o offset    %h headers    %T timestamp in ms    %d timestamp as a date
  %k key      %s value        %K and %S their lengths, -1 for null             %% a percent sign
  \\n \\t \\r \\0 \\\\ \\xHH as usual")]
pub struct ConsumeArgs {
    /// The topic to read
    #[arg(value_name = "TOPIC")]
    pub topic: String,
    /// Share the partitions with the other members of this group, and go on where it stopped; -o is where to begin
    /// when it never read
    #[arg(short, long, value_name = "GROUP", conflicts_with = "partitions")]
    pub group: Option<String>,
    /// Only these partitions; may be repeated or separated by commas
    #[arg(short, long = "partition", value_name = "N", value_delimiter = ',')]
    pub partitions: Vec<i32>,
    /// start, end, 42, +10, -10 (before the end), @TIME or @2h; with :TO also where to stop, as :end
    #[arg(short, long, value_name = "FROM[:TO]", default_value = "start", allow_hyphen_values = true)]
    #[arg(value_parser = OffsetRange::parse)]
    pub offset: OffsetRange,
    /// Stop after this many records
    #[arg(short = 'n', long, value_name = "COUNT")]
    pub count: Option<u64>,
    /// Stop at the end as it is now
    #[arg(short, long)]
    pub exit_at_end: bool,
    /// How to print a record (see below)
    #[arg(short, long, value_name = "FORMAT", conflicts_with = "key_delimiter")]
    pub format: Option<String>,
    /// Print the key and this before the value
    #[arg(short = 'K', long, value_name = "DELIMITER", value_parser = unescape)]
    pub key_delimiter: Option<String>,
    /// Print null keys and values as NULL
    #[arg(short = 'Z', long)]
    pub null: bool,
    /// Leave out records of open and aborted transactions
    #[arg(long)]
    pub read_committed: bool,
}

impl ConsumeArgs {
    /// Where to stop, at whichever comes first; for ever on where nothing is said.
    fn stops(&self) -> impl Iterator<Item = At> {
        self.offset.to.into_iter().chain(self.exit_at_end.then_some(At::End))
    }
}

pub async fn run(global: &Global, args: ConsumeArgs, output: &mut Output) -> Result<(), CliError> {
    let format = match &args.format {
        Some(format) => Format::parse(format, args.null).map_err(CliError::Usage)?,
        None => Format::lines(args.key_delimiter.as_deref(), args.null),
    };
    let isolation = if args.read_committed { Isolation::ReadCommitted } else { Isolation::ReadUncommitted };
    let mut cluster = Cluster::connect(global, TIMEOUT_DEFAULT).await?;
    let topic = cluster.topic(&args.topic).await?;
    let readings = match &args.group {
        Some(_) => Vec::new(),
        None => readings(&mut cluster, &topic, &args, isolation).await?,
    };
    let mut sink = Sink { format, output, left: args.count.unwrap_or(u64::MAX), count: 0, progress: None };
    if sink.left == 0 {
        return Ok(());
    }
    sink.progress = (sink.output.shows_progress() && !stdout_is_terminal()).then(progress);
    let result = match &args.group {
        Some(group) => member::run(cluster, group, &args, isolation, &mut sink).await,
        None => Consumer::new(cluster, topic, readings, isolation).run(&mut sink).await,
    };
    if let Some(progress) = sink.progress.take() {
        progress.finish_and_clear();
    }
    result
}

/// Where each partition begins and stops.
async fn readings(
    cluster: &mut Cluster,
    topic: &Topic,
    args: &ConsumeArgs,
    isolation: Isolation,
) -> Result<Vec<Reading>, CliError> {
    let all: Vec<i32> = topic.partitions.iter().map(|partition| partition.index).collect();
    let mut partitions = if args.partitions.is_empty() { all.clone() } else { args.partitions.clone() };
    partitions.sort_unstable();
    partitions.dedup();
    if let Some(missing) = partitions.iter().find(|index| !all.contains(index)) {
        let text = format!("topic {} has no partition {missing}: it has {}, from 0 on", topic.name, all.len());
        return Err(CliError::NotFound(text));
    }
    let now_ms = SystemClock::new().wall_ms();
    let from = offsets::resolve(cluster, topic, &partitions, args.offset.from, isolation, now_ms).await?;
    let to = offsets::resolve_first(cluster, topic, &partitions, args.stops(), isolation, now_ms).await?;
    let reading = |(partition, next): (i32, i64)| Reading { partition, next, stop: to.get(&partition).copied() };
    Ok(from.into_iter().map(reading).collect())
}

/// Where records go, and how many more are wanted.
pub struct Sink<'a> {
    format: Format,
    pub output: &'a mut Output,
    left: u64,
    count: u64,
    progress: Option<ProgressBar>,
}

impl Sink<'_> {
    fn put(&mut self, found: &Found<'_>) -> Result<(), CliError> {
        assert!(self.left > 0, "a record after the last one wanted");
        match self.output.json {
            true => {
                serde_json::to_writer(self.output.bytes(), &format::as_json(found)).map_err(std::io::Error::from)?;
                self.output.bytes().write_all(b"\n")?;
            }
            false => self.format.write(self.output.bytes(), found)?,
        }
        self.left -= 1;
        self.count += 1;
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.left == 0
    }

    /// Nothing more is there at the moment: what was printed must be seen.
    fn pause(&mut self) -> Result<(), CliError> {
        if let Some(progress) = &self.progress {
            progress.set_position(self.count);
        }
        self.output.flush()
    }
}

fn progress() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {human_pos} records, {per_sec}, {elapsed}");
    let progress = ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    progress.enable_steady_tick(Duration::from_millis(200));
    progress
}
