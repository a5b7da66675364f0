//! The harness: rounds in turned order, each broker alone on the machine.
use crate::{
    broker::Kind,
    fault::{During, Fault},
    memory,
    options::Options,
    report::Figures,
    rows::{ROWS, Row},
    sweep,
    turn::Turn,
};
use std::fs;

pub fn run(options: &Options) -> Result<(), Fault> {
    let scale = options.effective();
    let wanted: Vec<&Row> = ROWS.iter().filter(|row| options.wants(row.id) && options.draws(row)).collect();
    if wanted.is_empty() {
        return Err(Fault::Usage("no row begins like that; `bench --list` names them (`plot-` needs --plots)".into()));
    }
    fs::create_dir_all(&options.directory).during("making the data directory")?;
    allow_connections()?;
    let held = options.hold_all_but.map(|gib| memory::hold_all_but(gib, &options.directory)).transpose()?;
    if let Some(held) = &held {
        eprintln!("holding {} MB of memory", held.bytes() / 1_000_000);
    }
    let mut figures = Figures::new();
    for round in 0..scale.rounds {
        let mut kinds = vec![Kind::Kafka, Kind::Ottla];
        kinds.retain(|kind| !(options.no_kafka && *kind == Kind::Kafka || options.no_ottla && *kind == Kind::Ottla));
        if round % 2 == 1 {
            kinds.reverse();
        }
        for kind in kinds {
            eprintln!("round {} of {}: {}", round + 1, scale.rounds, kind.name());
            let mut turn = Turn { kind, scale: &scale, held: held.as_ref(), figures: &mut figures };
            let loaded = turn.loads(options, &wanted);
            turn.note("under load", loaded);
            let alike = turn.alike(options, &wanted);
            turn.note("processors alike", alike);
            let java = turn.java(options, &wanted);
            turn.note("Java clients", java);
            let lived = turn.life(options, &wanted);
            turn.note("start, rest and kill", lived);
            let grouped = turn.groups(options, &wanted);
            turn.note("many members", grouped);
            let restarted = turn.offsets(options, &wanted);
            turn.note("many offsets", restarted);
            let scaled = turn.scale(options, &wanted);
            turn.note("many partitions", scaled);
            let grown = turn.growth(options, &wanted);
            turn.note("growth", grown);
            let swept = turn.sweeps(options, &wanted);
            turn.note("plots", swept);
            let kept = turn.upkeep(options, &wanted);
            turn.note("work in the background", kept);
        }
    }
    print!("{}", figures.table(&wanted));
    let json = serde_json::to_vec_pretty(&figures.json(&wanted)).expect("plain figures");
    fs::write(&options.json, json).during(format!("writing {}", options.json.display()))?;
    eprintln!("figures of every round: {}", options.json.display());
    options.plots.as_ref().map_or(Ok(()), |folder| sweep::draw(&figures, folder))?;
    match figures.faults() {
        [] => Ok(()),
        faults => Err(Fault::Usage(format!("some figures are missing:\n  {}", faults.join("\n  ")))),
    }
}

/// Thousands of clients need as many open files, here and in the brokers, which inherit the limit.
fn allow_connections() -> Result<(), Fault> {
    let mut limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.current = limit.maximum;
    let raised = rustix::process::setrlimit(rustix::process::Resource::Nofile, limit);
    raised.map_err(std::io::Error::from).during("raising the limit of open files")
}
