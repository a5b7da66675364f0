#!/usr/bin/env bash
# Drivers in Java that prove exactly-once: Kafka's TransactionalMessageCopier, Transactions.java with three versions of the
# clients, Kafka Streams' smoke test. The first copies topics in transactions, a third of them aborted; what a
# read_committed consumer sees is compared with what went in: nothing lost, nothing twice, nothing in another order, nothing of an aborted
# transaction.
# KILLS=100 kills Ottla so often while each copier runs, at random moments; then RECORDS have to be many enough for that long.
#   run.sh [ottla|kafka] [pattern]
source "$(dirname "$0")/../suite.sh"
suite_begin "$@"
kills=${KILLS:-0}
[ "$broker" = ottla ] || kills=0
# A copier that is killed under has to last: small transactions take longer.
records=${RECORDS:-$((kills > 0 ? 2000 * kills : 20000))}
size=${TRANSACTION_SIZE:-$((kills > 0 ? 20 : 500))}

# committed TOPIC: the numbers that a read_committed consumer sees, one a line.
committed() {
    "$kafka" tool console-consumer --bootstrap-server "$address" --topic "$1" --from-beginning --timeout-ms 8000 \
        --consumer-property isolation.level=read_committed 2>> "$logs/tools.log" | grep -x '[0-9]*'
}

# kill_under PID: kills the broker at random moments, half a second apart on average, as long as the process lives; counts in $killed.
kill_under() {
    while [ "$killed" -lt "$kills" ] && kill -0 "$1" 2> /dev/null; do
        sleep "0.$((RANDOM % 9))$((RANDOM % 10))"
        kill -0 "$1" 2> /dev/null || return
        broker_kill one
        killed=$((killed + 1))
    done
}

copy() {
    local name=$1 tag=$2 begun seconds
    shift 2
    [[ $name == *$pattern* ]] || return 0
    begun=$(date +%s.%N)
    "$kafka" tool topics --bootstrap-server "$address" --create --topic "in-$tag" --partitions 1 --replication-factor 1 > /dev/null
    "$kafka" tool topics --bootstrap-server "$address" --create --topic "out-$tag" --partitions 1 --replication-factor 1 > /dev/null
    seq "$records" | "$kafka" tool console-producer --bootstrap-server "$address" --topic "in-$tag" > /dev/null 2>> "$logs/tools.log"
    timeout "${SECONDS_MAX:-600}" "$kafka" class org.apache.kafka.tools.TransactionalMessageCopier --broker-list "$address" \
        --input-topic "in-$tag" --input-partition 0 --output-topic "out-$tag" --consumer-group "copier-$tag" \
        --transaction-size "$size" --transactional-id "copier-$tag" --max-messages "$records" --enable-random-aborts "$@" \
        > "$logs/copier-$tag.log" 2>&1 &
    local copier=$! killed=0 left
    kill_under "$copier"
    wait "$copier"
    left=$?
    # One partition each: the copies stand in the order of the input.
    committed "out-$tag" > "$work/out-$tag"
    seconds=$(awk "BEGIN { printf \"%.2f\", $(date +%s.%N) - $begun }")
    local out distinct
    out=$(wc -l < "$work/out-$tag")
    distinct=$(sort -nu "$work/out-$tag" | wc -l)
    if [ "$killed" -lt "$kills" ]; then
        result "$name" FAIL "$seconds" "the copier was done after $killed of $kills kills: more RECORDS"
    elif [ "$left" = 0 ] && seq "$records" | cmp -s - "$work/out-$tag"; then
        result "$name" PASS "$seconds" "$records in, $distinct distinct read_committed out, $killed kills"
    else
        result "$name" FAIL "$seconds" "the copier ended with $left; $records in, $out out, $distinct distinct"
    fi
}

# jars NAME POM [option]...: fetched once into the cache.
jars() {
    local into=$cache/$1 pom=$suite_folder/$2
    shift 2
    [ -e "$into/.complete" ] && return
    rm -rf "$into"
    mvn --quiet --batch-mode --file "$pom" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$into" "$@" \
        >> "$logs/mvn.log" 2>&1 && touch "$into/.complete"
}

# transactions VERSION: Java's clients of this version.
transactions() {
    local name="Transactions.java with clients $1" begun=$SECONDS
    [[ $name == *$pattern* ]] || return 0
    jars "clients-$1" clients.xml -Dclient.version="$1"
    if timeout 300 java -cp "$cache/clients-$1/*" "$suite_folder/Transactions.java" "$address" "java-${1//./-}" > "$logs/clients-$1.log" 2>&1; then
        result "$name" PASS $((SECONDS - begun)) "$(grep -o 'SUCCESS.*' "$logs/clients-$1.log")"
    else
        result "$name" FAIL $((SECONDS - begun)) "see $logs/clients-$1.log"
    fi
}

# smoke GUARANTEE: Kafka Streams' own smoke test, driver and two instances, one of which is killed on the way.
smoke() {
    local name="StreamsSmokeTest $1" begun=$SECONDS instances=() at topic
    [[ $name == *$pattern* ]] || return 0
    jars streams streams.xml
    broker_up "$1" 0
    for topic in data fk echo max min min-suppressed min-raw dif sum sws-raw sws-suppressed cnt avg tagg; do
        "$ottla" topic create "$topic" -p 5 -q -b "$address" > /dev/null
    done
    for at in 1 2; do
        printf '%s\n' "bootstrap.servers=$address" "processing.guarantee=$1" replication.factor=1 "state.dir=$work/streams-$1-$at" \
            > "$work/streams-$1-$at.properties"
        java -Xmx400m -cp "$cache/streams/*" org.apache.kafka.streams.tests.StreamsSmokeTest "$work/streams-$1-$at.properties" process \
            > "$logs/streams-$1-$at.log" 2>&1 &
        instances+=($!)
    done
    java -Xmx300m -cp "$cache/streams/*" org.apache.kafka.streams.tests.StreamsSmokeTest "$work/streams-$1-1.properties" run \
        > "$logs/streams-$1-driver.log" 2>&1 &
    local driver=$!
    sleep 40
    kill -KILL "${instances[1]}"
    timeout 600 tail --pid="$driver" -f /dev/null
    kill -KILL "$driver" 2> /dev/null
    kill -TERM "${instances[0]}" 2> /dev/null
    wait "$driver" "${instances[@]}" 2> /dev/null
    local said told=$logs/streams-$1-driver.log
    said=$(grep -oE '^(SUCCESS|FAILURE|FAILED|PROCESSED-[A-Z-]*|ALL-RECORDS-DELIVERED|record(Generated|Processed)=.*)' "$told" | paste -sd' ')
    # With at_least_once what the killed instance had not committed is counted twice.
    case $1/$said in
    */*SUCCESS* | at_least_once/*PROCESSED-MORE-THAN-GENERATED*ALL-RECORDS-DELIVERED*) result "$name" PASS $((SECONDS - begun)) "$said" ;;
    *) result "$name" FAIL $((SECONDS - begun)) "$said; see $told" ;;
    esac
    broker_down "$1"
}

broker_up one 0
copy "TransactionalMessageCopier --enable-random-aborts" plain
copy "TransactionalMessageCopier --enable-random-aborts --group-mode --use-group-metadata" group --group-mode --use-group-metadata
for version in 4.3.1 3.9.2 2.8.2; do transactions "$version"; done
broker_down one
smoke exactly_once_v2
smoke at_least_once
suite_end
