//! What of an answer is compared: ids, times, places and the words of messages are not.
use crate::cases::Case;
use crate::exchange::Outcome;
use crate::world::{STRANGE_ID, World, ZERO_ID};
use protocol_tests::schema::decode::Line;
use protocol_tests::time::now_ms;
use uuid::Uuid;

/// Sixteen bytes in two spellings, with their quotation marks.
const DRAWN_IN_BASE_64: usize = 24;
const DRAWN_AS_UUID: usize = 38;
/// A day on either side of now is a time.
const TIME_MS: i64 = 24 * 3_600_000;

/// The lines of an outcome as they are compared.
pub fn lines(world: &World, case: &Case, outcome: Outcome) -> Vec<Line> {
    let lines = match outcome {
        Outcome::Answer(lines) => lines,
        Outcome::Closed => return vec![told("connection", "closed")],
        Outcome::Silent => return vec![told("answer", "none")],
        Outcome::Malformed(why) => return vec![told("answer", &format!("malformed: {why}"))],
    };
    let lines = match case.only_ours {
        Some(list) => only_ours(world, list, lines),
        None => lines,
    };
    ordered(lines.into_iter().map(|line| Line { value: masked(world, case, &line), path: line.path }).collect())
}

/// The elements of every list in the order of their text: Apache Kafka answers in that of its hash tables.
fn ordered(lines: Vec<Line>) -> Vec<Line> {
    let mut sorted = Vec::with_capacity(lines.len());
    let mut rest = lines.into_iter().peekable();
    while let Some(line) = rest.next() {
        let Some((head, _)) = line.path.split_once(['[', '.']) else {
            sorted.push(line);
            continue;
        };
        let (list, inside) = (format!("{head}["), format!("{head}."));
        let mut group = vec![line.clone()];
        while let Some(next) = rest.next_if(|next| next.path.starts_with(&list) || next.path.starts_with(&inside)) {
            group.push(next);
        }
        if !line.path.starts_with(&list) {
            sorted.extend(within(&inside, group));
            continue;
        }
        let mut elements: Vec<Vec<Line>> = Vec::new();
        while let Some(first) = group.first() {
            let (prefix, _) = first.path.split_once(']').expect("the end of an index");
            let prefix = format!("{prefix}]");
            let (element, others) = group.into_iter().partition(|line| line.path.starts_with(&prefix));
            elements.push(within(&prefix, element));
            group = others;
        }
        // By what stands under `prefix` alone: the index is what is to be found.
        elements.sort_by_key(|element| {
            let tails =
                element.iter().map(|line| (line.path.split_once(']').map(|path| path.1.to_string()), &line.value));
            tails.map(|(tail, value)| format!("{tail:?} {value}")).collect::<Vec<String>>()
        });
        for (index, element) in elements.into_iter().enumerate() {
            sorted.extend(element.into_iter().map(|line| {
                let (_, tail) = line.path.split_once(']').expect("the end of an index");
                Line { path: format!("{list}{index}]{tail}"), value: line.value }
            }));
        }
    }
    sorted
}

/// `ordered` below a prefix that all of them have.
fn within(prefix: &str, lines: Vec<Line>) -> Vec<Line> {
    let tails = lines.into_iter().map(|line| Line { path: line.path[prefix.len()..].to_string(), value: line.value });
    // A tail that begins with a dot names a field of the element.
    let (fields, plain): (Vec<Line>, Vec<Line>) = tails.partition(|line| line.path.starts_with('.'));
    let fields = ordered(fields.into_iter().map(|line| Line { path: line.path[1..].to_string(), ..line }).collect());
    let fields = fields.into_iter().map(|line| Line { path: format!("{prefix}.{}", line.path), ..line });
    let plain = if prefix.ends_with('.') { ordered(plain) } else { plain };
    plain.into_iter().map(|line| Line { path: format!("{prefix}{}", line.path), ..line }).chain(fields).collect()
}

