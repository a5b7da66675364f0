#!/usr/bin/env bash
# confluent-kafka-go's own integration tests: compat/confluent-kafka-go/run.sh [ottla|kafka] [test].
source "$(dirname "$0")/../suite.sh"
suite_begin "$@"
go_sources github.com/confluentinc/confluent-kafka-go/v2 v2.14.1 sh -c 'cd kafka && go test -c -o ../kafka.test .'
broker_up main 0 group.initial.rebalance.delay.ms=0 num.partitions=4 broker.rack=RACK1 group.coordinator.rebalance.protocols=classic,consumer
"$ottla" topic create test -p 4 -b "$address" > /dev/null
cat > "$sources/kafka/testconf.json" <<JSON
{"Brokers": "$address", "BrokersSasl": "$address", "SaslUsername": "testuser", "SaslPassword": "testpass", "SaslMechanism": "PLAIN",
 "TopicName": "test", "GroupID": "testgroup", "PerfMsgCount": 1000, "PerfMsgSize": 100}
JSON
part() {
    (cd "$sources/kafka" && timeout 1000 go tool test2json -t "$sources/kafka.test" -test.v -test.count=1 -test.timeout 15m "$@" > "$logs/$part.json" 2>&1)
    python3 "$root/compat/go_results.py" < "$logs/$part.json" | tee -a "$results"
}
part=all part -test.skip TestConsumerCloseForStaticMember ${pattern:+-test.run "$pattern"}
# Once hung for good, on Apache Kafka too: alone, and with its own limit.
[ -n "$pattern" ] || part=alone part -test.run TestConsumerCloseForStaticMember -test.timeout 60s
suite_end
