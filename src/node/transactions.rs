//! The coordinator of transactions with its settings, and what ends transactions.
use super::{
    NodeParts,
    late::{LateLimits, LateTransactions},
};
use crate::{
    config::TransactionRules,
    controller::{ControllerHandle, ProducerIdSource},
    coordinator::{
        GroupCoordinator, MarkerWriter, Parts, TransactionCoordinator, TransactionEnds, TransactionMachine,
        TransactionSweeps, Woken, txn::TransactionSettings,
    },
    metrics::Metrics,
    replica::Partitions,
    store::View,
};
use std::{sync::Arc, time::Duration};

fn transaction_settings(rules: &TransactionRules) -> TransactionSettings {
    TransactionSettings {
        timeout_ms_max: rules.timeout_ms_max,
        id_expiration_ms: rules.id_expiration_ms,
        ..TransactionSettings::default()
    }
}

pub fn transaction_coordinator(
    parts: &NodeParts,
    partitions: &Arc<Partitions>,
    view: Option<Arc<View>>,
) -> Arc<TransactionCoordinator> {
    TransactionCoordinator::new(Parts {
        machine: TransactionMachine,
        settings: transaction_settings(&parts.config.producers.transactions),
        partitions: partitions.clone(),
        clock: parts.clock.clone(),
        chance: parts.chance.clone(),
        view,
    })
}

pub fn transaction_ends(
    controller: &ControllerHandle,
    producer_ids: &Arc<ProducerIdSource>,
    transactions: &Arc<TransactionCoordinator>,
    groups: &Arc<GroupCoordinator>,
    partitions: &Arc<Partitions>,
) -> (Arc<TransactionEnds>, Woken) {
    let producer_ids = producer_ids.clone();
    let fresh_id = move || -> futures_util::future::BoxFuture<'static, _> {
        let producer_ids = producer_ids.clone();
        Box::pin(async move { producer_ids.next().await.ok() })
    };
    let image = controller.images().clone();
    let markers = MarkerWriter { groups: groups.clone(), partitions: partitions.clone(), image };
    TransactionEnds::new(transactions.clone(), markers, Box::new(fresh_id))
}

pub fn late_transactions(parts: &NodeParts, partitions: &Arc<Partitions>, metrics: &Arc<Metrics>) -> LateTransactions {
    let rules = &parts.config.producers.transactions;
    let timeout_ms_max = u64::try_from(rules.timeout_ms_max).unwrap_or(0);
    let limits = LateLimits { shown_after_ms: rules.shown_after_ms, timeout_ms_max };
    LateTransactions::new(partitions.clone(), parts.clock.clone(), metrics.clone(), limits)
}

pub fn transaction_sweeps(rules: &TransactionRules) -> TransactionSweeps {
    let every = |ms: u64| Duration::from_millis(ms.max(1));
    TransactionSweeps { abort_every: every(rules.abort_every_ms), expire_every: every(rules.expire_every_ms) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{NodeConfig, RawSettings};

    #[test]
    fn kafkas_defaults_come_through() {
        let config = NodeConfig::resolve(&RawSettings::default()).unwrap();
        let rules = &config.producers.transactions;
        assert_eq!(transaction_settings(rules), TransactionSettings::default());
        let sweeps = transaction_sweeps(rules);
        assert_eq!((sweeps.abort_every.as_secs(), sweeps.expire_every.as_secs()), (10, 3_600));
    }
}
