#!/usr/bin/env bash
# A mixed log of Ottla's (all codecs, transactions that end both ways, compaction) read by Kafka's dump tool, every record, and by
# Apache Kafka itself, started on a copy of the partition directories. The copies keep all of their files; only partition.metadata is
# Kafka's own, since the topics have other ids there. Needs java 17, mvn, python3.
#   MEGABYTES=5000 compat/kafka-tools/adopt.sh
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
kafka=${KAFKA:-$root/compat/apache-kafka/kafka}
ottla=${OTTLA_BIN:-$root/target/release/ottla}
megabytes=${MEGABYTES:-200}
work=$(mktemp -d)
instance=adopt-$$
codecs="none gzip snappy lz4 zstd"
pid=
free_port() { python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])'; }
finish() {
    [ -n "$pid" ] && kill -TERM "$pid" 2> /dev/null && wait "$pid"
    "$kafka" down "$instance" > /dev/null 2>&1
    rm -rf "$work"
}
trap finish EXIT
fail() { echo "FAIL: $*"; exit 1; }

port=$(free_port)
broker=127.0.0.1:$port
"$ottla" serve --override "listeners=PLAINTEXT://$broker" --override "advertised.listeners=PLAINTEXT://$broker" \
    --override "log.dirs=$work/ottla" --override log.cleaner.backoff.ms=300 --override ottla.http.listen=off \
    --override log.segment.bytes=67108864 > "$work/ottla.log" 2>&1 &
pid=$!
for _ in $(seq 100); do "$ottla" status -q -b "$broker" 2> /dev/null && break; sleep 0.1; done

topic() { "$kafka" tool topics --bootstrap-server "$1" --create --topic "$2" --partitions 1 --replication-factor 1 "${@:3}" > /dev/null || fail "topic $2"; }
topics=""
topic "$broker" transactions
topic "$broker" compacted --config cleanup.policy=compact --config segment.bytes=4194304 --config min.cleanable.dirty.ratio=0.01
for codec in $codecs; do topic "$broker" "codec-$codec"; topics="$topics codec-$codec"; done
topics="$topics transactions compacted"

# A share of the bytes for each topic, in records of 1,000 bytes.
records=$((megabytes * 1000 / 7))
for codec in $codecs; do
    "$kafka" tool producer-perf-test --topic "codec-$codec" --num-records $records --record-size 1000 --throughput -1 \
        --producer-props "bootstrap.servers=$broker" acks=all "compression.type=$codec" > "$work/out" 2>&1 || fail "$(cat "$work/out")"
done
"$kafka" tool producer-perf-test --topic transactions --num-records $records --record-size 1000 --throughput -1 --transactional-id mixed \
    --transaction-duration-ms 100 --producer-props "bootstrap.servers=$broker" acks=all > "$work/out" 2>&1 || fail "$(cat "$work/out")"
# What a producer leaves that dies in a transaction is aborted by the next one of its id.
timeout -s KILL 8 "$kafka" tool producer-perf-test --topic transactions --num-records 100000 --record-size 1000 --throughput 2000 \
    --transactional-id dies --transaction-duration-ms 60000 --producer-props "bootstrap.servers=$broker" > /dev/null 2>&1
"$kafka" tool producer-perf-test --topic transactions --num-records 1000 --record-size 1000 --throughput -1 --transactional-id dies \
    --transaction-duration-ms 100 --producer-props "bootstrap.servers=$broker" > "$work/out" 2>&1 || fail "$(cat "$work/out")"
seq $((records / 4)) | awk '{ printf "key-%d\tvalue %d of many that say something\n", $1 % 5000, $1 }' |
    "$kafka" tool console-producer --bootstrap-server "$broker" --topic compacted \
        --reader-property parse.key=true --compression-codec lz4 > "$work/out" 2>&1 || fail "$(cat "$work/out")"
sleep 5

end_of() { "$kafka" tool get-offsets --bootstrap-server "$1" --topic "$2" --time -1 | cut -d: -f3; }
# Every record with its offset, time and key, as Kafka's own consumer reads them at this isolation.
digest() {
    "$kafka" tool console-consumer --bootstrap-server "$1" --topic "$2" --partition 0 --offset earliest --isolation-level "$3" \
        --timeout-ms 8000 --formatter-property print.offset=true --formatter-property print.timestamp=true \
        --formatter-property print.key=true 2> /dev/null | tee >(wc -l > "$work/count") | sha256sum | cut -c1-16
    sleep 0.2
}
declare -A before ends
for name in $topics; do
    ends[$name]=$(end_of "$broker" "$name")
    for isolation in read_uncommitted read_committed; do
        before[$name,$isolation]="$(digest "$broker" "$name" $isolation) $(cat "$work/count")"
    done
done
kill -TERM "$pid" && wait "$pid"
pid=

for name in $topics; do
    for segment in "$work/ottla/$name-0"/*.log; do
        "$kafka" tool dump-log --deep-iteration --files "$segment" > "$work/dump" 2>&1 || fail "dump-log of $segment"
        grep -q "isvalid: false\|CorruptRecord\|InvalidRecord" "$work/dump" && fail "dump-log finds damage in $segment"
        grep -c "offset:.*keySize" "$work/dump"
    done | awk -v name="$name" '{ sum += $1 } END { printf "%-14s dump-log read %d records\n", name, sum }'
done

kport=$(free_port)
kbroker=127.0.0.1:$kport
"$kafka" up "$instance" "$kport" > /dev/null || fail "Kafka does not start"
adopting=$(dirname "$("$kafka" log "$instance")")/data
topic "$kbroker" transactions
topic "$kbroker" compacted --config cleanup.policy=compact
for codec in $codecs; do topic "$kbroker" "codec-$codec"; done
"$kafka" down "$instance" --keep || fail "Kafka does not stop"
for name in $topics; do
    cp "$adopting/$name-0/partition.metadata" "$work/metadata"
    rm -rf "$adopting/$name-0"
    cp -r "$work/ottla/$name-0" "$adopting/$name-0"
    cp "$work/metadata" "$adopting/$name-0/partition.metadata"
done
# Nothing is believed of what Kafka noted of its own, empty logs: it checks and indexes all of ours.
rm -f "$adopting"/*-checkpoint "$adopting/.kafka_cleanshutdown"
"$kafka" up "$instance" "$kport" > /dev/null || fail "Kafka does not start on the copy"
failures=0
for name in $topics; do
    [ "$(end_of "$kbroker" "$name")" = "${ends[$name]}" ] || { echo "$name: another end"; failures=$((failures + 1)); }
    for isolation in read_uncommitted read_committed; do
        after="$(digest "$kbroker" "$name" $isolation) $(cat "$work/count")"
        verdict=same
        [ "$after" = "${before[$name,$isolation]}" ] || { verdict=DIFFERS; failures=$((failures + 1)); }
        printf '%-14s %-17s %s: %s records, Ottla %s\n' "$name" "$isolation" "$verdict" "${after#* }" "${before[$name,$isolation]}"
    done
done
du -sm "$work/ottla" | awk '{ print $1 " MB of Ottla" }'
[ "$failures" = 0 ] && echo "PASS: $megabytes MB" || fail "$failures differences"
