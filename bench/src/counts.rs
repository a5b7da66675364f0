//! Instructions of hot paths, counted by valgrind and held against those that are committed.
use crate::fault::{During, Fault};
use std::{fmt::Write, fs, path::Path, process::Command};

/// Turns that are counted of one thread, every one of which is like the others.
const TURNS: u64 = 200;
/// Of several threads, whose meetings are up to chance; twice as many, too, and the difference counts.
const THREADED_TURNS: u64 = 2000;
/// How much more is a fault, where the file names nothing else.
const TOLERANCE_PERCENT: f64 = 2.0;
/// The function of the counted program in which everything happens that is counted of one thread.
const COUNTED: &str = "--toggle-collect=*counted_turns*";
const HEAD: &str = "\
# Instructions of one turn of each hot path (benches/instructions.rs says what a turn is), as `make instructions` counts them.
# More than the tolerance above these is a fault. OTTLA_WRITE_COUNTS=1 writes them anew; tolerances stay.
# Another compiler or C library counts otherwise: these were counted with
";

/// A line of the file.
#[derive(Clone, PartialEq, Debug)]
struct Count {
    path: String,
    instructions: f64,
    tolerance_percent: f64,
}

impl Count {
    /// How much more (or, below 0, less) this is than what was counted before.
    fn more_percent(&self, before: &Count) -> f64 {
        (self.instructions / before.instructions - 1.0) * 100.0
    }
}

/// Counts every path of `program` and compares; with `write`, writes the file anew instead.
pub fn run(program: &Path, file: &Path, write: bool) -> Result<(), Fault> {
    let before = if file.exists() { fs::read_to_string(file).during("reading the counts")? } else { String::new() };
    let before = read(&before)?;
    let paths = said(Command::new(program), "the program's paths")?;
    let mut counts = Vec::new();
    for line in paths.lines() {
        let (path, threads) = line.split_once(' ').ok_or_else(|| Fault::Usage(format!("'{line}' is no path")))?;
        let instructions = match threads {
            "own" => counted(program, path, TURNS, &[COUNTED])? / TURNS as f64,
            _ => {
                let once = counted(program, path, THREADED_TURNS, &[])?;
                (counted(program, path, 2 * THREADED_TURNS, &[])? - once) / THREADED_TURNS as f64
            }
        };
        let known = before.iter().find(|count| count.path == path);
        let tolerance_percent = known.map_or(TOLERANCE_PERCENT, |count| count.tolerance_percent);
        counts.push(Count { path: path.into(), instructions, tolerance_percent });
        eprintln!("{path}: {instructions:.0}");
    }
    let tools = tools()?;
    if write {
        return fs::write(file, text(&counts, &tools)).during(format!("writing {}", file.display()));
    }
    let (table, over) = compare(&before, &counts);
    print!("{table}");
    match over {
        0 => Ok(()),
        _ => Err(Fault::Usage(format!(
            "{over} paths take more than they may, counted with {tools}; if that is meant, OTTLA_WRITE_COUNTS=1 takes the counts over"
        ))),
    }
}

/// Instructions of all that was asked for.
fn counted(program: &Path, path: &str, turns: u64, options: &[&str]) -> Result<f64, Fault> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).args(options);
    command.arg(program).args([path, &turns.to_string()]);
    let text = said(command, path)?;
    collected(&text).ok_or_else(|| Fault::Usage(format!("valgrind did not say what it counted: {text}")))
}

/// What a command says on both of its ways, if it ends well.
fn said(mut command: Command, what: &str) -> Result<String, Fault> {
    let output = command.output().during(format!("{what}: running {:?}", command.get_program()))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + String::from_utf8_lossy(&output.stderr).as_ref();
    if output.status.success() { Ok(text) } else { Err(Fault::Usage(format!("{what}: {} {text}", output.status))) }
}

/// Of `==PID== Collected : 12345`.
fn collected(text: &str) -> Option<f64> {
    text.lines().rev().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok())
}

