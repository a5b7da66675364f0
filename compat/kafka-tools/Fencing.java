import java.util.*;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.errors.*;
import org.apache.kafka.common.serialization.StringSerializer;

/** HOST:PORT TOPIC ID: a producer with an open transaction; leaves it open, or sees what fencing does to it. */
public class Fencing {
    static KafkaProducer<String, String> open(String broker, String topic, String id) throws Exception {
        Map<String, Object> settings = Map.of("bootstrap.servers", broker, "transactional.id", id, "transaction.timeout.ms", 600_000);
        var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer());
        producer.initTransactions();
        producer.beginTransaction();
        producer.send(new ProducerRecord<>(topic, 0, null, "open")).get();
        return producer;
    }

    public static void main(String[] args) throws Exception {
        String broker = args[1], topic = args[2], id = args[3];
        var producer = open(broker, topic, id);
        if (args[0].equals("leave")) {
            System.out.println("left open");
            Runtime.getRuntime().halt(0);
        }
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker))) {
            var fenced = admin.fenceProducers(List.of(id));
            System.out.println("fenced producer " + fenced.producerId(id).get() + " epoch " + fenced.epochId(id).get());
        }
        try {
            producer.commitTransaction();
            System.out.println("committed all the same");
            System.exit(1);
        } catch (ProducerFencedException | InvalidProducerEpochException expected) {
            System.out.println("its commit was refused: " + expected.getClass().getSimpleName());
        }
        System.exit(0);
    }
}
