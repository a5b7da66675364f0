//! The rdkafka crate's producer and assigned consumer: what is written in each codec is read back, in order.
use compat_rdkafka::Broker;
use rdkafka::{
    Message, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
    message::{Header, Headers, OwnedHeaders},
    producer::{FutureProducer, FutureRecord},
};
use std::{collections::BTreeMap, time::Duration};

const RECORDS: usize = 20_000;
const PARTITIONS: i32 = 3;

async fn topic(broker: &Broker, name: &str) -> String {
    let admin: AdminClient<DefaultClientContext> = broker.client().create().expect("an admin client");
    let unique = format!("{name}-{}", protocol_tests::time::now_ms());
    let wanted = NewTopic::new(&unique, PARTITIONS, TopicReplication::Fixed(1));
    let made = admin.create_topics([&wanted], &AdminOptions::new()).await.expect("an answer");
    assert!(made[0].is_ok(), "{made:?}");
    unique
}

fn read_all(broker: &Broker, topic: &str, expected: usize) -> BTreeMap<i32, Vec<(i64, Vec<u8>, Vec<u8>)>> {
    let consumer: BaseConsumer = broker
        .client()
        .set("group.id", "unused")
        .set("enable.auto.commit", "false")
        .set("check.crcs", "true")
        .create()
        .expect("a consumer");
    let mut assignment = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        assignment.add_partition_offset(topic, partition, Offset::Beginning).expect("a partition");
    }
    consumer.assign(&assignment).expect("assigned");
    let mut found: BTreeMap<i32, Vec<(i64, Vec<u8>, Vec<u8>)>> = BTreeMap::new();
    let mut count = 0;
    while count < expected {
        let message = consumer.poll(Duration::from_secs(20)).expect("a record in time").expect("no error");
        let text = |bytes: Option<&[u8]>| bytes.unwrap_or_default().to_vec();
        found.entry(message.partition()).or_default().push((
            message.offset(),
            text(message.key()),
            text(message.payload()),
        ));
        count += 1;
    }
    assert!(consumer.poll(Duration::from_millis(300)).is_none(), "nothing but what was written");
    found
}

async fn round_trip(codec: &str) {
    let broker = Broker::start();
    let topic = topic(&broker, codec).await;
    let producer: FutureProducer = broker
        .client()
        .set("enable.idempotence", "true")
        .set("compression.codec", codec)
        .set("linger.ms", "5")
        .create()
        .expect("a producer");
    let mut waiting = Vec::with_capacity(RECORDS);
    for number in 0..RECORDS {
        let (key, payload) = (format!("key-{}", number % 100), format!("value-{number}"));
        let record = FutureRecord::to(&topic).key(&key).payload(&payload);
        waiting.push(producer.send_result(record).expect("room in the queue"));
    }
    let mut written: BTreeMap<i32, Vec<(i64, Vec<u8>, Vec<u8>)>> = BTreeMap::new();
    for (number, delivery) in waiting.into_iter().enumerate() {
        let placed = delivery.await.expect("an answer").unwrap_or_else(|(error, _)| panic!("record {number}: {error}"));
        let (key, payload) = (format!("key-{}", number % 100), format!("value-{number}"));
        written.entry(placed.partition).or_default().push((placed.offset, key.into_bytes(), payload.into_bytes()));
    }
    let found = tokio::task::spawn_blocking(move || (read_all(&broker, &topic, RECORDS), broker)).await.expect("read");
    assert_eq!(found.0, written, "{codec}: every record at its offset, in order");
}

#[tokio::test(flavor = "multi_thread")]
async fn uncompressed_records_come_back() {
    round_trip("none").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gzip_records_come_back() {
    round_trip("gzip").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn snappy_records_come_back() {
    round_trip("snappy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lz4_records_come_back() {
    round_trip("lz4").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_and_nulls_come_back() {
    let broker = Broker::start();
    let topic = topic(&broker, "headers").await;
    let producer: FutureProducer = broker.client().create().expect("a producer");
    let headers = OwnedHeaders::new()
        .insert(Header { key: "same", value: Some("one") })
        .insert(Header { key: "same", value: Some("two") })
        .insert(Header::<&str> { key: "null", value: None });
    let record: FutureRecord<'_, str, str> = FutureRecord::to(&topic).partition(0).key("tombstone").headers(headers);
    producer.send(record, Duration::from_secs(10)).await.expect("written");
    let consumer: BaseConsumer = broker.client().set("group.id", "unused").create().expect("a consumer");
    let mut assignment = TopicPartitionList::new();
    assignment.add_partition_offset(&topic, 0, Offset::Beginning).expect("a partition");
    consumer.assign(&assignment).expect("assigned");
    let message = consumer.poll(Duration::from_secs(20)).expect("a record in time").expect("no error");
    assert_eq!((message.key(), message.payload()), (Some(&b"tombstone"[..]), None));
    let headers = message.headers().expect("headers");
    let found: Vec<_> =
        headers.iter().map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec))).collect();
    let expected = [("same", Some("one")), ("same", Some("two")), ("null", None)];
    let expected: Vec<_> =
        expected.iter().map(|(key, value)| ((*key).to_owned(), value.map(|value| value.as_bytes().to_vec()))).collect();
    assert_eq!(found, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn watermarks_and_offsets_for_times_are_answered() {
    let broker = Broker::start();
    let topic = topic(&broker, "offsets").await;
    let producer: FutureProducer = broker.client().create().expect("a producer");
    for number in 0..10i64 {
        let payload = number.to_string();
        let record: FutureRecord<'_, str, str> =
            FutureRecord::to(&topic).partition(1).payload(payload.as_str()).timestamp(1_000_000 + number * 10);
        producer.send(record, Duration::from_secs(10)).await.expect("written");
    }
    let asked = tokio::task::spawn_blocking(move || {
        let consumer: BaseConsumer = broker.client().set("group.id", "unused").create().expect("a consumer");
        let watermarks = consumer.fetch_watermarks(&topic, 1, Duration::from_secs(10)).expect("watermarks");
        let mut times = TopicPartitionList::new();
        times.add_partition_offset(&topic, 1, Offset::Offset(1_000_041)).expect("a partition");
        let found = consumer.offsets_for_times(times, Duration::from_secs(10)).expect("offsets");
        (watermarks, found.elements()[0].offset())
    });
    assert_eq!(asked.await.expect("asked"), ((0, 10), Offset::Offset(5)));
}
