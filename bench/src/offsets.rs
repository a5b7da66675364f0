//! Many committed offsets: written, and asked for until every group tells its own.
use crate::{
    admin::Target,
    commits,
    coordinator::{self, Kind, is_passing},
    fault::Fault,
    pipeline::{self, Terms},
    wire::{Answer, Api, Connection, Request},
};
use std::{
    cell::Cell,
    thread,
    time::{Duration, Instant},
};

const IN_FLIGHT: usize = 5;
const SERVED_MAX: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(2);
const PASSES_MAX: usize = 10;
const PASS_PAUSE: Duration = Duration::from_millis(500);

/// Each group commits an offset of every partition of the topic so often, its own number.
pub fn fill(target: &Target, groups: usize, times: usize) -> Result<(), Fault> {
    coordinator::await_found(target.address, Kind::Group, &commits::group(0))?;
    let frames: Vec<_> = (0..groups)
        .map(|index| commits::request(&commits::group(index), &target.topic, 0..target.partitions, index as i64))
        .collect();
    (0..times).try_for_each(|_| fill_once(target, &frames))
}

/// Some coordinators may not be ready yet: then all of it once more, which changes nothing for the others.
fn fill_once(target: &Target, frames: &[Vec<u8>]) -> Result<(), Fault> {
    let groups = frames.len();
    for _ in 0..PASSES_MAX {
        let sent = Cell::new(0);
        let over = || sent.replace(sent.get() + 1) >= groups;
        let code = commits::error_code;
        let terms = Terms { in_flight: IN_FLIGHT, answered: true, over: &over, taken: &|| {}, code };
        if pipeline::drive(&mut Connection::open(target.address)?, frames, &terms)?.errors == 0 {
            return Ok(());
        }
        thread::sleep(PASS_PAUSE);
    }
    Err(Fault::Usage(format!("not all of {groups} groups could commit")))
}

/// Waits until each group tells what it committed in one of its partitions.
pub fn await_served(target: &Target, groups: usize) -> Result<(), Fault> {
    let asked = Instant::now();
    let mut connection = Connection::open(target.address)?;
    for index in 0..groups {
        let partition = index as i32 % target.partitions;
        let request = Request::new(Api::OffsetFetch).string(&commits::group(index)).int32(1).string(&target.topic);
        let request = request.int32(1).int32(partition).finish();
        loop {
            match told(connection.call(&request)?)? {
                (0, offset) if offset == index as i64 => break,
                (0, offset) => {
                    return Err(Fault::Usage(format!("group {index} tells {offset}: what it committed is lost")));
                }
                (code, _) if is_passing(code) && asked.elapsed() < SERVED_MAX => thread::sleep(POLL),
                (code, _) => return Err(Fault::Refused { what: "OffsetFetch".into(), code }),
            }
        }
    }
    Ok(())
}

/// The error code of the answer and the offset of its one partition.
fn told(frame: &[u8]) -> Result<(i16, i64), Fault> {
    let mut answer = Answer::new(frame, "OffsetFetch")?;
    answer.int32()?;
    let mut offset = -1;
    for _ in 0..answer.count()? {
        answer.string()?;
        for _ in 0..answer.count()? {
            answer.int32()?;
            offset = answer.int64()?;
            answer.int32()?;
            answer.string()?;
            answer.int16()?;
        }
    }
    Ok((answer.int16()?, offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offset_and_the_code_of_the_whole_answer_are_read() {
        let mut frame = vec![0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, b't', 0, 0, 0, 1, 0, 0, 0, 3];
        frame.extend(42i64.to_be_bytes());
        frame.extend([0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0, 14]);
        assert_eq!(told(&frame).unwrap(), (14, 42));
        frame.pop();
        assert!(told(&frame).is_err());
    }
}
