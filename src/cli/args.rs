//! The command line: one list of commands and flags, from which parsing and help come.
use super::{
    consume::ConsumeArgs, group::GroupCommand, log_dump::LogCommand, produce::ProduceArgs, topic::TopicCommand,
    txn::TxnCommand,
};
use crate::platform::seeded;
use clap::{Args, Parser, Subcommand};
use std::{path::PathBuf, time::Duration};

#[derive(Parser, Debug)]
#[command(
    name = "ottla",
    version = seeded::VERSION,
    about = "A Kafka broker in one binary, and the tools to talk to any Kafka broker",
    after_help = "Examples:
  ottla                                 start a broker on localhost:9092, data in ./ottla-data
  echo hello | ottla produce greetings  write a record
  ottla consume greetings               read and follow

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 not healthy, 124 timed out."
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Flags that every command takes, before or after its name.
#[derive(Args, Clone, Debug)]
pub struct Global {
    /// Brokers to ask first, comma-separated [default: localhost:9092; else $KAFKA_BOOTSTRAP_SERVERS]
    #[arg(short, long, global = true, value_name = "HOST:PORT,...", env = "OTTLA_BOOTSTRAP")]
    #[arg(help_heading = "Global options")]
    pub bootstrap_server: Option<String>,
    /// How long to wait for the broker: 500ms, 30s, 2m; a bare number is seconds [default: 30s]
    #[arg(long, global = true, value_name = "TIME", value_parser = parse_duration, help_heading = "Global options")]
    pub timeout: Option<Duration>,
    /// Print JSON: one value, or one per line where there are many
    #[arg(short = 'J', long, global = true, help_heading = "Global options")]
    pub json: bool,
    /// No remarks on stderr, errors only
    #[arg(short, long, global = true, help_heading = "Global options")]
    pub quiet: bool,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Start a broker (what `ottla` alone does)
    Serve(ServeFlags),
    /// Create, list, describe, delete topics
    #[command(
        subcommand,
        visible_alias = "topics",
        after_help = "Examples:
  ottla topic create orders -p 12
  ottla topic describe orders"
    )]
    Topic(TopicCommand),
    /// Write records: lines from stdin, or generated ones
    #[command(visible_alias = "p")]
    Produce(ProduceArgs),
    /// Read records
    #[command(visible_alias = "c")]
    Consume(ConsumeArgs),
    /// Groups of consumers: who reads what, how far behind; reset, delete
    #[command(
        subcommand,
        visible_aliases = ["groups", "g"],
        after_help = "Examples:
  ottla group list
  ottla group lag billing --watch"
    )]
    Group(GroupCommand),
    /// Transactions: which there are, what they write to; ending those that hang
    #[command(
        subcommand,
        visible_aliases = ["transaction", "transactions"],
        after_help = "Examples:
  ottla txn list --state Ongoing --longer-than 1m
  ottla txn describe billing-1"
    )]
    Txn(TxnCommand),
    /// Look into log files, without a broker
    #[command(
        subcommand,
        after_help = "Examples:
  ottla log verify ottla-data
  ottla log dump ottla-data/orders-0/00000000000000000000.log"
    )]
    Log(LogCommand),
    /// Say whether the broker answers: exit code 0 when it does, 4 when not
    #[command(
        visible_alias = "healthcheck",
        after_help = "Examples:
  ottla status
  ottla status -b broker-1:9092 --timeout 1s --json
  HEALTHCHECK CMD [\"ottla\", \"status\", \"-q\"]"
    )]
    Status,
    /// Print the version
    Version,
}

#[derive(Args, Debug, Default)]
#[command(after_help = "Examples:
  ottla serve
  ottla serve server.properties --override log.retention.hours=24
  ottla serve --data /var/lib/ottla -o listeners=PLAINTEXT://0.0.0.0:9092")]
pub struct ServeFlags {
    /// Settings in Kafka's server.properties format
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// A setting that wins over file and environment; may be repeated
    #[arg(short = 'o', long = "override", value_name = "KEY=VALUE", value_parser = parse_pair)]
    pub overrides: Vec<(String, String)>,
    /// Data directory: short for --override log.dirs=DIR
    #[arg(long, value_name = "DIR")]
    pub data: Option<String>,
    /// What an unknown setting is: short for --override config.unknown=...
    #[arg(long, value_name = "error|warn", value_parser = ["error", "warn"])]
    pub config_unknown: Option<String>,
}

/// What `serve` was asked to do, for the code that starts the node.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ServeArgs {
    /// Path of a server.properties file.
    pub file: Option<PathBuf>,
    /// Settings in the order given: a later one wins.
    pub overrides: Vec<(String, String)>,
}

impl From<ServeFlags> for ServeArgs {
    fn from(flags: ServeFlags) -> ServeArgs {
        let mut overrides = Vec::new();
        overrides.extend(flags.config_unknown.map(|value| ("config.unknown".to_owned(), value)));
        overrides.extend(flags.data.map(|value| ("log.dirs".to_owned(), value)));
        overrides.extend(flags.overrides);
        ServeArgs { file: flags.file, overrides }
    }
}

/// `key=value`; the value may be empty and may contain `=`.
pub fn parse_pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.trim().to_owned())),
        _ => Err("write it as key=value".to_owned()),
    }
}

/// `500ms`, `30s`, `2m`, `1h`, `3d`; a bare number is seconds.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let wrong = || format!("`{text}` is no time; write 500ms, 30s, 2m, 1h or 3d");
    let number: u64 = text[..digits].parse().map_err(|_| wrong())?;
    let unit_ms = match &text[digits..] {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    // A century is longer than anyone waits, and keeps every sum below within range.
    let ms = number.checked_mul(unit_ms).filter(|ms| *ms <= 100 * 365 * 86_400_000).ok_or_else(wrong)?;
    Ok(Duration::from_millis(ms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn nothing_means_serve_and_flags_may_stand_anywhere() {
        assert!(Cli::try_parse_from(["ottla"]).unwrap().command.is_none());
        for line in ["ottla -b h:1 --json topic list", "ottla topic list --json -b h:1"] {
            let cli = Cli::try_parse_from(line.split(' ')).unwrap();
            assert_eq!((cli.global.bootstrap_server.as_deref(), cli.global.json), (Some("h:1"), true));
        }
    }

    #[test]
    fn serve_flags_become_overrides_and_the_explicit_ones_come_last() {
        let line = "ottla serve s.properties --data d -o a=1 --override log.dirs=e --config-unknown warn";
        let Some(Command::Serve(flags)) = Cli::try_parse_from(line.split(' ')).unwrap().command else { panic!() };
        let pair = |k: &str, v: &str| (k.to_owned(), v.to_owned());
        let overrides =
            vec![pair("config.unknown", "warn"), pair("log.dirs", "d"), pair("a", "1"), pair("log.dirs", "e")];
        assert_eq!(ServeArgs::from(flags), ServeArgs { file: Some("s.properties".into()), overrides });
    }

    #[test]
    fn durations_and_pairs() {
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("5"), Ok(Duration::from_secs(5)));
        assert_eq!(parse_duration("2m"), Ok(Duration::from_secs(120)));
        for bad in ["", "s", "5x", "-1", "99999999999999999999d", "999999999999d"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_pair("a = b=c"), Ok(("a".into(), "b=c".into())));
        assert!(parse_pair("=x").is_err() && parse_pair("x").is_err());
    }
}
