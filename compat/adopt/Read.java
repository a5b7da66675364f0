import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.*;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * HOST:PORT: everything a client can read of every partition, as lines to compare: digests of all records, offsets by time, producers,
 * committed offsets, transactions.
 */
public class Read {
    static final int CHUNK_RECORDS = 20_000;
    static final long STILL_MS_MAX = 30_000;
    static final int TIMES_MAX = 40;
    static Admin admin;
    static String broker;

    static class Chunk {
        final MessageDigest digest = digest();
        ByteBuffer words = ByteBuffer.allocate(64);
        long first = -1, last = -1, count;

        static MessageDigest digest() {
            try {
                return MessageDigest.getInstance("SHA-256");
            } catch (java.security.NoSuchAlgorithmException absent) {
                throw new IllegalStateException(absent);
            }
        }

        void bytes(byte[] bytes) {
            words.clear().putInt(bytes == null ? -1 : bytes.length);
            digest.update(words.flip());
            if (bytes != null) digest.update(bytes);
        }

        void add(ConsumerRecord<byte[], byte[]> record) {
            if (first < 0) first = record.offset();
            last = record.offset();
            count++;
            words.clear().putLong(record.offset()).putLong(record.timestamp()).putInt(record.timestampType().id)
                .putInt(record.leaderEpoch().orElse(-1));
            digest.update(words.flip());
            bytes(record.key());
            bytes(record.value());
            for (var header : record.headers()) {
                bytes(header.key().getBytes());
                bytes(header.value());
            }
        }

        void tell(TopicPartition place, IsolationLevel isolation) {
            if (count > 0) System.out.printf("%s %s %d..%d: %d records %s%n", place, isolation, first, last, count, HexFormat.of().formatHex(digest.digest()).substring(0, 32));
        }
    }

    /** Tells the digests; returns times of some of the records. */
    static List<Long> records(TopicPartition place, IsolationLevel isolation) {
        List<Long> times = new ArrayList<>();
        Map<String, Object> settings = Map.of("bootstrap.servers", broker, "enable.auto.commit", false, "auto.offset.reset", "none",
            "isolation.level", isolation.toString(), "check.crcs", true, "fetch.max.bytes", 20_000_000, "max.partition.fetch.bytes", 10_000_000, "max.poll.records", 5_000);
        try (var consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.assign(List.of(place));
            long start = consumer.beginningOffsets(List.of(place)).get(place), end = consumer.endOffsets(List.of(place)).get(place);
            consumer.seek(place, start);
            var chunk = new Chunk();
            long total = 0, moved = System.currentTimeMillis(), at = start;
            while ((at = consumer.position(place)) < end) {
                var polled = consumer.poll(Duration.ofMillis(500));
                if (consumer.position(place) > at) moved = System.currentTimeMillis();
                if (System.currentTimeMillis() - moved > STILL_MS_MAX) throw new IllegalStateException("stands still at " + at);
                for (var record : polled) {
                    chunk.add(record);
                    total++;
                    if (total % CHUNK_RECORDS == 1 || total % (CHUNK_RECORDS / 8) == 1) times.add(record.timestamp());
                    if (chunk.count == CHUNK_RECORDS) {
                        chunk.tell(place, isolation);
                        chunk = new Chunk();
                    }
                }
            }
            chunk.tell(place, isolation);
            System.out.printf("%s %s from %d to %d: %d records in all%n", place, isolation, start, end, total);
        } catch (KafkaException | IllegalStateException problem) {
            System.out.printf("%s %s cannot be read: %s%n", place, isolation, problem);
        }
        return times;
    }

    /** What ListOffsets answers; the leader epoch is told where a record is meant. */
    static void offsets(TopicPartition place, IsolationLevel isolation, List<Long> times) throws Exception {
        Map<String, OffsetSpec> asked = new LinkedHashMap<>();
        asked.put("earliest", OffsetSpec.earliest());
        asked.put("latest", OffsetSpec.latest());
        asked.put("of-greatest-time", OffsetSpec.maxTimestamp());
        asked.put("earliest-local", OffsetSpec.earliestLocal());
        asked.put("since 0", OffsetSpec.forTimestamp(0));
        int every = Math.max(1, times.size() / TIMES_MAX);
        for (int index = 0; index < times.size(); index += every) {
            for (long around = -1; around <= 1; around++) asked.put("since " + (times.get(index) + around), OffsetSpec.forTimestamp(times.get(index) + around));
        }
        Map<String, KafkaFuture<ListOffsetsResult.ListOffsetsResultInfo>> answers = new LinkedHashMap<>();
        asked.forEach((name, spec) -> answers.put(name, admin.listOffsets(Map.of(place, spec), new ListOffsetsOptions(isolation)).partitionResult(place)));
        for (var one : answers.entrySet()) {
            String found;
            try {
                var answer = one.getValue().get();
                boolean record = answer.timestamp() >= 0;
                found = answer.offset() + " " + answer.timestamp() + (record ? " epoch " + answer.leaderEpoch().orElse(-1) : "");
            } catch (java.util.concurrent.ExecutionException problem) {
                found = problem.getCause().toString();
            }
            System.out.printf("%s %s %s: %s%n", place, isolation, one.getKey(), found);
        }
    }

    static void producers(TopicPartition place) throws Exception {
        var states = admin.describeProducers(List.of(place)).partitionResult(place).get().activeProducers();
        states.stream().sorted(Comparator.comparing(ProducerState::producerId)).forEach(state -> System.out.printf("%s producer %s%n", place, state));
    }

    static void coordinators() throws Exception {
        for (String group : new TreeSet<>(admin.listGroups(ListGroupsOptions.forConsumerGroups()).all().get().stream().map(GroupListing::groupId).toList())) {
            System.out.printf("group %s: %s%n", group, new TreeMap<>(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().entrySet()
                .stream().collect(Collectors.toMap(one -> one.getKey().toString(), one -> one.getValue().toString()))));
        }
        var ids = new TreeSet<>(admin.listTransactions().all().get().stream().map(TransactionListing::transactionalId).toList());
        for (var one : new TreeMap<>(admin.describeTransactions(ids).all().get()).entrySet()) System.out.printf("transaction %s: %s%n", one.getKey(), one.getValue());
    }

    public static void main(String[] args) throws Exception {
        broker = args[0];
        admin = Admin.create(Map.of("bootstrap.servers", broker));
        List<TopicPartition> places = new ArrayList<>();
        for (var topic : new TreeMap<>(admin.describeTopics(admin.listTopics().names().get()).allTopicNames().get()).values()) {
            for (var partition : topic.partitions()) places.add(new TopicPartition(topic.name(), partition.partition()));
        }
        for (var place : places) {
            for (var isolation : IsolationLevel.values()) offsets(place, isolation, records(place, isolation));
            producers(place);
        }
        coordinators();
        System.exit(0);
    }
}
