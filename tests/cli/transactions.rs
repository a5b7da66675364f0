//! `ottla txn` against a broker with transactions that are open, ended, and hanging.
use crate::broker::{Broker, broker, topic};
use ottla::{
    net::{BrokerAddress, Client, ClientSettings},
    record::{BatchBuilder, BatchHeader},
    types::ErrorCode,
    wire::{
        StrBytes,
        messages::{
            FindCoordinatorRequest, IncrementalAlterConfigsRequest, InitProducerIdRequest, ProduceRequest, ProducerId,
            TopicName, TransactionalId,
            incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig},
            produce_request::{PartitionProduceData, TopicProduceData},
        },
    },
};
use serde_json::Value;
use std::{
    future::Future,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

const DAY_MS: i64 = 86_400_000;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Runs `with` on a connection to the broker.
fn talk<T, F: Future<Output = T>>(broker: &Broker, with: impl FnOnce(Client) -> F) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let address = BrokerAddress::parse_list(&broker.address).unwrap().remove(0);
        with(Client::open(&address, &ClientSettings::default()).await.unwrap()).await
    })
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// Asked again while something is still being made or ended.
async fn until<T, F: Future<Output = Option<T>>>(mut ask: impl FnMut() -> F) -> T {
    for _ in 0..200 {
        if let Some(told) = ask().await {
            return told;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it never came");
}

async fn producer(client: &Client, id: &str) -> (i64, i16) {
    let find = FindCoordinatorRequest::default().with_key_type(1).with_key(text(id));
    until(async || {
        let answer = client.begin(&find, 3).await.unwrap().answer().await.unwrap();
        (answer.error_code == 0).then_some(())
    })
    .await;
    let init = InitProducerIdRequest::default()
        .with_transactional_id(Some(TransactionalId(text(id))))
        .with_transaction_timeout_ms(600_000)
        .with_producer_id(ProducerId(-1))
        .with_producer_epoch(-1);
    until(async || {
        let answer = client.begin(&init, 4).await.unwrap().answer().await.unwrap();
        (answer.error_code == 0).then_some((answer.producer_id.0, answer.producer_epoch))
    })
    .await
}

/// One record of a transaction, of long ago; the code it is answered with.
async fn write(
    client: &Client,
    version: i16,
    id: &str,
    (pid, epoch): (i64, i16),
    (topic, partition): (&str, i32),
) -> i16 {
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    let batch = BatchBuilder::new(now_ms - DAY_MS).attributes(BatchHeader::TRANSACTIONAL).producer(pid, epoch, 0);
    let records = batch.record(None, Some(b"open")).build().bytes().clone();
    let data = PartitionProduceData::default().with_index(partition).with_records(Some(records));
    let of_topic = TopicProduceData::default().with_name(TopicName(text(topic))).with_partition_data(vec![data]);
    let request = ProduceRequest::default()
        .with_transactional_id(Some(TransactionalId(text(id))))
        .with_acks(-1)
        .with_timeout_ms(10_000)
        .with_topic_data(vec![of_topic]);
    let answer = client.begin(&request, version).await.unwrap().answer().await.unwrap();
    answer.responses[0].partition_responses[0].error_code
}

async fn verify_transactions(client: &Client, verify: bool) {
    let config = AlterableConfig::default()
        .with_name(text("transaction.partition.verification.enable"))
        .with_config_operation(0)
        .with_value(Some(text(&verify.to_string())));
    let all = AlterConfigsResource::default().with_resource_type(4).with_configs(vec![config]);
    let request = IncrementalAlterConfigsRequest::default().with_resources(vec![all]);
    let answer = client.begin(&request, 1).await.unwrap().answer().await.unwrap();
    assert_eq!(answer.responses[0].error_code, 0, "{answer:?}");
}

#[test]
fn transactions_are_listed_by_state_producer_and_duration_and_described() {
    let broker = broker();
    let (name, id) = (topic("txn"), topic("txn-id"));
    broker.ok(&["topic", "create", &name, "-p", "2"], b"");
    let (pid, _) = talk(&broker, async |client| {
        let producer = producer(&client, &id).await;
        assert_eq!(write(&client, 12, &id, producer, (&name, 1)).await, 0);
        producer
    });
    let ids = |args: &[&str]| {
        let listed = broker.ok(&[&["txn", "list", "-q"], args].concat(), b"");
        listed.lines().filter(|line| *line == id).count()
    };
    assert_eq!((ids(&[]), ids(&["--state", "ongoing"]), ids(&["--state", "Empty"])), (1, 1, 0));
    let (own, other) = (pid.to_string(), (pid + 1_000_000).to_string());
    assert_eq!((ids(&["--producer-id", &own]), ids(&["--producer-id", &other])), (1, 0));
    assert_eq!((ids(&["--longer-than", "0s"]), ids(&["--longer-than", "1h"])), (1, 0));
    // What never began or is over is not open, however long ago that was.
    let idle = topic("txn-idle");
    talk(&broker, async |client| producer(&client, &idle).await);
    let long = |args: &[&str]| broker.ok(&[&["txn", "list", "-q", "--longer-than", "0s"], args].concat(), b"");
    assert!(
        !long(&[]).lines().any(|line| line == idle) && long(&["--state", "Empty"]).lines().any(|line| line == idle)
    );
    let listed = json(&broker.ok(&["txn", "list", "--producer-id", &own, "--json"], b""));
    assert_eq!((&listed[0]["transactional_id"], &listed[0]["state"]), (&id.as_str().into(), &"Ongoing".into()));
    assert!(broker.ok(&["txn", "list"], b"").starts_with("TRANSACTIONAL ID"));

    let described = json(&broker.ok(&["txn", "describe", &id, "--json"], b""));
    assert_eq!((&described[0]["producer_id"], &described[0]["timeout_ms"]), (&pid.into(), &600_000.into()));
    assert_eq!(described[0]["partitions"], json(&format!("[{{\"topic\":\"{name}\",\"partition\":1}}]")));
    let shown = broker.ok(&["txn", "describe", &id], b"");
    assert!(shown.contains("open since") && shown.contains(&format!("{name}-1")), "{shown}");
    assert!(broker.fails(3, &["txn", "describe", "nobody's"]).contains("ottla txn list"));

    // What its coordinator will end does not hang, however old it is.
    let found = broker.ok(&["txn", "abort-hanging", "--topic", &name, "--older-than", "0s"], b"");
    assert_eq!(found, "");
    assert_eq!(broker.ok(&["txn", "abort-hanging", "--transactional-id", &id, "--older-than", "0s"], b""), "");
    assert_eq!(ids(&["--state", "Ongoing"]), 1);
    broker.ok(&["topic", "delete", &name], b"");
}

#[test]
fn txn_25_transactions_that_hang_are_found_and_aborted() {
    let broker = broker();
    let (name, id) = (topic("hung"), topic("hung-id"));
    broker.ok(&["topic", "create", &name, "-p", "3"], b"");
    talk(&broker, async |client| {
        let known = producer(&client, &id).await;
        verify_transactions(&client, false).await;
        // One of a producer that nobody knows, one of a producer that did not add the partition.
        assert_eq!(write(&client, 9, "nobody's", (1_000_000_007, 0), (&name, 0)).await, 0);
        assert_eq!(write(&client, 9, &id, known, (&name, 2)).await, 0);
        verify_transactions(&client, true).await;
        // In force with the answer; Apache Kafka takes a moment.
        if broker.is_own() {
            assert_eq!(write(&client, 9, &id, known, (&name, 1)).await, ErrorCode::InvalidTxnState.code());
        }
    });
    let read = || broker.ok(&["consume", &name, "-e", "--read-committed"], b"");
    let found = |args: &[&str]| {
        let args = [&["txn", "abort-hanging", "--json"], args].concat();
        let found = json(&broker.ok(&args, b""));
        let rows = found.as_array().unwrap().iter();
        rows.map(|one| (one["partition"].as_i64().unwrap(), one["aborted"].as_bool().unwrap())).collect::<Vec<_>>()
    };
    assert_eq!(found(&["--topic", &name, "--older-than", "2d"]), [], "nothing is as old as that");
    let remark = |age: &str| {
        let output = broker.run(&["txn", "abort-hanging", "--topic", &name, "--older-than", age], b"");
        String::from_utf8(output.stderr).unwrap()
    };
    let said = remark("2d");
    assert!(said.contains("what hangs there (2) was written to since"), "{said}");
    assert_eq!(found(&["--topic", &name, "--dry-run"]), [(0, false), (2, false)]);
    assert_eq!(found(&["--topic", &name, "--partition", "1"]), []);
    let shown = broker.ok(&["txn", "abort-hanging", "--transactional-id", &id, "--dry-run"], b"");
    assert!(shown.starts_with(&format!("would abort {name}-2: open since offset 0")), "{shown}");
    assert_eq!(found(&["--transactional-id", &id]), [(2, true)]);
    assert_eq!(found(&["--topic", &name, "--partition", "0"]), [(0, true)]);
    assert_eq!(found(&["--topic", &name]), []);
    let said = remark("2d");
    assert!(said.contains("nothing hangs there"), "{said}");
    assert_eq!(read(), "", "aborted, and nobody waits");
    assert!(broker.fails(3, &["txn", "abort-hanging", "--topic", &name, "--partition", "7"]).contains("0 to 2"));
    assert!(broker.fails(3, &["txn", "abort-hanging", "--topic", "no-such-topic"]).contains("does not exist"));
    broker.ok(&["topic", "delete", &name], b"");
}
