import java.nio.file.*;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.*;

/**
 * create HOST:PORT TOPICS.TSV      the topics of the file, all without retention
 * load HOST:PORT BYTES             rounds of all kinds of batches, until so much is on disk
 * finish HOST:PORT                 deleted heads, committed offsets, a transaction that is left open
 * append HOST:PORT                 a few records and transactions more to every topic
 */
public class Load {
    static final List<String> CODECS = List.of("none", "gzip", "snappy", "lz4", "zstd");
    static final Random random = new Random(7);
    static final byte[] noise = new byte[4 << 20];
    static final byte[] words = "the log is judged by what happens to it when things go wrong; ".repeat(20_000).getBytes();
    static final Map<String, KafkaProducer<byte[], byte[]>> transactional = new HashMap<>();
    static final int TRANSACTION_MS_MAX = 7_200_000;
    static volatile Exception refused;
    static String broker;
    static long number;

    static KafkaProducer<byte[], byte[]> producer(String codec, int batchBytes, int lingerMs) {
        return new KafkaProducer<>(Map.of("bootstrap.servers", broker, "compression.type", codec, "batch.size", batchBytes, "linger.ms", lingerMs,
            "delivery.timeout.ms", 300_000, "max.block.ms", 300_000, "max.request.size", 1_000_000), new ByteArraySerializer(), new ByteArraySerializer());
    }

    static KafkaProducer<byte[], byte[]> transactional(String id, String codec) {
        return transactional.computeIfAbsent(id, absent -> {
            var producer = new KafkaProducer<>(Map.of("bootstrap.servers", broker, "compression.type", codec, "linger.ms", 5, "transactional.id", id,
                "transaction.timeout.ms", TRANSACTION_MS_MAX, "delivery.timeout.ms", 300_000, "max.block.ms", 300_000), new ByteArraySerializer(), new ByteArraySerializer());
            producer.initTransactions();
            return producer;
        });
    }

    /** Most are short, some are large; a tenth is null. Half cannot be compressed. */
    static byte[] value() {
        int kind = random.nextInt(1000);
        if (kind < 100) return null;
        int length = kind == 100 ? 800_000 : kind < 110 ? 100_000 : kind < 300 ? 1 + random.nextInt(8_000) : random.nextInt(1_000);
        byte[] source = random.nextBoolean() ? noise : words;
        int from = random.nextInt(source.length - length);
        return Arrays.copyOfRange(source, from, from + length);
    }

    static ProducerRecord<byte[], byte[]> record(String topic, int partition, Long timestamp, byte[] key) {
        var record = new ProducerRecord<>(topic, partition, timestamp, key, value());
        if (number++ % 3 == 0) {
            record.headers().add(new RecordHeader("number", Long.toString(number).getBytes()));
            record.headers().add(new RecordHeader("nothing", null));
            if (number % 2 == 0) record.headers().add(new RecordHeader("number", new byte[0]));
        }
        return record;
    }

    static byte[] key() { return number % 4 == 0 ? null : ("key " + random.nextInt(2_000)).getBytes(); }

    static void send(KafkaProducer<byte[], byte[]> producer, ProducerRecord<byte[], byte[]> record) {
        producer.send(record, (placed, problem) -> { if (problem != null) refused = problem; });
    }

    static void fill(KafkaProducer<byte[], byte[]> producer, String topic, int partitions, int bytes) {
        for (int sent = 0; sent < bytes; ) {
            var record = record(topic, random.nextInt(partitions), null, key());
            sent += 70 + (record.value() == null ? 0 : record.value().length);
            send(producer, record);
        }
    }

    /** Three producers write in turn; one in three transactions is aborted. What a kill breaks is aborted by the next of that id. */
    static void transact(String topic, int partitions, int records, boolean keyed) {
        List<String> ids = List.of(topic + "-a", topic + "-b", topic + "-c");
        try {
            for (String id : ids) transactional(id, CODECS.get(2 + ids.indexOf(id))).beginTransaction();
            for (int sent = 0; sent < records; sent++) {
                var producer = transactional.get(ids.get(random.nextInt(3)));
                byte[] key = keyed ? ("key " + random.nextInt(500)).getBytes() : key();
                producer.send(record(topic, random.nextInt(partitions), null, key));
            }
            for (String id : ids) {
                if (random.nextInt(3) == 0) transactional.get(id).flush();
                if (random.nextInt(3) == 0) transactional.get(id).abortTransaction();
                else transactional.get(id).commitTransaction();
            }
        } catch (KafkaException | IllegalStateException broken) {
            System.out.println("transactions begin anew after " + broken.getMessage());
            for (String id : ids) {
                var left = transactional.remove(id);
                if (left != null) left.close(Duration.ZERO);
            }
        }
    }

