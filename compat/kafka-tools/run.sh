#!/usr/bin/env bash
# Kafka's own command line tools and kcat against a fresh Ottla; the files it leaves are then read by Kafka's dump tool.
# Prints one line a check, `name PASS|FAIL seconds`; exits with the number of failures. Needs java 17, mvn, python3, kcat.
#   LINES=1000000 compat/kafka-tools/run.sh
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
kafka=${KAFKA:-$root/compat/apache-kafka/kafka}
lines=${LINES:-1000000}
work=$(mktemp -d)
port=$(python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])')
broker=127.0.0.1:$port
failures=0
ottla=${OTTLA_BIN:-$root/target/release/ottla}

finish() { [ -n "${pid:-}" ] && kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; rm -rf "$work"; }
trap finish EXIT

check() {
    local name=$1 started=$SECONDS
    shift
    if "$@" > "$work/out" 2>&1; then
        printf '%-40s PASS %3d\n' "$name" $((SECONDS - started))
    else
        printf '%-40s FAIL %3d\n' "$name" $((SECONDS - started))
        sed 's/^/    /' "$work/out" | tail -15
        failures=$((failures + 1))
    fi
}
# The output of a command must have this in it.
says() { local wanted=$1; shift; local said; said=$("$@" 2>&1) || { echo "$said"; return 1; }; grep -qF -- "$wanted" <<<"$said" || { echo "missing: $wanted"; echo "$said"; return 1; }; }
tool() { "$kafka" tool "$@"; }

"$kafka" get || exit 99
"$ottla" serve --override "listeners=PLAINTEXT://$broker" --override "advertised.listeners=PLAINTEXT://$broker" \
    --override "log.dirs=$work/data" --override ottla.http.listen=off > "$work/broker.log" 2>&1 &
pid=$!
"$ottla" status -b "$broker" --timeout 10s > /dev/null 2>&1 || sleep 2

B=(--bootstrap-server "$broker")
check topics-create            says 'Created topic' tool topics "${B[@]}" --create --topic tools --partitions 3 --config segment.bytes=1048576
check topics-create-again      says 'already exists' bash -c "! '$kafka' tool topics --bootstrap-server $broker --create --topic tools 2>&1 | tee /dev/stderr | grep -v 'already exists' | grep -q Exception; '$kafka' tool topics --bootstrap-server $broker --create --topic tools 2>&1 || true"
check topics-list              says tools tool topics "${B[@]}" --list
check topics-describe          says 'PartitionCount: 3' tool topics "${B[@]}" --describe --topic tools
check topics-describe-configs  says 'segment.bytes=1048576' tool topics "${B[@]}" --describe --topic tools
check topics-alter-partitions  tool topics "${B[@]}" --alter --topic tools --partitions 5
check configs-describe         says 'segment.bytes=1048576' tool configs "${B[@]}" --describe --entity-type topics --entity-name tools
check configs-describe-all     says 'retention.ms=604800000' tool configs "${B[@]}" --describe --all --entity-type topics --entity-name tools
check configs-alter            says 'Completed updating' tool configs "${B[@]}" --alter --entity-type topics --entity-name tools --add-config retention.ms=3600000
check configs-altered          says 'retention.ms=3600000' tool configs "${B[@]}" --describe --entity-type topics --entity-name tools
check configs-delete           says 'Completed updating' tool configs "${B[@]}" --alter --entity-type topics --entity-name tools --delete-config retention.ms
check configs-brokers          says 'log.retention.hours' tool configs "${B[@]}" --describe --all --entity-type brokers --entity-name 1
check broker-api-versions      says 'Produce(0): 0 to 13' tool broker-api-versions "${B[@]}"
check console-producer         bash -c "seq 1 100 | '$kafka' tool console-producer --bootstrap-server $broker --topic tools --property max.block.ms=10000"
check get-offsets              bash -c "test \$('$kafka' tool get-offsets --bootstrap-server $broker --topic tools | awk -F: '{n+=\$3} END {print n}') = 100"
check console-consumer         bash -c "for p in 0 1 2 3 4; do '$kafka' tool console-consumer --bootstrap-server $broker --topic tools --partition \$p --offset earliest --timeout-ms 4000 2>/dev/null; done | sort -n | cmp - <(seq 1 100)"
check producer-perf-idempotent says '200000 records sent' tool producer-perf-test --topic tools --num-records 200000 --record-size 100 --throughput -1 --producer-props bootstrap.servers="$broker" acks=all enable.idempotence=true
check producer-perf-zstd       says '100000 records sent' tool producer-perf-test --topic tools --num-records 100000 --record-size 100 --throughput -1 --producer-props bootstrap.servers="$broker" acks=all compression.type=zstd

seq -f 'line %.0f of the round trip, padded a little' 1 "$lines" > "$work/lines"
for codec in none gzip snappy lz4 zstd; do
    check "kcat-$codec-topic" tool topics "${B[@]}" --create --topic "kcat-$codec" --partitions 1
    check "kcat-$codec" bash -c "kcat -q -b $broker -P -t kcat-$codec -p 0 -z $codec -X acks=all -l '$work/lines' && kcat -q -b $broker -C -t kcat-$codec -p 0 -o beginning -e -X check.crcs=true | cmp - '$work/lines'"
done
check topics-delete            tool topics "${B[@]}" --delete --topic kcat-gzip
check topics-deleted           bash -c "! '$kafka' tool topics --bootstrap-server $broker --list | grep -q '^kcat-gzip$'"
check metadata-list            says 'topic "tools" with 5 partitions' kcat -L -b "$broker"

kill -TERM "$pid"; wait "$pid"; stopped=$?; pid=
check clean-stop               test "$stopped" = 0

# Everything on disk, as Apache Kafka's own tool reads it.
dump() { # FILE, extra arguments: fails on any complaint
    local said
    said=$(tool dump-log --files "$@" 2>&1) || { echo "$said" | tail -5; return 1; }
    ! grep -iE 'exception|mismatch|does not|invalid|not.*valid|Index position|isvalid: false' <<<"$said" | grep -v 'isvalid: true'
}
for log in "$work"/data/tools-*/*.log "$work"/data/kcat-zstd-0/*.log; do
    [ -s "$log" ] && check "dump $(basename "$(dirname "$log")")/$(basename "$log")" dump "$log" --deep-iteration
done
for index in "$work"/data/tools-*/*.index "$work"/data/kcat-*/*.index; do
    [ -s "$index" ] && check "sanity $(basename "$(dirname "$index")")/$(basename "$index")" dump "$index" --index-sanity-check
done
for index in "$work"/data/tools-*/*.timeindex; do
    [ -s "$index" ] && check "time $(basename "$(dirname "$index")")/$(basename "$index")" dump "$index"
done
for snapshot in "$work"/data/tools-*/*.snapshot; do
    [ -s "$snapshot" ] && check "snapshot $(basename "$snapshot")" dump "$snapshot"
done
check metadata-log             says TOPIC_RECORD tool dump-log --cluster-metadata-decoder --files "$work/data/__cluster_metadata-0/00000000000000000000.log"

echo "$failures failed"
exit "$failures"
