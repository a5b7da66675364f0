//! `ottla topic`: create, list, describe, delete, add partitions.
mod change;
mod create;
mod describe;
mod list;

use super::{
    CliError, Output,
    args::{Global, parse_pair},
    cluster::{Cluster, TIMEOUT_DEFAULT},
};
use crate::platform::say;
use clap::{Args, Subcommand};

#[derive(Subcommand, Debug)]
pub enum TopicCommand {
    /// Create topics
    Create(CreateArgs),
    /// List topics with their partitions and copies
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// Show partitions, offsets and settings of topics
    Describe(DescribeArgs),
    /// Delete topics and all their records
    #[command(visible_alias = "rm")]
    Delete(DeleteArgs),
    /// Give topics more partitions
    AddPartitions(AddPartitionsArgs),
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ottla topic create orders
  ottla topic create orders payments -p 12 -r 3 -c retention.ms=86400000 -c cleanup.policy=compact
  ottla topic create orders --if-not-exists")]
pub struct CreateArgs {
    /// One topic or several
    #[arg(required = true, value_name = "TOPIC")]
    pub names: Vec<String>,
    /// Partitions of each topic [default: the broker's num.partitions]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    pub partitions: Option<i32>,
    /// Copies of each partition [default: the broker's default.replication.factor]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(i16).range(1..))]
    pub replication: Option<i16>,
    /// A setting of the topics; may be repeated
    #[arg(short, long = "config", value_name = "KEY=VALUE", value_parser = parse_pair)]
    pub configs: Vec<(String, String)>,
    /// Be content with topics that exist already
    #[arg(long)]
    pub if_not_exists: bool,
    /// Let the broker check everything and create nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ottla topic list
  ottla topic list --internal --json
  ottla topic list -q | grep '^orders'      names only")]
pub struct ListArgs {
    /// The broker's own topics too
    #[arg(short, long)]
    pub internal: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ottla topic describe orders
  ottla topic describe orders payments --all-configs
  ottla topic describe orders --json")]
pub struct DescribeArgs {
    /// One topic or several
    #[arg(required = true, value_name = "TOPIC")]
    pub names: Vec<String>,
    /// Settings at their defaults too
    #[arg(short, long)]
    pub all_configs: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ottla topic delete orders
  ottla topic delete orders payments --if-exists")]
pub struct DeleteArgs {
    /// One topic or several
    #[arg(required = true, value_name = "TOPIC")]
    pub names: Vec<String>,
    /// Be content with topics that are not there
    #[arg(long)]
    pub if_exists: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ottla topic add-partitions orders -n 4        four more
  ottla topic add-partitions orders --to 12     twelve in all

Keys that hashed to one partition hash to another afterwards; records stay where they are.")]
pub struct AddPartitionsArgs {
    /// One topic or several
    #[arg(required = true, value_name = "TOPIC")]
    pub names: Vec<String>,
    #[command(flatten)]
    pub growth: Growth,
    /// Let the broker check everything and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub struct Growth {
    /// How many more
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    pub add: Option<i32>,
    /// How many in all
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    pub to: Option<i32>,
}

pub async fn run(global: &Global, command: TopicCommand, output: &mut Output) -> Result<(), CliError> {
    let mut cluster = Cluster::connect(global, TIMEOUT_DEFAULT).await?;
    match command {
        TopicCommand::Create(args) => create::run(&cluster, &args, output).await,
        TopicCommand::List(args) => list::run(&mut cluster, &args, output).await,
        TopicCommand::Describe(args) => describe::run(&mut cluster, &args, output).await,
        TopicCommand::Delete(args) => change::delete(&cluster, &args, output).await,
        TopicCommand::AddPartitions(args) => change::add_partitions(&mut cluster, &args, output).await,
    }
}

/// What came of several topics: successes go to stdout as they are, failures to stderr, the first kind of failure
/// decides the exit code.
#[derive(Default)]
pub struct Tally {
    results: Vec<serde_json::Value>,
    failures: Vec<CliError>,
    all: usize,
}

impl Tally {
    pub fn done(&mut self, output: &mut Output, text: &str, json: serde_json::Value) -> Result<(), CliError> {
        self.all += 1;
        match output.json {
            true => self.results.push(json),
            false if output.quiet => {}
            false => output.line(text)?,
        }
        Ok(())
    }

    /// What was shown as text already, for JSON.
    pub fn told(&mut self, json: serde_json::Value) {
        self.all += 1;
        self.results.push(json);
    }

    pub fn failed(&mut self, name: &str, error: CliError) {
        self.all += 1;
        self.results.push(serde_json::json!({ "name": name, "error": error.to_string() }));
        self.failures.push(error);
    }

    pub fn finish(mut self, output: &mut Output) -> Result<(), CliError> {
        if output.json {
            output.json(&serde_json::Value::Array(self.results))?;
        }
        match self.failures.len() {
            0 => Ok(()),
            1 => Err(self.failures.remove(0)),
            failed => {
                output.flush()?;
                for error in &self.failures {
                    say(format_args!("ottla: {error}"));
                }
                match self.failures.iter().all(|error| matches!(error, CliError::NotFound(_))) {
                    true => Err(CliError::NotFound(format!("{failed} of {} do not exist", self.all))),
                    false => Err(CliError::Some { failed, all: self.all }),
                }
            }
        }
    }
}
