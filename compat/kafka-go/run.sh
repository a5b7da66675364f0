#!/usr/bin/env bash
# segmentio kafka-go's own tests: compat/kafka-go/run.sh [ottla|kafka] [test]. README.md says what it needs.
source "$(dirname "$0")/../suite.sh"
suite_begin "$@"
go_sources github.com/segmentio/kafka-go v0.4.50 sh -c 'go mod tidy && go vet . ; true'
# The addresses localhost:9092 and, with SASL, localhost:9093 stand in the tests.
broker_up main 9092 group.initial.rebalance.delay.ms=0 num.partitions=1 message.max.bytes=200000000 advertised.listeners=PLAINTEXT://localhost:9092
export KAFKA_SKIP_NETTEST=1 KAFKA_VERSION=4.3.1
# Two tests of the consumer group call a function that is nil and end the process.
skip='^TestReaderConsumerGroup$/^(verify_offset_committed.*|consumer_group_commits_on_close)$'
(cd "$sources" && timeout 1500 go test -json -p 1 -count=1 -timeout 20m -skip "$skip" ${pattern:+-run "$pattern"} ./... > "$logs/tests.json" 2>&1)
python3 "$root/compat/go_results.py" < "$logs/tests.json" | tee -a "$results"
suite_end
