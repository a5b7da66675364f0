//! The `ottla` command: parsing, dispatch, exit codes. What a command prints goes to stdout, all else to stderr.
mod args;
mod cluster;
mod consume;
mod coordinator;
mod error;
mod group;
mod log_check;
mod log_dump;
mod output;
mod produce;
mod status;
mod timestamp;
mod topic;
mod txn;

use crate::platform::{say, seeded};
pub use args::ServeArgs;
use args::{Cli, Command, Global};
use clap::Parser;
use error::CliError;
use output::Output;
use std::{ffi::OsString, process::ExitCode};

/// Runs one command line, `args[0]` being the program's name. Starting a broker is the business of `serve`, given by
/// `main`, because the node stands above this module.
pub fn run(args: impl IntoIterator<Item = OsString>, serve: fn(ServeArgs) -> ExitCode) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors and go to stdout; a closed stdout is nobody's problem.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    match cli.command {
        None => serve(ServeArgs::default()),
        Some(Command::Serve(flags)) => serve(flags.into()),
        Some(command) => finish(client_command(&cli.global, command)),
    }
}

fn finish(result: Result<(), CliError>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if !matches!(error, CliError::OutputClosed) {
                say(format_args!("ottla: {error}"));
            }
            error.exit_code()
        }
    }
}

fn client_command(global: &Global, command: Command) -> Result<(), CliError> {
    let mut output = Output::new(global.json, global.quiet);
    // One thread: a command waits more than it works, and starts faster without a pool.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        match command {
            Command::Serve(_) => unreachable!("serve was handed over before"),
            Command::Topic(command) => topic::run(global, command, &mut output).await,
            Command::Produce(args) => produce::run(global, args, &mut output).await,
            Command::Consume(args) => consume::run(global, args, &mut output).await,
            Command::Group(command) => group::run(global, command, &mut output).await,
            Command::Txn(command) => txn::run(global, command, &mut output).await,
            Command::Log(command) => log_dump::run(command, &mut output),
            Command::Status => status::run(global, &mut output).await,
            Command::Version => version(&mut output),
        }
    });
    // A thread that still reads stdin must not hold the process back.
    runtime.shutdown_background();
    // What was found before an error is still worth showing.
    let flushed = output.flush();
    result.and(flushed)
}

fn version(output: &mut Output) -> Result<(), CliError> {
    let version = seeded::VERSION;
    match output.json {
        true => output.json(&serde_json::json!({ "name": "ottla", "version": version })),
        false => output.line(&format!("ottla {version}")),
    }
}
