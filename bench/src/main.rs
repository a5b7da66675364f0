//! Side-by-side measurements of Ottla and Apache Kafka, and the raw load generator behind them.
#![expect(clippy::disallowed_methods, reason = "a measuring client lives in real time and on the real disk")]
mod admin;
mod after;
mod alike;
mod batch;
mod beside;
mod broker;
mod commits;
mod coordinator;
mod counts;
mod crowd;
mod e2e;
mod exactly_once;
mod fault;
mod fetch;
mod growth;
mod histogram;
mod java;
mod keyed;
mod life;
mod long_poll;
mod members;
mod memory;
mod offsets;
mod options;
mod paced;
mod pipeline;
mod plot;
mod process;
mod produce;
mod producer;
mod report;
mod retention;
mod rounds;
mod rows;
mod scale;
mod segments;
mod steady;
mod sweep;
mod transactions;
mod turn;
mod upkeep;
mod views;
mod wire;

use clap::Parser;
use options::{Load, Options, Task};
use std::process::ExitCode;

fn main() -> ExitCode {
    let options = Options::parse();
    let done = match &options.task {
        Some(Task::Load(load)) => run_load(load),
        Some(Task::Count(count)) => counts::run(&count.program, &count.file, count.write),
        None if options.list => {
            rows::ROWS.iter().for_each(|row| println!("{:<18} {}", row.id, row.title));
            Ok(())
        }
        None => rounds::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("bench: {fault}");
            ExitCode::FAILURE
        }
    }
}

/// One load by hand against any broker.
fn run_load(load: &Load) -> Result<(), fault::Fault> {
    let target = load.target();
    admin::create_topic(&target)?;
    match load.kind {
        options::LoadKind::Produce => println!("{}", produce::run(&target, &load.produce())?),
        options::LoadKind::Fetch => {
            produce::run(&target, &load.produce())?;
            println!("{}", fetch::run(&target, &load.fetch())?);
        }
        options::LoadKind::E2e => println!("{}", e2e::run(&target, &load.e2e())?),
        options::LoadKind::Commits => println!("{}", commits::run(&target, &load.commits())?),
        options::LoadKind::Transactions => println!("{}", transactions::run(&target, &load.transactions())?),
        options::LoadKind::ExactlyOnce => println!("{}", exactly_once::run(&target, load.time())?),
        options::LoadKind::Offsets => offsets::fill(&target, load.many, 1)?,
        options::LoadKind::LongPoll => println!("{}", long_poll::run(&target, &load.long_poll())?),
    }
    Ok(())
}
