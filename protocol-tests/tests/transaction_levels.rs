//! What clients of `transaction.version` 2 are told where the cluster's is lower. A test program of its own: all producers of
//! the broker share the level.
use kafka_protocol::messages::add_partitions_to_txn_request::{AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction};
use kafka_protocol::messages::update_features_request::FeatureUpdateKey;
use kafka_protocol::messages::{AddPartitionsToTxnRequest, ApiVersionsRequest, UpdateFeaturesRequest};
use protocol_tests::{
    Code, Connection, Topic, assert_error, assert_ok, new_topic, text,
    time::eventually,
    transactional::{Identity, Protocol},
    transactions::{Producer, find},
};

const NAME: &str = "transaction.version";
const SAFE_DOWNGRADE: i8 = 2;

/// Raised again at the end, also of a test that fails: others use the broker after it.
struct Lowered;

impl Lowered {
    fn to(level: i16) -> Lowered {
        set(level, SAFE_DOWNGRADE);
        Lowered
    }
}

impl Drop for Lowered {
    fn drop(&mut self) {
        set(2, 1);
    }
}

fn set(level: i16, kind: i8) {
    let update =
        FeatureUpdateKey::default().with_feature(text(NAME)).with_max_version_level(level).with_upgrade_type(kind);
    let request = UpdateFeaturesRequest::default().with_feature_updates(vec![update]).with_timeout_ms(15_000);
    let mut connection = Connection::open();
    assert_ok(connection.call(2, &request).error_code);
    let asked = ApiVersionsRequest::default()
        .with_client_software_name(text("protocol-tests"))
        .with_client_software_version(text("1"));
    eventually(10_000, "the level", || {
        let features = connection.call(3, &asked).finalized_features;
        let found = features.iter().find(|feature| feature.name.as_str() == NAME);
        (found.map_or(0, |feature| feature.max_version_level) == level).then_some(())
    });
}

#[test]
fn txn_8_below_level_1_clients_of_version_2_are_told_that_it_is_not_supported() {
    let topic = new_topic(&mut Connection::open(), 1);
    // While the level is 2: who fills the coordinator's topic and the group's.
    find(&mut Connection::open(), 0, "group");
    Producer::fresh();
    {
        let _lowered = Lowered::to(0);
        assert_all_refused(&topic);
        whole_by_the_older_protocol(&topic);
    }
    let _lowered = Lowered::to(1);
    let mut both = Producer::fresh();
    assert_ok(both.produce(Protocol::Two.produce(), &topic, 0, 1));
    both.end_2(true);
    whole_by_the_older_protocol(&topic);
}

/// Each by a producer of its own.
fn assert_all_refused(topic: &Topic) {
    let two = Protocol::Two;
    let fresh = || {
        let new = Producer::fresh();
        (Identity { id: new.id.clone(), producer: (new.pid, new.epoch) }, new.connection)
    };
    let (identity, mut connection) = fresh();
    let request = identity.produce(two.produce(), (topic, 0), 0, &["x".into()]);
    let of_partition = connection.call(two.produce(), &request).responses.remove(0).partition_responses.remove(0);
    assert_error(of_partition.error_code, Code::UnsupportedVersion);
    assert_eq!((of_partition.base_offset, of_partition.log_start_offset), (-1, -1));
    let (identity, mut connection) = fresh();
    let committed = connection.call(two.commit(), &identity.commit_offset("group", topic, 0, 1));
    assert_error(committed.topics[0].partitions[0].error_code, Code::UnsupportedVersion);
    let (identity, mut connection) = fresh();
    let ended = connection.call(two.end(), &identity.end(false));
    assert_error(ended.error_code, Code::UnsupportedVersion);
    assert_eq!((ended.producer_id.0, ended.producer_epoch), (-1, -1));
    for version in [4, 5] {
        let (identity, mut connection) = fresh();
        let topic = AddPartitionsToTxnTopic::default().with_name(topic.wire_name()).with_partitions(vec![0]);
        let of_one = AddPartitionsToTxnTransaction::default()
            .with_transactional_id(identity.id.clone())
            .with_producer_id(identity.producer.0.into())
            .with_producer_epoch(identity.producer.1)
            .with_topics(vec![topic]);
        let added = connection.call(version, &AddPartitionsToTxnRequest::default().with_transactions(vec![of_one]));
        assert_error(added.error_code, Code::UnsupportedVersion);
        assert!(added.results_by_transaction.is_empty());
    }
}

fn whole_by_the_older_protocol(topic: &Topic) {
    let one = Protocol::One;
    let mut producer = Producer::fresh();
    assert_eq!(producer.add(3, topic, vec![0]), [0]);
    assert_ok(producer.produce(one.produce(), topic, 0, 1));
    let ended = producer.end(one.end(), true);
    assert_ok(ended.error_code);
}
