//! The thread that publishes metadata as it is committed, in the order of offsets.
use super::{Shared, block_on::block_on};
use crate::{
    image::{Delta, Image},
    log::Closed,
    machine::NotWritten,
    types::Offset,
};
use std::sync::Arc;

/// Runs until the log is closed; then nobody is answered any more.
pub(super) fn publish_until_closed(shared: &Shared) {
    let why = loop {
        let next = shared.published.get().next();
        match block_on(shared.log.committed().reached(next)) {
            Ok(committed) => publish_committed(shared, committed),
            Err(closed) => break closed,
        }
    };
    stop(shared, why);
}

fn stop(shared: &Shared, why: Closed) {
    shared.runtime.lock().give_up(NotWritten::from(why));
    shared.published.close(why);
}

/// Everything below `committed` that was not published yet, as one step.
fn publish_committed(shared: &Shared, committed: Offset) {
    let change = shared.runtime.lock().hard_mut().take_committed(committed);
    if let Some(change) = change {
        publish(shared, &change.delta, &change.image);
    }
    // After the publishers: whoever is answered now finds what it asked for everywhere.
    shared.published.raise(committed);
}

pub(super) fn publish(shared: &Shared, delta: &Delta, image: &Arc<Image>) {
    shared.images.store(image.clone());
    for publisher in &shared.publishers {
        tracing::trace!(publisher = publisher.name(), offset = ?image.at(), "publish metadata");
        publisher.publish(delta, image);
    }
}
