import java.time.Duration;
import java.util.*;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.*;

/** Java's client against HOST:PORT: idempotent producer in each codec, assigned consumer, seeks, offsets by time. */
public class Assigned {
    static final int RECORDS = 5000;
    static int failures;

    interface Check { void run() throws Exception; }

    static void check(String name, Check check) {
        try {
            check.run();
            System.out.printf("%-45s PASS%n", name);
        } catch (Throwable problem) {
            failures++;
            System.out.printf("%-45s FAIL %s%n", name, problem);
        }
    }

    static void same(String what, Object found, Object expected) {
        if (!Objects.equals(found, expected)) throw new AssertionError(what + ": " + found + " instead of " + expected);
    }

    static void roundTrip(String broker, Admin admin, String codec) throws Exception {
        String topic = "java-" + codec + "-" + System.nanoTime();
        // The records are from 1970: retention would end them under the test.
        admin.createTopics(List.of(new NewTopic(topic, 2, (short) 1).configs(Map.of("retention.ms", "-1")))).all().get();
        Map<String, Object> settings = Map.of("bootstrap.servers", broker, "compression.type", codec, "linger.ms", 5);
        try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (int number = 0; number < RECORDS; number++) {
                var record = new ProducerRecord<>(topic, 1, 1_000_000L + number, "key", "value " + number);
                record.headers().add(new RecordHeader("number", new byte[] {(byte) number}));
                sent.add(producer.send(record));
            }
            for (int number = 0; number < RECORDS; number++) same("offset", sent.get(number).get().offset(), (long) number);
        }
        Map<String, Object> reading = Map.of("bootstrap.servers", broker, "enable.auto.commit", false,
            "auto.offset.reset", "earliest", "isolation.level", "read_committed");
        try (var consumer = new KafkaConsumer<>(reading, new StringDeserializer(), new StringDeserializer())) {
            var place = new TopicPartition(topic, 1);
            consumer.assign(List.of(place));
            read(consumer, 0);
            consumer.seek(place, 4321);
            read(consumer, 4321);
            consumer.seekToEnd(List.of(place));
            same("position at the end", consumer.position(place), (long) RECORDS);
            consumer.seekToBeginning(List.of(place));
            same("position at the beginning", consumer.position(place), 0L);
            same("beginning", consumer.beginningOffsets(List.of(place)).get(place), 0L);
            same("end", consumer.endOffsets(List.of(place)).get(place), (long) RECORDS);
            same("since", consumer.offsetsForTimes(Map.of(place, 1_000_100L)).get(place).offset(), 100L);
            same("since later", consumer.offsetsForTimes(Map.of(place, 9_000_000L)).get(place), null);
            same("lag", consumer.currentLag(place).isPresent(), true);
            consumer.seek(place, RECORDS + 10);
            read(consumer, 0); // out of range: auto.offset.reset
        }
        admin.deleteTopics(List.of(topic)).all().get();
    }

    static void read(KafkaConsumer<String, String> consumer, int from) {
        long deadline = System.nanoTime() + 20_000_000_000L;
        int next = from;
        while (next < RECORDS) {
            if (System.nanoTime() > deadline) throw new AssertionError("no record " + next + " in time");
            for (var record : consumer.poll(Duration.ofMillis(200))) {
                same("value", record.value(), "value " + next);
                same("offset", record.offset(), (long) next);
                same("timestamp", record.timestamp(), 1_000_000L + next);
                same("header", record.headers().lastHeader("number").value()[0], (byte) next);
                next++;
            }
        }
    }

    static void administration(Admin admin) throws Exception {
        String topic = "java-admin-" + System.nanoTime();
        admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1).configs(Map.of("retention.ms", "1000000")))).all().get();
        var described = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
        same("partitions", described.partitions().size(), 1);
        var byId = org.apache.kafka.common.TopicCollection.ofTopicIds(List.of(described.topicId()));
        same("by id", admin.describeTopics(byId).allTopicIds().get().get(described.topicId()).name(), topic);
        admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(4))).all().get();
        var place = new TopicPartition(topic, 3);
        for (var spec : List.of(OffsetSpec.latest(), OffsetSpec.earliest()))
            same("offset", admin.listOffsets(Map.of(place, spec)).partitionResult(place).get().offset(), 0L);
        same("largest timestamp", admin.listOffsets(Map.of(place, OffsetSpec.maxTimestamp())).partitionResult(place).get().offset(), -1L);
        same("nodes", admin.describeCluster().nodes().get().size(), 1);
        admin.deleteTopics(byId).all().get();
    }

    public static void main(String[] args) {
        try (var admin = Admin.create(Map.of("bootstrap.servers", args[0], "request.timeout.ms", 10000, "default.api.timeout.ms", 20000))) {
            for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) check("java " + codec, () -> roundTrip(args[0], admin, codec));
            check("java administration", () -> administration(admin));
        }
        System.out.println(failures + " failed");
        System.exit(failures);
    }
}
