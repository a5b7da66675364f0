// Consumes, produces and commits offsets in transactions with Java's clients of any version since 2.8: a third of the
// transactions is aborted, a second producer fences the first, and a read_committed consumer has to see each record once.
//   java -cp 'clients/*' Transactions.java HOST:PORT NAME

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Random;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.utils.AppInfoParser;

public class Transactions {
    static final int RECORDS = 3000;
    static final int PARTITIONS = 3;
    static String address;

    public static void main(String[] args) throws Exception {
        address = args[0];
        String input = args[1] + "-in", output = args[1] + "-out", id = args[1] + "-id";
        try (Admin admin = Admin.create(properties())) {
            admin.createTopics(List.of(new NewTopic(input, 1, (short) 1), new NewTopic(output, PARTITIONS, (short) 1))).all().get();
        }
        try (KafkaProducer<String, String> producer = producer(id + "-fill")) {
            producer.initTransactions();
            producer.beginTransaction();
            for (int number = 0; number < RECORDS; number++) producer.send(new ProducerRecord<>(input, "" + number));
            producer.commitTransaction();
        }
        int[] ends = copy(input, output, id, args[1] + "-group");
        fence(output, id);
        demand(read(output, "read_committed").size() == RECORDS, "records committed: " + read(output, "read_committed").size());
        int[] seen = new int[RECORDS];
        for (ConsumerRecord<String, String> record : read(output, "read_committed")) seen[Integer.parseInt(record.value())]++;
        for (int number = 0; number < RECORDS; number++) demand(seen[number] == 1, number + " was seen " + seen[number] + " times");
        int all = read(output, "read_uncommitted").size();
        demand(all > RECORDS, "aborted records are in the log: " + all);
        System.out.println("SUCCESS: client " + AppInfoParser.getVersion() + ", " + ends[0] + " committed, " + ends[1] + " aborted, "
            + RECORDS + " records once, " + all + " in the log");
    }

    static int[] copy(String input, String output, String id, String group) {
        int[] ends = new int[2];
        Random random = new Random(7);
        Properties reads = reader("read_committed");
        reads.put("group.id", group);
        reads.put("max.poll.records", "40");
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(reads); KafkaProducer<String, String> producer = producer(id)) {
            producer.initTransactions();
            consumer.subscribe(List.of(input));
            long next = 0;
            long deadline = System.currentTimeMillis() + 120_000;
            while (next < RECORDS) {
                demand(System.currentTimeMillis() < deadline, "copied only " + next);
                ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(200));
                if (records.isEmpty()) continue;
                producer.beginTransaction();
                long last = next;
                for (ConsumerRecord<String, String> record : records) {
                    producer.send(new ProducerRecord<>(output, Integer.parseInt(record.value()) % PARTITIONS, null, record.value()));
                    last = record.offset() + 1;
                }
                Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
                TopicPartition partition = new TopicPartition(input, 0);
                offsets.put(partition, new OffsetAndMetadata(last));
                producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
                if (random.nextInt(3) == 0) {
                    producer.abortTransaction();
                    consumer.seek(partition, next);
                    ends[1]++;
                } else {
                    producer.commitTransaction();
                    next = last;
                    OffsetAndMetadata stands = consumer.committed(Set.of(partition)).get(partition);
                    demand(stands != null && stands.offset() == next, "committed " + next + ", told " + stands);
                    ends[0]++;
                }
            }
        }
        return ends;
    }

    /** Whoever comes later with the same id ends what the one before has open. */
    static void fence(String output, String id) {
        try (KafkaProducer<String, String> first = producer(id); KafkaProducer<String, String> second = producer(id)) {
            first.initTransactions();
            first.beginTransaction();
            first.send(new ProducerRecord<>(output, 0, null, "0"));
            first.flush();
            second.initTransactions();
            second.beginTransaction();
            try {
                first.commitTransaction();
                demand(false, "the first producer was not fenced");
            } catch (ProducerFencedException | InvalidProducerEpochException fenced) {
                // As it should be.
            }
            second.send(new ProducerRecord<>(output, 1, null, "1"));
            second.abortTransaction();
        }
    }

    static List<ConsumerRecord<String, String>> read(String topic, String isolation) {
        List<ConsumerRecord<String, String>> all = new ArrayList<>();
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(reader(isolation))) {
            List<TopicPartition> partitions = new ArrayList<>();
            for (int index = 0; index < PARTITIONS; index++) partitions.add(new TopicPartition(topic, index));
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            while (partitions.stream().anyMatch(partition -> consumer.position(partition) < ends.get(partition))) {
                consumer.poll(Duration.ofMillis(200)).forEach(all::add);
            }
        }
        return all;
    }

    static Properties properties() {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", address);
        return properties;
    }

    static Properties reader(String isolation) {
        Properties properties = properties();
        properties.put("isolation.level", isolation);
        properties.put("enable.auto.commit", "false");
        properties.put("auto.offset.reset", "earliest");
        properties.put("key.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
        properties.put("value.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
        return properties;
    }

    static KafkaProducer<String, String> producer(String id) {
        Properties properties = properties();
        properties.put("transactional.id", id);
        // Several batches are under way at once.
        properties.put("batch.size", "256");
        properties.put("key.serializer", "org.apache.kafka.common.serialization.StringSerializer");
        properties.put("value.serializer", "org.apache.kafka.common.serialization.StringSerializer");
        return new KafkaProducer<>(properties);
    }

    static void demand(boolean holds, String otherwise) {
        if (!holds) throw new KafkaException(otherwise);
    }
}
