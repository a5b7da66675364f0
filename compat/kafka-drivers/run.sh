#!/usr/bin/env bash
# Apache Kafka's own drivers, each a whole client against its promises: what the clients can, compaction, joins of Kafka Streams.
#   run.sh [ottla|kafka] [pattern]
source "$(dirname "$0")/../suite.sh"
suite_begin "$@"
"$kafka" get || exit 99

# drive NAME COMMAND...: passes when the command does; the last line of what it says is the note.
drive() {
    local name=$1 begun=$SECONDS said=FAIL
    shift
    [[ $name == *$pattern* ]] || return 0
    log=$logs/${name%% *}.log
    "$@" > "$log.note" 2>&1 && said=PASS
    result "$name" "$said" $((SECONDS - begun)) "$(tail -1 "$log.note" | tr '\t' ' ')"
}
topics() { # PARTITIONS NAME...
    local partitions=$1 name
    shift
    for name in "$@"; do "$ottla" topic create "$name" -p "$partitions" -b "$address" > /dev/null || return 1; done
}
promises() { # whether access control lists are among them
    "$ottla" topic delete newtopic --if-exists -q -b "$address" > /dev/null
    topics 1 "promises-$1" || return 1
    timeout 120 "$kafka" class org.apache.kafka.tools.ClientCompatibilityTest --bootstrap-server "$address" --topic "promises-$1" --num-cluster-nodes 1 \
        --offsets-for-times-supported true --cluster-id-supported true --expect-record-too-large-exception false \
        --create-topics-supported true --describe-acls-supported "$1" --describe-configs-supported true \
        --idempotent-producer-supported true > "$log" 2>&1
    grep -E 'SUCCESS|FAILURE|Exception' "$log" | tail -1
    grep -q '^SUCCESS' "$log"
}
compacts() {
    timeout 300 "$kafka" class org.apache.kafka.tools.LogCompactionTester --bootstrap-server "$address" --messages 100000 --topics 2 \
        --percent-deletes 20 --sleep 20 > "$log" 2>&1
    local left=$?
    grep -o 'Validated [0-9]* values.*' "$log" | tail -1
    [ "$left" = 0 ] && grep -q 'Validated [0-9]* values, 0 mismatches' "$log"
}
streams() { # CLASS ARGUMENT...
    exec java -Xmx256m "-Dlog4j2.configurationFile=$root/compat/apache-kafka/log4j2.properties" -Dkafka.log.level=INFO \
        -cp "$cache/jars/*:${OTTLA_KAFKA_HOME:-$HOME/.cache/ottla/apache-kafka}/jars/*" "org.apache.kafka.streams.tests.$1" "${@:2}"
}
# Two instances join by foreign key. The driver ends with 0 in any case; what it found is a line of its log.
joins() {
    local one two
    [ -e "$cache/jars/.complete" ] || mvn --quiet --batch-mode --file "$suite_folder/pom.xml" dependency:copy-dependencies \
        -DincludeScope=runtime "-DoutputDirectory=$cache/jars" && touch "$cache/jars/.complete" || return 1
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
drive "ClientCompatibilityTest" promises true
drive "ClientCompatibilityTest without ACLs" promises false
drive "LogCompactionTester --messages 100000 --topics 2 --percent-deletes 20 --sleep 20" compacts
drive "RelationalSmokeTest driver + 2 application instances, exactly_once_v2, classic" joins
broker_down one
suite_end
