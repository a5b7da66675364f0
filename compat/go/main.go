// Go's clients against HOST:PORT: topics, records in each codec, consumers without groups, offsets by time.
// Prints a line a check, `name PASS` or `name FAIL reason`; exits with the number of failures.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/IBM/sarama"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const records = 2000

var (
	broker   string
	run      = fmt.Sprint(time.Now().UnixNano())
	failures int
)

func value(number int, codec string) string { return fmt.Sprintf("value %d in %s", number, codec) }

func check(name string, body func(context.Context) error) {
	if len(os.Args) > 2 && !strings.Contains(name, os.Args[2]) {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := body(ctx); err != nil {
		failures++
		fmt.Printf("%-45s FAIL %v\n", name, err)
		return
	}
	fmt.Printf("%-45s PASS\n", name)
}

func expect(what string, found, expected any) error {
	if fmt.Sprint(found) != fmt.Sprint(expected) {
		return fmt.Errorf("%s: %v instead of %v", what, found, expected)
	}
	return nil
}

func franz(codec string, compression kgo.CompressionCodec) func(context.Context) error {
	return func(ctx context.Context) error {
		topic := "franz-" + codec + "-" + run
		producer, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.ProducerBatchCompression(compression),
			kgo.RecordPartitioner(kgo.ManualPartitioner()))
		if err != nil {
			return err
		}
		defer producer.Close()
		admin := kadm.NewClient(producer)
		if _, err = admin.CreateTopic(ctx, 2, 1, nil, topic); err != nil {
			return err
		}
		var sent []*kgo.Record
		for number := range records {
			sent = append(sent, &kgo.Record{Topic: topic, Partition: 1, Key: []byte("key"), Value: []byte(value(number, codec))})
		}
		if err = producer.ProduceSync(ctx, sent...).FirstErr(); err != nil {
			return err
		}
		consumer, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.ConsumePartitions(
			map[string]map[int32]kgo.Offset{topic: {1: kgo.NewOffset().At(5)}}))
		if err != nil {
			return err
		}
		defer consumer.Close()
		for next := 5; next < records; {
			fetches := consumer.PollFetches(ctx)
			if errs := fetches.Errors(); len(errs) > 0 {
				return errs[0].Err
			}
			for _, record := range fetches.Records() {
				if err = expect("record", string(record.Value), value(next, codec)); err != nil {
					return err
				}
				next++
			}
		}
		ends, err := admin.ListEndOffsets(ctx, topic)
		if err != nil {
			return err
		}
		end, _ := ends.Lookup(topic, 1)
		if err = expect("end", end.Offset, records); err != nil {
			return err
		}
		after, err := admin.ListOffsetsAfterMilli(ctx, 1000, topic)
		if err != nil {
			return err
		}
		first, _ := after.Lookup(topic, 1)
		if err = expect("first since 1 s", first.Offset, 0); err != nil {
			return err
		}
		_, err = admin.DeleteTopics(ctx, topic)
		return err
	}
}

func saramaRoundTrip(codec string, compression sarama.CompressionCodec, idempotent bool) func(context.Context) error {
	return func(ctx context.Context) error {
		topic := fmt.Sprintf("sarama-%s-%t-%s", codec, idempotent, run)
		config := sarama.NewConfig()
		config.Version = sarama.MaxVersion
		config.Producer.Return.Successes = true
		config.Producer.RequiredAcks = sarama.WaitForAll
		config.Producer.Compression = compression
		config.Producer.Idempotent = idempotent
		config.Producer.Partitioner = sarama.NewManualPartitioner
		if idempotent {
			config.Net.MaxOpenRequests = 1
		}
		admin, err := sarama.NewClusterAdmin([]string{broker}, config)
		if err != nil {
			return err
		}
		defer admin.Close()
		if err = admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}, false); err != nil {
			return err
		}
		producer, err := sarama.NewSyncProducer([]string{broker}, config)
		if err != nil {
			return err
		}
		defer producer.Close()
		var sent []*sarama.ProducerMessage
		for number := range records {
			sent = append(sent, &sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder(value(number, codec))})
		}
		if err = producer.SendMessages(sent); err != nil {
			return err
		}
		consumer, err := sarama.NewConsumer([]string{broker}, config)
		if err != nil {
			return err
		}
		defer consumer.Close()
		partition, err := consumer.ConsumePartition(topic, 0, sarama.OffsetOldest)
		if err != nil {
			return err
		}
		defer partition.Close()
		for next := range records {
			select {
			case message := <-partition.Messages():
				if err = expect("record", string(message.Value), value(next, codec)); err != nil {
					return err
				}
			case <-ctx.Done():
				return fmt.Errorf("record %d: %w", next, ctx.Err())
			}
		}
		return admin.DeleteTopic(topic)
	}
}

func segmentio(codec string, compression kafka.Compression) func(context.Context) error {
	return func(ctx context.Context) error {
		topic := "segmentio-" + codec + "-" + run
		client := &kafka.Client{Addr: kafka.TCP(broker)}
		if _, err := client.CreateTopics(ctx, &kafka.CreateTopicsRequest{
			Topics: []kafka.TopicConfig{{Topic: topic, NumPartitions: 1, ReplicationFactor: 1}}}); err != nil {
			return err
		}
		writer := &kafka.Writer{Addr: kafka.TCP(broker), Topic: topic, RequiredAcks: kafka.RequireAll,
			Compression: compression, BatchTimeout: 5 * time.Millisecond}
		defer writer.Close()
		var sent []kafka.Message
		for number := range records {
			sent = append(sent, kafka.Message{Value: []byte(value(number, codec))})
		}
		if err := writer.WriteMessages(ctx, sent...); err != nil {
			return err
		}
		reader := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{broker}, Topic: topic, Partition: 0, MaxWait: time.Second})
		defer reader.Close()
		if err := reader.SetOffset(3); err != nil {
			return err
		}
		for next := 3; next < records; next++ {
			message, err := reader.ReadMessage(ctx)
			if err != nil {
				return fmt.Errorf("record %d: %w", next, err)
			}
			if err = expect("record", string(message.Value), value(next, codec)); err != nil {
				return err
			}
		}
		return nil
	}
}

func main() {
	broker = os.Args[1]
	check("franz-go none", franz("none", kgo.NoCompression()))
	check("franz-go gzip", franz("gzip", kgo.GzipCompression()))
	check("franz-go snappy", franz("snappy", kgo.SnappyCompression()))
	check("franz-go lz4", franz("lz4", kgo.Lz4Compression()))
	check("franz-go zstd", franz("zstd", kgo.ZstdCompression()))
	for _, codec := range []sarama.CompressionCodec{sarama.CompressionNone, sarama.CompressionGZIP, sarama.CompressionSnappy,
		sarama.CompressionLZ4, sarama.CompressionZSTD} {
		check("sarama "+codec.String(), saramaRoundTrip(codec.String(), codec, false))
	}
	check("sarama idempotent", saramaRoundTrip("none", sarama.CompressionNone, true))
	check("kafka-go none", segmentio("none", 0))
	for _, codec := range []kafka.Compression{kafka.Gzip, kafka.Snappy, kafka.Lz4, kafka.Zstd} {
		check("kafka-go "+codec.String(), segmentio(codec.String(), codec))
	}
	fmt.Printf("%d failed\n", failures)
	os.Exit(failures)
}
