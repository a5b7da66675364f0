//! From a metadata log to a controller at work with this node registered.
use super::{
    ControllerHandle, Shared,
    block_on::block_on,
    journal::LogJournal,
    publish::{publish, publish_until_closed},
};
use crate::{
    controller::core::{
        Admission, Admitted, BrokerRegistration, ControllerRegistration, Hard, Metadata, Operation, Refused, Reply,
        Rules,
    },
    image::{Delta, Publisher, ReplayError},
    log::{Closed, Watermark},
    machine::{NotWritten, Runtime},
    platform::Chance,
    quorum::{MetadataLog, MetadataReadError},
    types::{NodeId, Offset},
};
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use std::{sync::Arc, thread::JoinHandle};

/// What a controller starts with. This node leads `log`.
pub struct Start {
    pub log: Arc<dyn MetadataLog>,
    pub rules: Rules,
    /// Features that an empty log begins with beside `metadata.version`, and their levels.
    pub levels: Vec<(String, i16)>,
    pub controller: ControllerRegistration,
    pub broker: BrokerRegistration,
    /// The last stop was not in order (or it is not known): see [`Admission::new_terms`].
    pub new_terms: bool,
    pub chance: Arc<dyn Chance>,
    /// Told of every change, in this order; first of everything there is.
    pub publishers: Vec<Box<dyn Publisher>>,
}

/// Why the controller does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Read(#[from] MetadataReadError),
    #[error("the metadata log does not add up at offset {offset}: {why}")]
    Replay { offset: Offset, why: ReplayError },
    #[error("a leader of the metadata log left a transaction open; this version of Ottla cannot go on from there")]
    OpenTransaction,
    #[error("the metadata log cannot be written: {0}")]
    NotWritten(#[from] NotWritten),
    #[error("this node cannot join the cluster: {0}")]
    Refused(#[from] Refused),
    #[error("no thread for the controller: {0}")]
    Thread(std::io::Error),
}

/// A controller at work. Dropping it stops it.
pub struct Controller {
    shared: Arc<Shared>,
    handle: ControllerHandle,
    publisher: Option<JoinHandle<()>>,
}

impl Controller {
    /// Replays the log, writes the first records of an empty one, registers this node and lets it in, waits for the
    /// commit of all that and publishes it. Blocks; not for a thread of an async runtime.
    pub fn start(start: Start) -> Result<Controller, StartError> {
        let (id, chance) = (start.broker.id, start.chance.clone());
        let (shared, broker_epoch) = join(start)?;
        let end = shared.log.end();
        block_on(shared.log.committed().reached(end)).map_err(NotWritten::from)?;
        let image = {
            let mut runtime = shared.runtime.lock();
            let hard = runtime.hard_mut();
            hard.changes.clear();
            Arc::new(hard.image.clone())
        };
        publish(&shared, &Delta::everything(&image), &image);
        shared.published.raise(end);
        let thread = {
            let shared = shared.clone();
            std::thread::Builder::new().name("metadata".into()).spawn(move || publish_until_closed(&shared))
        };
        let publisher = Some(thread.map_err(StartError::Thread)?);
        let handle = ControllerHandle::new(shared.clone(), id, broker_epoch, chance);
        Ok(Controller { shared, handle, publisher })
    }

    pub fn handle(&self) -> &ControllerHandle {
        &self.handle
    }

    /// Answers nobody any more. Idempotent.
    pub fn stop(&mut self) {
        self.shared.log.close(Closed::Stopping);
        if let Some(publisher) = self.publisher.take()
            && publisher.join().is_err()
        {
            tracing::error!("the metadata thread panicked");
        }
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Replay, bootstrap, registration: all appended, not yet committed. The broker's epoch.
fn join(start: Start) -> Result<(Arc<Shared>, i64), StartError> {
    let hard = replay(&*start.log)?;
    let is_empty = hard.image.at().is_none();
    let published = Watermark::new(Offset::ZERO);
    let journal = LogJournal { log: start.log.clone(), published: published.clone() };
    let machine = Metadata { rules: start.rules };
    let shared = Arc::new(Shared {
        log: start.log,
        images: Arc::new(ArcSwap::from_pointee(hard.image.clone())),
        runtime: Mutex::new(Runtime::new(machine, hard, journal)),
        published,
        publishers: start.publishers,
    });
    if is_empty {
        done(now(&shared, Operation::Bootstrap { levels: start.levels })?)?;
    }
    done(now(&shared, Operation::RegisterController(start.controller))?)?;
    let id = start.broker.id;
    let epoch = match now(&shared, Operation::RegisterBroker(start.broker))? {
        Reply::Registered(epoch) => epoch?,
        other => unreachable!("a registration is answered with an epoch, not {other:?}"),
    };
    admit(&shared, id, epoch, start.new_terms)?;
    Ok((shared, epoch))
}

fn admit(shared: &Shared, id: NodeId, epoch: i64, new_terms: bool) -> Result<(), StartError> {
    let mut from = None;
    loop {
        match now(shared, Operation::AdmitBroker(Admission { id, epoch, new_terms, from }))? {
            Reply::Admitted(Ok(Admitted::Whole)) => return Ok(()),
            Reply::Admitted(Ok(Admitted::UpTo(topic, partition))) => from = Some((topic, partition)),
            Reply::Admitted(Err(refused)) => return Err(refused.into()),
            other => unreachable!("an admission is answered as such, not {other:?}"),
        }
    }
}

/// An operation of our own, whose answer is told to nobody: it need not wait for the commit.
fn now(shared: &Shared, operation: Operation) -> Result<Reply, NotWritten> {
    shared.run(operation).before_commit().expect("the controller answers at once")
}

fn done(reply: Reply) -> Result<(), StartError> {
    match reply {
        Reply::Done(result) => Ok(result?),
        other => unreachable!("answered with {other:?}"),
    }
}

fn replay(log: &dyn MetadataLog) -> Result<Hard, StartError> {
    let mut hard = Hard::default();
    let mut next = Offset::ZERO;
    loop {
        let groups = log.read(next)?;
        if groups.is_empty() {
            break;
        }
        for group in groups {
            assert!(group.end > next, "reading the metadata log goes on");
            next = group.end;
            hard.epoch = group.epoch;
            let replayed = hard.replay(group.base, group.records);
            replayed.map_err(|why| StartError::Replay { offset: group.base, why })?;
            // Nobody is told of single steps of the past.
            hard.changes.clear();
        }
    }
    if hard.transaction_is_open() {
        return Err(StartError::OpenTransaction);
    }
    hard.epoch = log.epoch();
    Ok(hard)
}
