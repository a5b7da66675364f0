"""Python's clients against HOST:PORT: topics, records in each codec, assigned consumers, seeks, offsets by time.

Prints a line a check, `name PASS` or `name FAIL reason`; exits with the number of failures.
"""
import asyncio
import sys
import time
import traceback

BROKER = sys.argv[1]
ONLY = sys.argv[2] if len(sys.argv) > 2 else ""
RECORDS = 2000
RUN = str(time.time_ns())
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
failures = 0


def wanted(codec):
    return [(f"key-{n % 10}".encode(), f"value {n} in {codec}".encode()) for n in range(RECORDS)]


def check(name, run):
    global failures
    if ONLY not in name:
        return
    try:
        run()
        print(f"{name:45} PASS", flush=True)
    except Exception as error:  # every client has its own
        failures += 1
        print(f"{name:45} FAIL {type(error).__name__}: {str(error)[:300]}", flush=True)
        traceback.print_exc(limit=-3)


def same(found, expected):
    assert len(found) == len(expected), f"{len(found)} records instead of {len(expected)}"
    for place, (one, other) in enumerate(zip(found, expected)):
        assert one == other, f"record {place}: {one} instead of {other}"


def kafka_python():
    from kafka import KafkaConsumer, KafkaProducer, TopicPartition
    from kafka.admin import KafkaAdminClient, NewTopic

    def codec_round_trip(codec):
        topic = f"kp-{codec}-{RUN}"
        admin = KafkaAdminClient(bootstrap_servers=BROKER)
        admin.create_topics([NewTopic(topic, 2, 1)])
        compression = None if codec == "none" else codec
        producer = KafkaProducer(bootstrap_servers=BROKER, compression_type=compression, linger_ms=5, acks="all")
        sent = [producer.send(topic, key=key, value=value, partition=1) for key, value in wanted(codec)]
        producer.flush()
        assert [future.get(10).offset for future in sent] == list(range(RECORDS))
        producer.close()
        consumer = KafkaConsumer(bootstrap_servers=BROKER, consumer_timeout_ms=5000, auto_offset_reset="earliest")
        place = TopicPartition(topic, 1)
        consumer.assign([place])
        consumer.seek_to_beginning(place)
        found = []
        while len(found) < RECORDS:
            record = next(consumer)
            found.append((record.key, record.value))
        same(found, wanted(codec))
        assert consumer.beginning_offsets([place])[place] == 0 and consumer.end_offsets([place])[place] == RECORDS
        consumer.seek(place, RECORDS - 3)
        assert next(consumer).offset == RECORDS - 3
        early = consumer.offsets_for_times({place: 1000})[place]
        assert early.offset == 0, early
        consumer.close()
        admin.delete_topics([topic])
        admin.close()

    for codec in CODECS:
        check(f"kafka-python {codec}", lambda: codec_round_trip(codec))

    def administration():
        topic = f"kp-admin-{RUN}"
        admin = KafkaAdminClient(bootstrap_servers=BROKER)
        admin.create_topics([NewTopic(topic, 1, 1, topic_configs={"retention.ms": "1000000"})])
        assert topic in admin.list_topics()
        admin.create_partitions({topic: 4})
        assert len(admin.describe_topics([topic])[0]["partitions"]) == 4
        assert admin.describe_cluster()["brokers"]
        admin.delete_topics([topic])
        admin.close()

    check("kafka-python administration", administration)


def aiokafka():
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

    async def codec_round_trip(codec, idempotent):
        topic = f"aio-{codec}-{idempotent}-{RUN}"
        compression = None if codec == "none" else codec
        producer = AIOKafkaProducer(
            bootstrap_servers=BROKER, compression_type=compression, enable_idempotence=idempotent, linger_ms=5
        )
        await producer.start()
        sent = [await producer.send(topic, key=key, value=value, partition=0) for key, value in wanted(codec)]
        assert [(await future).offset for future in sent] == list(range(RECORDS))
        await producer.stop()
        consumer = AIOKafkaConsumer(bootstrap_servers=BROKER, auto_offset_reset="earliest")
        await consumer.start()
        place = TopicPartition(topic, 0)
        consumer.assign([place])
        await consumer.seek_to_beginning(place)
        found = []
        while len(found) < RECORDS:
            record = await asyncio.wait_for(consumer.getone(), 10)
            found.append((record.key, record.value))
        same(found, wanted(codec))
        assert (await consumer.end_offsets([place]))[place] == RECORDS
        assert (await consumer.offsets_for_times({place: 1000}))[place].offset == 0
        consumer.seek(place, 7)
        assert (await asyncio.wait_for(consumer.getone(), 10)).offset == 7
        await consumer.stop()

    for codec in CODECS:
        check(f"aiokafka {codec}", lambda: asyncio.run(codec_round_trip(codec, False)))
    check("aiokafka idempotent", lambda: asyncio.run(codec_round_trip("none", True)))


def confluent_kafka():
    from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
    from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic, OffsetSpec

    def codec_round_trip(codec):
        topic = f"ck-{codec}-{RUN}"
        admin = AdminClient({"bootstrap.servers": BROKER})
        admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(10)
        producer = Producer({"bootstrap.servers": BROKER, "enable.idempotence": True, "compression.type": codec})
        placed = []

        def report(error, message):
            if error:
                raise KafkaException(error)
            placed.append(message.offset())

        for key, value in wanted(codec):
            producer.produce(topic, key=key, value=value, partition=0, on_delivery=report)
        assert producer.flush(20) == 0 and placed == list(range(RECORDS))
        consumer = Consumer({"bootstrap.servers": BROKER, "group.id": "unused", "enable.auto.commit": False})
        consumer.assign([TopicPartition(topic, 0, 0)])
        found = []
        while len(found) < RECORDS:
            for message in consumer.consume(500, 10):
                assert message.error() is None, message.error()
                found.append((message.key(), message.value()))
        same(found, wanted(codec))
        assert consumer.get_watermark_offsets(TopicPartition(topic, 0)) == (0, RECORDS)
        assert consumer.offsets_for_times([TopicPartition(topic, 0, 1000)], 10)[0].offset == 0
        consumer.close()
        admin.delete_topics([topic])[topic].result(10)

    for codec in CODECS:
        check(f"confluent-kafka {codec}", lambda: codec_round_trip(codec))

    def administration():
        topic = f"ck-admin-{RUN}"
        admin = AdminClient({"bootstrap.servers": BROKER})
        admin.create_topics([NewTopic(topic, 1, 1, config={"retention.ms": "1000000"})])[topic].result(10)
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
        assert admin.describe_configs([resource])[resource].result(10)["retention.ms"].value == "1000000"
        admin.create_partitions([NewPartitions(topic, 3)])[topic].result(10)
        place = TopicPartition(topic, 2)
        assert admin.list_offsets({place: OffsetSpec.latest()})[place].result(10).offset == 0
        assert admin.describe_cluster().result(10).nodes
        admin.delete_topics([topic])[topic].result(10)

    check("confluent-kafka administration", administration)


kafka_python()
aiokafka()
confluent_kafka()
print(f"{failures} failed")
sys.exit(failures)
