//! `ottla group`: which groups there are, who is in them, how far behind they are; resetting and deleting.
pub mod coordinator;
mod delete;
mod describe;
mod lag;
mod list;
mod offsets;
mod reset;

use super::{
    CliError, Output,
    args::{Global, parse_duration},
    cluster::{Cluster, TIMEOUT_DEFAULT},
    timestamp::parse_timestamp,
};
use clap::{Args, Subcommand};
use std::time::Duration;

#[derive(Subcommand, Debug)]
pub enum GroupCommand {
    /// List groups with their kind and state
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// Show state and members of groups
    Describe(DescribeArgs),
    /// Show members of groups and what is assigned to them
    Members(DescribeArgs),
    /// Show how far behind groups are, partition by partition
    Lag(LagArgs),
    /// Move a group's offsets; without --execute it only shows what would be done
    Reset(ResetArgs),
    /// Delete groups without members, with their offsets
    #[command(visible_alias = "rm")]
    Delete(DeleteArgs),
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ottla group list
  ottla group list -q | xargs ottla group lag
  ottla group list --json | jq -r '.[] | select(.state == \"Empty\") | .group'")]
pub struct ListArgs {}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ottla group describe billing
  ottla group members billing shipping --json")]
pub struct DescribeArgs {
    /// One group or several
    #[arg(required = true, value_name = "GROUP")]
    pub groups: Vec<String>,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ottla group lag billing
  ottla group lag billing --seconds           how old the first unread record is
  ottla group lag billing --watch
  ottla group lag billing --json | jq 'map(.lag) | add'")]
pub struct LagArgs {
    /// One group or several
    #[arg(required = true, value_name = "GROUP")]
    pub groups: Vec<String>,
    /// Also how old the first unread record of each partition is
    #[arg(short, long)]
    pub seconds: bool,
    /// Again every two seconds, until interrupted
    #[arg(short, long)]
    pub watch: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ottla group reset billing --topic orders --to-earliest
  ottla group reset billing --topic orders:0,3 --to-offset 42 --execute
  ottla group reset billing --all-topics --by-duration 2h --execute
  ottla group reset billing --all-topics --to-datetime 2026-11-21T10:00 --execute
  ottla group reset billing --topic orders --shift-by=-100 --execute

The group must have no members. Offsets stay within what the log holds.")]
pub struct ResetArgs {
    /// The group
    #[arg(value_name = "GROUP")]
    pub group: String,
    /// A topic, or some partitions of it; may be repeated
    #[arg(short, long = "topic", value_name = "TOPIC[:N,...]", required_unless_present = "all_topics")]
    pub topics: Vec<String>,
    /// Every topic that the group has offsets of
    #[arg(long, conflicts_with = "topics")]
    pub all_topics: bool,
    #[command(flatten)]
    pub to: ResetTo,
    /// Do it
    #[arg(long)]
    pub execute: bool,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub struct ResetTo {
    /// To the first record there is
    #[arg(long)]
    pub to_earliest: bool,
    /// Behind the last record
    #[arg(long)]
    pub to_latest: bool,
    /// To this offset
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(0..))]
    pub to_offset: Option<i64>,
    /// To the first record of this time or later
    #[arg(long, value_name = "TIME", value_parser = datetime)]
    pub to_datetime: Option<i64>,
    /// To the first record that is at most this old
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub by_duration: Option<Duration>,
    /// Forwards, or backwards when negative
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub shift_by: Option<i64>,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ottla group delete billing
  ottla group delete billing shipping --if-exists")]
pub struct DeleteArgs {
    /// One group or several
    #[arg(required = true, value_name = "GROUP")]
    pub groups: Vec<String>,
    /// Be content with groups that are not there
    #[arg(long)]
    pub if_exists: bool,
}

fn datetime(text: &str) -> Result<i64, String> {
    parse_timestamp(text).ok_or_else(|| format!("`{text}` is no time; write 2026-11-21T10:00 or 1795255200000"))
}

pub async fn run(global: &Global, command: GroupCommand, output: &mut Output) -> Result<(), CliError> {
    let mut cluster = Cluster::connect(global, TIMEOUT_DEFAULT).await?;
    match command {
        GroupCommand::List(_) => list::run(&mut cluster, output).await,
        GroupCommand::Describe(args) => describe::run(&mut cluster, &args, describe::What::All, output).await,
        GroupCommand::Members(args) => describe::run(&mut cluster, &args, describe::What::Members, output).await,
        GroupCommand::Lag(args) => lag::run(&mut cluster, &args, output).await,
        GroupCommand::Reset(args) => reset::run(&mut cluster, &args, output).await,
        GroupCommand::Delete(args) => delete::run(&mut cluster, &args, output).await,
    }
}
