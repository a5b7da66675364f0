//! `ottla txn`: which transactional ids there are, where their transactions stand, and an end to those that hang.
mod abort;
mod describe;
mod hanging;
mod list;

use super::{
    CliError, Output,
    args::{Global, parse_duration},
    cluster::{Cluster, TIMEOUT_DEFAULT},
};
use clap::{Args, Subcommand};
use std::time::Duration;

#[derive(Subcommand, Debug)]
pub enum TxnCommand {
    /// List transactional ids with the state of their transactions
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// Show producer, state, age and partitions of transactional ids
    Describe(DescribeArgs),
    /// Abort transactions that no coordinator will end: they hold back every read_committed consumer
    AbortHanging(AbortArgs),
}

/// As brokers name them.
const STATES: [&str; 8] = [
    "Empty",
    "Ongoing",
    "PrepareCommit",
    "PrepareAbort",
    "CompleteCommit",
    "CompleteAbort",
    "PrepareEpochFence",
    "Dead",
];

/// Of a transaction that is not over.
const OPEN_STATES: [&str; 3] = ["Ongoing", "PrepareCommit", "PrepareAbort"];

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ottla txn list
  ottla txn list --state Ongoing --longer-than 1m
  ottla txn list --state Ongoing -q | xargs ottla txn describe
  ottla txn list --json | jq -r '.[] | select(.state == \"Ongoing\") | .transactional_id'")]
pub struct ListArgs {
    /// Only those in this state; may be repeated
    #[arg(long = "state", value_name = "STATE", value_parser = STATES, ignore_case = true)]
    pub states: Vec<String>,
    /// Only that of this producer; may be repeated
    #[arg(long = "producer-id", value_name = "N", value_parser = clap::value_parser!(i64).range(0..))]
    pub producer_ids: Vec<i64>,
    /// Only transactions that have been open for longer; with --state, only those in that state that began before
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub longer_than: Option<Duration>,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ottla txn describe payments-1
  ottla txn describe payments-1 payments-2 --json | jq '.[].partitions'")]
pub struct DescribeArgs {
    /// One transactional id or several
    #[arg(required = true, value_name = "ID")]
    pub ids: Vec<String>,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ottla txn abort-hanging --topic orders --dry-run
  ottla txn abort-hanging --topic orders --partition 3
  ottla txn abort-hanging --transactional-id payments-1 --older-than 1h

A transaction hangs when it is open in a partition and the coordinator of its transactional id does not count that
partition among those it will still end. What its coordinator knows of ends by itself, at the latest with its timeout.")]
pub struct AbortArgs {
    #[command(flatten)]
    pub of: Of,
    /// Of this partition alone
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..))]
    #[arg(requires = "topic", conflicts_with = "transactional_id")]
    pub partition: Option<i32>,
    /// Only where nothing was written for so long: more than the longest timeout that brokers allow
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "15m")]
    pub older_than: Duration,
    /// Show what hangs and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub struct Of {
    /// In this topic
    #[arg(short, long, value_name = "TOPIC")]
    pub topic: Option<String>,
    /// Of this transactional id, in any topic
    #[arg(long, value_name = "ID")]
    pub transactional_id: Option<String>,
}

pub async fn run(global: &Global, command: TxnCommand, output: &mut Output) -> Result<(), CliError> {
    let mut cluster = Cluster::connect(global, TIMEOUT_DEFAULT).await?;
    match command {
        TxnCommand::List(args) => list::run(&mut cluster, &args, output).await,
        TxnCommand::Describe(args) => describe::run(&mut cluster, &args, output).await,
        TxnCommand::AbortHanging(args) => abort::run(&mut cluster, &args, output).await,
    }
}
