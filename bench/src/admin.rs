//! Topics made, awaited, asked for their ends and deleted.
use crate::{
    fault::Fault,
    wire::{Answer, Api, Connection, Request},
};
use std::{
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

const WAIT_SECONDS: u64 = 60;
const POLL: Duration = Duration::from_millis(20);
const TOPIC_ALREADY_EXISTS: i16 = 36;
const REQUEST_WAIT_MS: i32 = 30_000;

/// The topic that a load works on, and the process to be watched meanwhile.
#[derive(Clone, Debug)]
pub struct Target {
    pub address: SocketAddr,
    pub topic: String,
    pub partitions: i32,
    /// The broker's process, where known.
    pub pid: Option<u32>,
}

impl Target {
    pub fn cpu_seconds(&self) -> f64 {
        self.pid.map_or(f64::NAN, crate::process::cpu_seconds)
    }
}

/// Creates the topic unless it exists, and waits until each partition serves.
pub fn create_topic(target: &Target) -> Result<(), Fault> {
    create_topic_with(target, &[])
}

/// The same with settings of its own.
pub fn create_topic_with(target: &Target, settings: &[(&str, &str)]) -> Result<(), Fault> {
    let request = Request::new(Api::CreateTopics).int32(1).string(&target.topic).int32(target.partitions).int16(1);
    let request = request.int32(0).int32(settings.len() as i32);
    let request = settings.iter().fold(request, |request, (name, value)| request.string(name).string(value));
    let request = request.int32(REQUEST_WAIT_MS).int8(0).finish();
    let mut connection = Connection::open(target.address)?;
    let mut answer = Answer::new(connection.call(&request)?, "CreateTopics")?;
    answer.int32()?;
    answer.count()?;
    answer.string()?;
    match answer.int16()? {
        0 | TOPIC_ALREADY_EXISTS => await_served(target),
        code => Err(Fault::Refused { what: format!("creating topic {}", target.topic), code }),
    }
}

/// Changes settings of the topic; the others stay.
pub fn alter_topic(target: &Target, settings: &[(&str, &str)]) -> Result<(), Fault> {
    const TOPIC: i8 = 2;
    const SET: i8 = 0;
    let request = Request::new(Api::IncrementalAlterConfigs).int32(1).int8(TOPIC).string(&target.topic);
    let request = settings.iter().fold(request.int32(settings.len() as i32), |request, (name, value)| {
        request.string(name).int8(SET).string(value)
    });
    let mut connection = Connection::open(target.address)?;
    let mut answer = Answer::new(connection.call(&request.int8(0).finish())?, "IncrementalAlterConfigs")?;
    answer.int32()?;
    answer.count()?;
    match answer.int16()? {
        0 => Ok(()),
        code => Err(Fault::Refused { what: format!("changing settings of topic {}", target.topic), code }),
    }
}

pub fn delete_topic(target: &Target) -> Result<(), Fault> {
    let request = Request::new(Api::DeleteTopics).int32(1).string(&target.topic).int32(REQUEST_WAIT_MS).finish();
    let mut connection = Connection::open(target.address)?;
    let mut answer = Answer::new(connection.call(&request)?, "DeleteTopics")?;
    answer.int32()?;
    answer.count()?;
    answer.string()?;
    match answer.int16()? {
        0 => Ok(()),
        code => Err(Fault::Refused { what: format!("deleting topic {}", target.topic), code }),
    }
}

/// Waits until every partition tells its end offset without an error.
pub fn await_served(target: &Target) -> Result<(), Fault> {
    let deadline = Instant::now() + Duration::from_secs(WAIT_SECONDS);
    while Instant::now() < deadline {
        if let Ok(offsets) = end_offsets(target)
            && offsets.len() == target.partitions as usize
        {
            return Ok(());
        }
        thread::sleep(POLL);
    }
    Err(Fault::TooLate { what: format!("serving {} partitions", target.partitions), seconds: WAIT_SECONDS })
}

/// The high watermark of every partition, in order of partition.
pub fn end_offsets(target: &Target) -> Result<Vec<i64>, Fault> {
    let mut request = Request::new(Api::ListOffsets).int32(-1).int32(1).string(&target.topic).int32(target.partitions);
    for partition in 0..target.partitions {
        request = request.int32(partition).int64(-1);
    }
    let mut connection = Connection::open(target.address)?;
    let mut answer = Answer::new(connection.call(&request.finish())?, "ListOffsets")?;
    let mut offsets = vec![-1; target.partitions as usize];
    for _ in 0..answer.count()? {
        answer.string()?;
        for _ in 0..answer.count()? {
            let (partition, code) = (answer.int32()?, answer.int16()?);
            answer.int64()?;
            let offset = answer.int64()?;
            if code != 0 {
                return Err(Fault::Refused { what: format!("the end of partition {partition}"), code });
            }
            if let Some(place) = usize::try_from(partition).ok().and_then(|partition| offsets.get_mut(partition)) {
                *place = offset;
            }
        }
    }
    Ok(offsets)
}

/// Whether the broker answers Metadata and names itself.
pub fn answers_metadata(address: SocketAddr) -> bool {
    let ask = || -> Result<usize, Fault> {
        let mut connection = Connection::open(address)?;
        let request = Request::new(Api::Metadata).int32(0).finish();
        Answer::new(connection.call(&request)?, "Metadata")?.count()
    };
    ask().is_ok_and(|brokers| brokers > 0)
}