#[test]
fn lists_are_ordered_by_their_text_and_numbered_anew() {
    let lines = |text: &str| -> Vec<Line> {
        let pairs = text.split(' ').map(|pair| pair.split_once('=').expect("a pair"));
        pairs.map(|(path, value)| Line { path: path.to_string(), value: value.to_string() }).collect()
    };
    let before = lines("a=1 t[0].n=y t[0].p[0].i=7 t[0].p[1].i=3 t[1].n=x t[1].p=[] s.q[0]=9 s.q[1]=8 z=0");
    let after = lines("a=1 t[0].n=x t[0].p=[] t[1].n=y t[1].p[0].i=3 t[1].p[1].i=7 s.q[0]=8 s.q[1]=9 z=0");
    assert_eq!(ordered(before), after);
}

fn told(path: &str, value: &str) -> Line {
    Line { path: path.to_string(), value: value.to_string() }
}

/// Of a list that tells of all the broker has, what was made for the request; numbered anew.
fn only_ours(world: &World, list: &str, lines: Vec<Line>) -> Vec<Line> {
    let prefix = format!("{list}[");
    let index = |line: &Line| line.path.strip_prefix(&prefix)?.split(']').next()?.parse::<usize>().ok();
    let count = lines.iter().filter_map(index).max().map_or(0, |last| last + 1);
    let ours: Vec<usize> = (0..count)
        .filter(|number| lines.iter().any(|line| index(line) == Some(*number) && world.is_of_this_request(&line.value)))
        .collect();
    let kept = lines.into_iter().filter_map(|line| {
        let Some(number) = index(&line) else { return (line.path != list).then_some(line) };
        let place = ours.iter().position(|kept| *kept == number)?;
        let path = line.path.replacen(&format!("{prefix}{number}]"), &format!("{prefix}{place}]"), 1);
        Some(Line { path, value: line.value })
    });
    kept.collect()
}

fn masked(world: &World, case: &Case, line: &Line) -> String {
    let value = world.without_marks(&line.value);
    let name = line.name();
    let number = value.parse::<i64>().ok();
    let masked = match name {
        _ if value == "null" || value == "\"\"" => return value,
        _ if name.ends_with("rrorMessage") => "text",
        "clusterId" | "port" | "logDir" | "totalBytes" | "usableBytes" | "partitionSize" | "finalizedFeaturesEpoch" => {
            name
        }
        "producerId" | "ongoingTxnProducerId" if number >= Some(0) => name,
        "sessionId" if number != Some(0) => name,
        // Drawn by the coordinator.
        "memberId" if value.len() == DRAWN_IN_BASE_64 || value.len() == DRAWN_AS_UUID => "drawn",
        // How much was decided before differs with the run.
        "leaderEpoch" | "highWatermark" | "logEndOffset" if case.api == "DescribeQuorum" => name,
        _ if number.is_some_and(|number| (number - now_ms()).abs() < TIME_MS) => "time",
        _ => return without_ids(world, &value),
    };
    format!("<{masked}>")
}

/// Ids that were drawn are `<id>`; those of the cases have names.
fn without_ids(world: &World, value: &str) -> String {
    let known = [
        (world.alpha.id.to_string(), "<alpha>"),
        (world.beta.id.to_string(), "<beta>"),
        (ZERO_ID.to_string(), "<zero>"),
        (STRANGE_ID.to_string(), "<strange>"),
    ];
    let mut text = value.to_string();
    for (id, name) in known {
        text = text.replace(&id, name);
    }
    let mut at = 0;
    while let Some(part) = text.get(at..at + 36) {
        if part.as_bytes()[8] == b'-' && Uuid::parse_str(part).is_ok() {
            text.replace_range(at..at + 36, "<id>");
        }
        at += text[at..].chars().next().map_or(1, char::len_utf8);
    }
    text
}