    static void round(Map<String, KafkaProducer<byte[], byte[]>> large, KafkaProducer<byte[], byte[]> single, int bulk) {
        for (String codec : CODECS) {
            fill(large.get(codec), "codec-" + codec, 2, bulk);
            fill(large.get(codec), "mixed", 3, bulk / 6);
            large.get(codec).flush();
        }
        for (int sent = 0; sent < 1_000; sent++) send(single, record("single", sent % 2, null, key()));
        // Times that go back and forth within six hours, and jumps that hold for a while.
        long base = System.currentTimeMillis() - 36_000_000;
        for (int sent = 0; sent < 1_000; sent++) {
            long time = base + number * 10 % 20_000_000 + random.nextInt(sent % 100 == 0 ? 10_000_000 : 50_000);
            send(large.get(CODECS.get(sent / 20 % 5)), record("times", sent % 2, time, key()));
        }
        fill(large.get("snappy"), "append-time", 2, bulk / 3);
        fill(large.get("lz4"), "head", 3, bulk / 3);
        transact("transactions", 3, 1_500, false);
        transact("compacted-transactions", 2, 500, true);
        for (int sent = 0; sent < 2_000; sent++) {
            byte[] key = ("key " + random.nextInt(500)).getBytes();
            send(large.get("zstd"), new ProducerRecord<>("compacted", sent % 2, key, sent % 9 == 0 ? null : ("value " + number++).getBytes()));
        }
        single.flush();
        large.values().forEach(KafkaProducer::flush);
    }

    static long bytesOnDisk(Admin admin) throws Exception {
        try {
            var directories = admin.describeLogDirs(List.of(1)).allDescriptions().get().get(1).values();
            return directories.stream().flatMap(one -> one.replicaInfos().values().stream()).mapToLong(ReplicaInfo::size).sum();
        } catch (ExecutionException broken) {
            return 0;
        }
    }

    static void load(Admin admin, long bytes) throws Exception {
        Map<String, KafkaProducer<byte[], byte[]>> large = new HashMap<>();
        for (String codec : CODECS) large.put(codec, producer(codec, 900_000, 50));
        var single = producer("none", 0, 0);
        int rounds = 0;
        int bulk = (int) Math.max(3_000_000, Math.min(25_000_000, bytes / 200));
        do {
            round(large, single, bulk);
            if (refused != null) throw refused;
            rounds++;
        } while (bytesOnDisk(admin) < bytes);
        large.values().forEach(KafkaProducer::close);
        single.close();
        transactional.values().forEach(KafkaProducer::close);
        System.out.printf("%d records in %d rounds%n", number, rounds);
    }

    static void create(Admin admin, Path file) throws Exception {
        List<NewTopic> topics = new ArrayList<>();
        for (String line : Files.readAllLines(file)) {
            String[] fields = line.split("\t");
            Map<String, String> configs = new HashMap<>(Map.of("retention.ms", "-1"));
            if (fields.length > 2) for (String config : fields[2].split(",")) configs.put(config.split("=")[0], config.split("=")[1]);
            topics.add(new NewTopic(fields[0], Integer.parseInt(fields[1]), (short) 1).configs(configs));
        }
        admin.createTopics(topics).all().get();
    }

    static void finish(Admin admin) throws Exception {
        TopicPartition half = new TopicPartition("head", 0), all = new TopicPartition("head", 1);
        var ends = admin.listOffsets(Map.of(half, OffsetSpec.latest(), all, OffsetSpec.latest())).all().get();
        admin.deleteRecords(Map.of(half, RecordsToDelete.beforeOffset(ends.get(half).offset() / 2),
            all, RecordsToDelete.beforeOffset(ends.get(all).offset()))).all().get();
        Map<String, Object> settings = Map.of("bootstrap.servers", broker, "group.id", "classic", "enable.auto.commit", false);
        try (var consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.commitSync(Map.of(half, new OffsetAndMetadata(ends.get(half).offset(), Optional.of(0), "half")));
        }
        Map<String, Object> sending = Map.of("bootstrap.servers", broker, "group.id", "sent", "enable.auto.commit", false);
        try (var consumer = new KafkaConsumer<>(sending, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            var offsets = transactional("sends-offsets", "none");
            offsets.beginTransaction();
            offsets.send(record("open", 0, null, key()));
            offsets.sendOffsetsToTransaction(Map.of(all, new OffsetAndMetadata(17, "sent")), consumer.groupMetadata());
            offsets.commitTransaction();
        }
        var sender = transactional("sends-offsets", "none");
        var open = transactional("left-open", "gzip");
        open.beginTransaction();
        for (int sent = 0; sent < 100; sent++) {
            open.send(record("open", sent % 2, null, key()));
            sender.beginTransaction();
            sender.send(record("open", sent % 2, null, key()));
            if (sent % 3 == 0) sender.abortTransaction(); else sender.commitTransaction();
        }
        open.flush();
        // Not closed, which would abort it.
        Runtime.getRuntime().halt(0);
    }

    static void append(Admin admin) throws Exception {
        var producer = producer("lz4", 16_384, 5);
        for (var topic : admin.describeTopics(admin.listTopics().names().get()).allTopicNames().get().values()) {
            for (var partition : topic.partitions()) send(producer, record(topic.name(), partition.partition(), null, ("key " + number).getBytes()));
        }
        producer.close();
        if (refused != null) throw refused;
        transact("transactions", 3, 30, false);
        if (transactional.isEmpty()) throw new IllegalStateException("no transaction");
        transactional.values().forEach(KafkaProducer::close);
    }

    public static void main(String[] args) throws Exception {
        random.nextBytes(noise);
        broker = args[1];
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker))) {
            switch (args[0]) {
                case "create" -> create(admin, Path.of(args[2]));
                case "load" -> load(admin, Long.parseLong(args[2]));
                case "finish" -> finish(admin);
                case "append" -> append(admin);
                default -> throw new IllegalArgumentException(args[0]);
            }
        }
        System.exit(0);
    }
}
