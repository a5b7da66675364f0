#!/usr/bin/env bash
# Apache Kafka's own drivers: a whole client against its promises, transactions with random aborts, compaction, Kafka Streams.
#   run.sh [ottla|kafka] [pattern]
source "$(dirname "$0")/../suite.sh"
suite_begin "$@"
records=${RECORDS:-20000}
"$kafka" get || exit 99
if [ ! -e "$cache/jars/.complete" ]; then
    mvn --quiet --batch-mode --file "$suite_folder/pom.xml" dependency:copy-dependencies -DincludeScope=runtime \
        "-DoutputDirectory=$cache/jars" && touch "$cache/jars/.complete" || exit 99
fi
jars=${OTTLA_KAFKA_HOME:-$HOME/.cache/ottla/apache-kafka}/jars

topic() { "$kafka" tool topics --bootstrap-server "$address" --create --topic "$1" --partitions "$2" --replication-factor 1 > /dev/null; }
topics() { # PARTITIONS NAME...: by the broker's own command, which is quicker
    local partitions=$1 name
    shift
    for name in "$@"; do "$ottla" topic create "$name" -p "$partitions" -b "$address" > /dev/null || return 1; done
}
streams() { # CLASS ARGUMENT...
    exec java -Xmx256m "-Dlog4j2.configurationFile=$root/compat/apache-kafka/log4j2.properties" -Dkafka.log.level=INFO -cp "$cache/jars/*:$jars/*" \
        "org.apache.kafka.streams.tests.$1" "${@:2}"
}
# drive NAME COMMAND...: passes when the command does; the last line of what it says is the note.
drive() {
    local name=$1 begun seconds said=FAIL
    shift
    [[ $name == *$pattern* ]] || return 0
    begun=$(date +%s.%N)
    log=$logs/${name//[^A-Za-z0-9]/-}.log
    "$@" > "$log.note" 2>&1 && said=PASS
    seconds=$(awk "BEGIN { printf \"%.2f\", $(date +%s.%N) - $begun }")
    result "$name" "$said" "$seconds" "$(tail -1 "$log.note" | tr '\t' ' ')"
}

# The numbers of a topic that a read_committed consumer sees, one a line.
committed() {
    "$kafka" tool console-consumer --bootstrap-server "$address" --topic "$1" --from-beginning --timeout-ms 8000 \
        --consumer-property isolation.level=read_committed 2>> "$logs/tools.log" | grep -x '[0-9]*'
}
copy() { # TAG OPTION...
    local tag=$1 left out distinct
    shift
    topic "in-$tag" 1 && topic "out-$tag" 1 || return 1
    seq "$records" | "$kafka" tool console-producer --bootstrap-server "$address" --topic "in-$tag" > /dev/null 2>> "$logs/tools.log"
    timeout 300 "$kafka" class org.apache.kafka.tools.TransactionalMessageCopier --broker-list "$address" \
        --input-topic "in-$tag" --input-partition 0 --output-topic "out-$tag" --consumer-group "copier-$tag" \
        --transaction-size 500 --transactional-id "copier-$tag" --max-messages "$records" --enable-random-aborts "$@" > "$log" 2>&1
    left=$?
    committed "out-$tag" | sort -n > "$work/out-$tag"
    out=$(wc -l < "$work/out-$tag")
    distinct=$(sort -nu "$work/out-$tag" | wc -l)
    echo "the copier ended with $left; $records in, $out read_committed out, $distinct distinct"
    [ "$left" = 0 ] && seq "$records" | cmp -s - "$work/out-$tag"
}
promises() {
    topic promises 1 || return 1
    "$kafka" class org.apache.kafka.tools.ClientCompatibilityTest --bootstrap-server "$address" --topic promises --num-cluster-nodes 1 \
        --offsets-for-times-supported true --cluster-id-supported true --expect-record-too-large-exception false \
        --create-topics-supported true --describe-acls-supported true --describe-configs-supported true \
        --idempotent-producer-supported true > "$log" 2>&1
    grep -E 'SUCCESS|FAILURE|Exception' "$log" | tail -1
    grep -q '^SUCCESS' "$log"
}
compacts() {
    timeout 300 "$kafka" class org.apache.kafka.tools.LogCompactionTester --bootstrap-server "$address" --messages 100000 --topics 2 \
        --percent-deletes 20 --sleep 20 > "$log" 2>&1
    local left=$?
    tail -1 "$log"
    [ "$left" = 0 ] && grep -q 'Validated [0-9]* values, 0 mismatches' "$log"
}
# Ninety seconds of data through windows, joins and suppressions; the driver then adds up what must have come out.
smoke() {
    local role processing
    topics 5 echo data min min-suppressed min-raw max sum sws-raw sws-suppressed dif cnt avg wcnt tagg || return 1
    for role in run process; do
        printf '%s\n' "bootstrap.servers=$address" "state.dir=$work/$role" processing.guarantee=exactly_once_v2 replication.factor=1 \
            group.protocol=classic > "$work/$role.properties"
    done
    streams StreamsSmokeTest "$work/process.properties" process > "$log.process" 2>&1 &
    processing=$!
    (streams StreamsSmokeTest "$work/run.properties" run) > "$log" 2>&1
    kill "$processing"
    wait "$processing" 2> /dev/null
    grep -E '^(SUCCESS|FAILURE|PROCESSED)' "$log" | tail -1
    grep -q '^SUCCESS' "$log"
}
# Joins by foreign key. The driver ends with 0 in any case; what it found is a line of its log.
joins() {
    local one two
    topics 5 in-article in-comment out-augmented-article out-augmented-comment || return 1
    streams RelationalSmokeTest application "$address" 1 exactly_once_v2 classic "$work/one" > "$log.one" 2>&1 &
    one=$!
    streams RelationalSmokeTest application "$address" 2 exactly_once_v2 classic "$work/two" > "$log.two" 2>&1 &
    two=$!
    (streams RelationalSmokeTest driver "$address") > "$log" 2>&1
    kill "$one" "$two"
    wait "$one" "$two" 2> /dev/null
    grep -o 'Smoke test complete: .*' "$log" | tail -1
    grep -q 'Smoke test complete: passed' "$log"
}

broker_up one 0 group.initial.rebalance.delay.ms=0 num.partitions=1
drive "ClientCompatibilityTest" promises
drive "TransactionalMessageCopier --enable-random-aborts" copy plain
drive "TransactionalMessageCopier --enable-random-aborts --group-mode --use-group-metadata" copy group --group-mode --use-group-metadata
drive "LogCompactionTester --messages 100000 --topics 2 --percent-deletes 20 --sleep 20" compacts
drive "StreamsSmokeTest run + one process instance, exactly_once_v2, group.protocol=classic" smoke
drive "RelationalSmokeTest driver + 2 application instances, exactly_once_v2, classic" joins
broker_down one
suite_end
