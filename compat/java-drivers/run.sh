#!/usr/bin/env bash
# Copies topics in transactions with Apache Kafka's TransactionalMessageCopier, half of them aborted, and compares what a
# read_committed consumer sees with what went in: nothing lost, nothing twice, nothing of an aborted transaction.
#   run.sh [ottla|kafka] [pattern]
source "$(dirname "$0")/../suite.sh"
suite_begin "$@"
records=${RECORDS:-20000}

# committed TOPIC: the numbers that a read_committed consumer sees, one a line.
committed() {
    "$kafka" tool console-consumer --bootstrap-server "$address" --topic "$1" --from-beginning --timeout-ms 8000 \
        --consumer-property isolation.level=read_committed 2>> "$logs/tools.log" | grep -x '[0-9]*'
}

copy() {
    local name=$1 tag=$2 begun seconds
    shift 2
    [[ $name == *$pattern* ]] || return 0
    begun=$(date +%s.%N)
    "$kafka" tool topics --bootstrap-server "$address" --create --topic "in-$tag" --partitions 1 --replication-factor 1 > /dev/null
    "$kafka" tool topics --bootstrap-server "$address" --create --topic "out-$tag" --partitions 1 --replication-factor 1 > /dev/null
    seq "$records" | "$kafka" tool console-producer --bootstrap-server "$address" --topic "in-$tag" > /dev/null 2>> "$logs/tools.log"
    timeout 300 "$kafka" class org.apache.kafka.tools.TransactionalMessageCopier --broker-list "$address" \
        --input-topic "in-$tag" --input-partition 0 --output-topic "out-$tag" --consumer-group "copier-$tag" \
        --transaction-size 500 --transactional-id "copier-$tag" --max-messages "$records" --enable-random-aborts "$@" \
        > "$logs/copier-$tag.log" 2>&1
    local left=$?
    committed "out-$tag" | sort -n > "$work/out-$tag"
    seconds=$(awk "BEGIN { printf \"%.2f\", $(date +%s.%N) - $begun }")
    local out distinct
    out=$(wc -l < "$work/out-$tag")
    distinct=$(sort -nu "$work/out-$tag" | wc -l)
    if [ "$left" = 0 ] && seq "$records" | cmp -s - "$work/out-$tag"; then
        result "$name" PASS "$seconds" "$records in, $distinct distinct read_committed out"
    else
        result "$name" FAIL "$seconds" "the copier ended with $left; $records in, $out out, $distinct distinct"
    fi
}

broker_up one 0
copy "TransactionalMessageCopier --enable-random-aborts" plain
copy "TransactionalMessageCopier --enable-random-aborts --group-mode --use-group-metadata" group --group-mode --use-group-metadata
broker_down one
suite_end