fn tools() -> Result<String, Fault> {
    let version = |name: &str| {
        let mut command = Command::new(name);
        command.arg("--version");
        said(command, name)
    };
    let (rustc, valgrind) = (version("rustc")?, version("valgrind")?);
    Ok(format!("{}, {}", rustc.trim(), valgrind.trim()))
}

fn read(text: &str) -> Result<Vec<Count>, Fault> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    let counts = lines.map(|line| {
        let fault = || Fault::Usage(format!("'{line}' is no path with a count and a tolerance"));
        let mut words = line.split_whitespace();
        let path = words.next().ok_or_else(fault)?.to_string();
        let mut number = || words.next().and_then(|word| word.parse::<f64>().ok()).ok_or_else(fault);
        Ok(Count { path, instructions: number()?, tolerance_percent: number()? })
    });
    counts.collect()
}

fn text(counts: &[Count], tools: &str) -> String {
    let mut text = format!("{HEAD}# {tools}.\n#\n# path            instructions  tolerance %\n");
    for Count { path, instructions, tolerance_percent } in counts {
        let _ = writeln!(text, "{path:<18}{instructions:>12.0}  {tolerance_percent:>11}");
    }
    text
}

/// A table of all, and how many are over their tolerance or known to one side only.
fn compare(before: &[Count], now: &[Count]) -> (String, usize) {
    let mut table = String::from("| path | instructions | before | more | |\n|---|---|---|---|---|\n");
    let mut over = 0;
    for count in now {
        let Count { path, instructions, .. } = count;
        let Some(known) = before.iter().find(|known| known.path == *path) else {
            over += 1;
            let _ = writeln!(table, "| {path} | {instructions:.0} | | | NOT in the file |");
            continue;
        };
        let more = count.more_percent(known);
        let verdict = match known.tolerance_percent {
            most if more > most => "TOO MANY",
            most if more < -most => "fewer: take them over",
            _ => "",
        };
        over += usize::from(more > known.tolerance_percent);
        let _ =
            writeln!(table, "| {path} | {instructions:.0} | {:.0} | {more:+.1} % | {verdict} |", known.instructions);
    }
    for gone in before.iter().filter(|known| !now.iter().any(|count| count.path == known.path)) {
        over += 1;
        let _ = writeln!(table, "| {} | | {:.0} | | GONE |", gone.path, gone.instructions);
    }
    (table, over)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str, instructions: f64, tolerance_percent: f64) -> Count {
        Count { path: path.into(), instructions, tolerance_percent }
    }

    #[test]
    fn counts_come_back_from_their_file() {
        let counts = [of("decode-produce", 4321.0, 2.0), of("group-commit", 60_000.0, 7.5)];
        assert_eq!(read(&text(&counts, "rustc 1, valgrind 3")).unwrap(), counts);
        assert!(read("append many 2\n").is_err());
        assert!(read("append 1000\n").is_err());
    }

    #[test]
    fn what_valgrind_collected_is_found() {
        let text = "==7== Events    : Ir\n==7== Collected : 14085000\n==7== \n==7== I   refs:      14,085,000\n";
        assert_eq!(collected(text), Some(14_085_000.0));
        assert_eq!(collected("==7== Command: x\n"), None);
    }

    #[test]
    fn more_than_the_tolerance_new_and_gone_are_faults_and_fewer_is_told() {
        let before = [of("a", 1000.0, 2.0), of("b", 1000.0, 2.0), of("c", 1000.0, 5.0), of("d", 1000.0, 2.0)];
        let now = [of("a", 1019.0, 2.0), of("b", 1021.0, 2.0), of("c", 900.0, 5.0), of("e", 1.0, 2.0)];
        let (table, over) = compare(&before, &now);
        assert_eq!(over, 3, "{table}");
        for line in [
            "| a | 1019 | 1000 | +1.9 % |  |",
            "+2.1 % | TOO MANY |",
            "-10.0 % | fewer",
            "| e | 1 | | | NOT",
            "| d | | 1000 | | GONE",
        ] {
            assert!(table.contains(line), "{line}: {table}");
        }
        assert_eq!(compare(&before, &before).1, 0);
    }
}
