#!/usr/bin/env bash
# Kafka's own command line tools and kcat against a fresh Ottla; the files it leaves are then read by Kafka's dump tool.
# Prints one line a check, `name PASS|FAIL seconds`; exits with the number of failures. Needs java 17, mvn, python3, kcat.
#   LINES=1000000 compat/kafka-tools/run.sh          BROKER=kafka asks Apache Kafka the same: what fails there is a wrong check
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
kafka=${KAFKA:-$root/compat/apache-kafka/kafka}
lines=${LINES:-1000000}
served_by=${BROKER:-ottla}
ottla=${OTTLA_BIN:-$root/target/release/ottla}
work=$(mktemp -d)
port=$(python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])')
broker=127.0.0.1:$port
instance=tools-$$
failures=0

start() {
    if [ "$served_by" = kafka ]; then
        "$kafka" up "$instance" "$port" "log.dirs=$work/data" log.cleaner.backoff.ms=300
        return
    fi
    "$ottla" serve --override "listeners=PLAINTEXT://$broker" --override "advertised.listeners=PLAINTEXT://$broker" \
        --override "log.dirs=$work/data" --override log.cleaner.backoff.ms=300 --override ottla.http.listen=off > "$work/broker.log" 2>&1 &
    pid=$!
    for _ in $(seq 100); do "$ottla" status -q -b "$broker" 2> /dev/null && return; sleep 0.1; done
    cat "$work/broker.log"
    return 1
}
# What the broker ended with.
stop() {
    if [ "$served_by" = kafka ]; then "$kafka" down "$instance"; return; fi
    [ -n "${pid:-}" ] || return 0
    local ending=$pid
    pid=
    kill -TERM "$ending" && wait "$ending"
}
finish() { stop > /dev/null 2>&1; rm -rf "$work"; }
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
# The command succeeds and its output has this in it.
says() {
    local wanted=$1 said
    shift
    said=$("$@" 2>&1) || { echo "$said"; return 1; }
    grep -qF -- "$wanted" <<< "$said" || { echo "missing: $wanted"; echo "$said"; return 1; }
}
# The command fails and its output has this in it.
refuses() {
    local wanted=$1 said
    shift
    if said=$("$@" 2>&1); then echo "succeeded: $said"; return 1; fi
    grep -qF -- "$wanted" <<< "$said" || { echo "missing: $wanted"; echo "$said"; return 1; }
}
# The command succeeds and prints nothing.
says_nothing() {
    local said
    said=$("$@" 2> /dev/null) || return 1
    [ -z "$said" ] || { echo "$said"; return 1; }
}
tool() { "$kafka" tool "$@"; }
# A tool that speaks to the broker.
ask() { local name=$1; shift; tool "$name" --bootstrap-server "$broker" "$@"; }
topics() { ask topics "$@"; }
configs() { ask configs "$@"; }

say_numbers() { seq 1 100 | ask console-producer --topic tools --command-property max.block.ms=10000; }
say_keys() { printf 'a\t1\nb\t2\na\t3\n' | ask console-producer --topic keyed --reader-property parse.key=true; }
# The sum of the offsets that get-offsets tells for a topic at a time.
offsets_add_up_to() {
    local said
    said=$(ask get-offsets --topic "$1" --time "$2" | awk -F: '{ sum += $3 } END { print sum + 0 }')
    [ "$said" = "$3" ] || { echo "they add up to $said"; return 1; }
}
hear_numbers() {
    for partition in 0 1 2 3 4; do
        ask console-consumer --topic tools --partition "$partition" --offset earliest --timeout-ms 4000 2> /dev/null
    done | sort -n | cmp - <(seq 1 100)
}
hear_keys() {
    local said
    said=$(ask console-consumer --topic keyed --partition 0 --offset 1 --max-messages 2 --timeout-ms 10000 \
        --formatter-property print.key=true --formatter-property print.offset=true 2> /dev/null)
    [ "$said" = $'Offset:1\tb\t2\nOffset:2\ta\t3' ] || { echo "$said"; return 1; }
}
round_trip() { # CODEC
    kcat -q -b "$broker" -P -t "kcat-$1" -p 0 -z "$1" -X acks=all -X enable.idempotence=true -l "$work/lines" &&
        kcat -q -b "$broker" -C -t "kcat-$1" -p 0 -o beginning -e -X check.crcs=true | cmp - "$work/lines"
}
produces() { # RECORDS, further producer settings
    local records=$1
    shift
    says "$records records sent" tool producer-perf-test --topic tools --num-records "$records" --record-size 100 \
        --throughput -1 --producer-props "bootstrap.servers=$broker" "$@"
}
groups() { ask consumer-groups "$@"; }
# All of a topic as a member of the group `tools`, which remembers where it stopped.
hear_as_group() {
    local said
    said=$(ask console-consumer --topic keyed --group tools --from-beginning --timeout-ms 8000 2> /dev/null | sort | paste -sd,)
    [ "$said" = "$1" ] || { echo "$said"; return 1; }
}
join_group() {
    tool console-consumer --bootstrap-server "$broker" --topic keyed --group tools > /dev/null 2>&1 &
    member=$!
    for _ in $(seq 60); do says Stable groups --describe --group tools --state > /dev/null && return; sleep 0.5; done
    return 1
}
# The tool starts a process of its own, which is the consumer.
leave_group() {
    pkill -TERM -P "$member" 2> /dev/null
    kill -TERM "$member" 2> /dev/null
    for _ in $(seq 60); do says Empty groups --describe --group tools --state > /dev/null && return; sleep 0.5; done
    return 1
}
# Where the only partition of the topic stands by the group's own words.
stands_at() { says "$1" groups --describe --group tools --offsets && groups --describe --group tools 2> /dev/null | awk '$2 == "keyed" { print $4 }' | grep -qx "$1"; }
# What one call plans goes to a file, and by it the offset is set.
reset_by_file() {
    ask consumer-groups --group tools --topic keyed --reset-offsets --to-offset 2 --export --dry-run > "$work/plan.csv" 2> /dev/null || return 1
    grep -q 'keyed' "$work/plan.csv" || { cat "$work/plan.csv"; return 1; }
    says keyed groups --group tools --reset-offsets --from-file "$work/plan.csv" --execute
}
# 200,000 records of 1,000 keys become few, and each key has its last value.
compacts() {
    seq 200000 | awk '{ print ($1 % 1000) ":value number " $1 }' > "$work/keyed"
    kcat -q -b "$broker" -P -t compacted -p 0 -K: -l "$work/keyed" || return 1
    local newest='{ last[$1] = $2 } END { for (key in last) print key ":" last[key] }'
    for _ in $(seq 100); do
        kcat -q -b "$broker" -C -t compacted -p 0 -K: -o beginning -e -X check.crcs=true > "$work/kept" || return 1
        [ "$(wc -l < "$work/kept")" -lt 40000 ] && break
        sleep 0.3
    done
    wc -l < "$work/kept"
    [ "$(wc -l < "$work/kept")" -lt 40000 ] && cmp <(awk -F: "$newest" "$work/kept" | sort) <(awk -F: "$newest" "$work/keyed" | sort)
}
deletes_records() { # TOPIC, OFFSET
    echo '{"version":1,"partitions":[{"topic":"'"$1"'","partition":0,"offset":'"$2"'}]}' > "$work/offsets.json"
    ask delete-records --offset-json-file "$work/offsets.json"
}
transactions() { ask transactions "$@"; }
# A producer with an open transaction: `leave` leaves it so, `fence` has an admin fence it.
fencing() { # leave|fence, TOPIC, ID
    local jars=${OTTLA_KAFKA_HOME:-$HOME/.cache/ottla/apache-kafka}/jars
    java -Dlog4j2.configurationFile="$root/compat/apache-kafka/log4j2.properties" -cp "$jars/*" "$here/Fencing.java" "$1" "$broker" "$2" "$3"
}
# What a tool says has this column in the row of an id or topic.
row() { # KEY, COLUMN, EXPECTED, command
    local key=$1 column=$2 expected=$3 said
    shift 3
    for _ in $(seq 20); do
        said=$("$@" 2> /dev/null | awk -v key="$key" -v column="$column" '$1 == key { print $column }')
        [ "$said" = "$expected" ] && return
        sleep 0.5
    done
    echo "$key: '$said' instead of '$expected'"
    return 1
}
hanging() { transactions find-hanging --topic hung; }
# A transaction of a producer that no coordinator knows, in a topic of its own.
hangs() {
    configs --alter --entity-type brokers --entity-default --add-config transaction.partition.verification.enable=false > /dev/null &&
        python3 "$here/hang.py" "$broker" hung "$1" &&
        configs --alter --entity-type brokers --entity-default --delete-config transaction.partition.verification.enable > /dev/null &&
        row hung 3 "$1" hanging
}
ends_the_hanging() { transactions abort --topic hung --partition 0 --start-offset "$1" && row hung 3 '' hanging; }
reassigns() { # BROKER, OPTION
    echo '{"version":1,"partitions":[{"topic":"tools","partition":0,"replicas":['"$1"']}]}' > "$work/reassign.json"
    ask reassign-partitions --reassignment-json-file "$work/reassign.json" "$2"
}
gone() { ! topics --list | grep -qx "$1"; }

"$kafka" get || exit 99
check start                    start
check topics-create            says 'Created topic' topics --create --topic tools --partitions 3 --config segment.bytes=1048576
check topics-create-again      refuses 'already exists' topics --create --topic tools
check topics-create-bad-name   refuses 'Topic name is invalid' topics --create --topic 'a b'
check topics-create-bad-config refuses 'Unknown topic config name: no.such' topics --create --topic other --config no.such=1
check topics-create-assigned   says 'Created topic' topics --create --topic assigned --replica-assignment 1,1
check topics-list              says tools topics --list
check topics-describe          says 'PartitionCount: 3' topics --describe --topic tools
check topics-describe-configs  says 'segment.bytes=1048576' topics --describe --topic tools
check topics-describe-absent   refuses "Topic 'absent' does not exist" topics --describe --topic absent
check topics-alter-partitions  topics --alter --topic tools --partitions 5
check topics-altered           says 'PartitionCount: 5' topics --describe --topic tools
check topics-alter-fewer       refuses 'InvalidPartitionsException' topics --alter --topic tools --partitions 2
check configs-describe         says 'segment.bytes=1048576' configs --describe --entity-type topics --entity-name tools
check configs-describe-all     says 'retention.ms=604800000' configs --describe --all --entity-type topics --entity-name tools
check configs-alter            says 'Completed updating' configs --alter --entity-type topics --entity-name tools --add-config retention.ms=3600000
check configs-altered          says 'retention.ms=3600000' configs --describe --entity-type topics --entity-name tools
check configs-delete           says 'Completed updating' configs --alter --entity-type topics --entity-name tools --delete-config retention.ms
check configs-bad-value        refuses 'InvalidConfigurationException' configs --alter --entity-type topics --entity-name tools --add-config retention.ms=soon
check configs-brokers          says 'log.retention.hours' configs --describe --all --entity-type brokers --entity-name 1
check broker-api-versions      says 'Produce(0): 0 to 13 [usable: 13]' ask broker-api-versions
check console-producer         say_numbers
check get-offsets              offsets_add_up_to tools -1 100
check get-offsets-earliest     offsets_add_up_to tools -2 0
check get-offsets-longest      says 'tools:' ask get-offsets --topic tools --time -3
check get-offsets-since        offsets_add_up_to tools 1 0
check get-offsets-partitions   says 'tools:4:' ask get-offsets --topic-partitions tools:4
check console-consumer         hear_numbers
check topics-create-keyed      topics --create --topic keyed --partitions 1
check console-producer-keys    say_keys
check console-consumer-keys    hear_keys
check groups-consume           hear_as_group 1,2,3
check groups-list              says tools groups --list
check groups-list-state        says Empty groups --list --state
check groups-consume-again     hear_as_group ''
check groups-describe          stands_at 3
check groups-reset-dry         says keyed groups --group tools --topic keyed --reset-offsets --to-earliest --dry-run
check groups-reset-dry-kept    stands_at 3
check groups-reset-offset      says keyed groups --group tools --topic keyed:0 --reset-offsets --to-offset 1 --execute
check groups-reset-shift       says keyed groups --group tools --all-topics --reset-offsets --shift-by 1 --execute
check groups-reset-done        stands_at 2
check groups-reset-duration    says keyed groups --group tools --topic keyed --reset-offsets --by-duration PT1H --execute
check groups-reset-datetime    says keyed groups --group tools --topic keyed --reset-offsets --to-datetime 2020-01-01T00:00:00.000 --execute
check groups-reset-datetime-at stands_at 0
check groups-reset-export      reset_by_file
check groups-reset-file-at     stands_at 2
check groups-reset-current     says keyed groups --group tools --all-topics --reset-offsets --to-current --execute
check groups-reset-current-at  stands_at 2
check groups-list-type         says Classic groups --list --type
check groups-list-of-type      says_nothing groups --list --type consumer
check groups-describe-all      says keyed groups --describe --all-groups --timeout 20000
check groups-describe-verbose  says 'LEADER-EPOCH' groups --describe --group tools --offsets --verbose
check groups-state-verbose     says 'ASSIGNMENT-STRATEGY' groups --describe --all-groups --state --verbose
check groups-timeout           refuses Timeout groups --describe --group tools --timeout 1
check groups-regex             says key groups --validate-regex '^key.*$'
check groups-regex-bad         refuses '' groups --validate-regex '('
check groups-reset-latest      says keyed groups --group tools --topic keyed --reset-offsets --to-latest --execute
check groups-join              join_group
check groups-members           says 'keyed:0' groups --describe --group tools --members --verbose
check groups-state             says Stable groups --describe --group tools --state
check groups-delete-busy       says GroupNotEmptyException groups --group tools --delete
check groups-reset-busy        says 'only be reset if the group' groups --group tools --topic keyed --reset-offsets --to-earliest --execute
check groups-offsets-busy      says 'subscribed to' groups --group tools --topic keyed --delete-offsets
check groups-leave             leave_group
check groups-delete-offsets    says Successful groups --group tools --topic keyed --delete-offsets
check groups-delete            says 'was successful' groups --group tools --delete
check groups-delete-absent     says GroupIdNotFoundException groups --group tools --delete
check txn-topics                eval 'topics --create --topic transacted --partitions 1 && topics --create --topic hung --partitions 1'
check txn-open                 says 'left open' fencing leave transacted txn-tools
check txn-list                 row txn-tools 4 Ongoing transactions list
check txn-list-duration        says TransactionalId transactions list --duration-filter 3600000
check txn-list-pattern         row txn-tools 4 Ongoing transactions list --transactional-id-pattern 'txn-t.*'
check txn-describe             says 'transacted-0' transactions describe --transactional-id txn-tools
check txn-describe-absent      refuses 'the ID could not be found' transactions describe --transactional-id absent
check txn-producers            says 'CurrentTransactionStartOffset' transactions describe-producers --topic transacted --partition 0
check txn-not-hanging          row transacted 3 '' transactions find-hanging --topic transacted --max-transaction-timeout 0
check txn-force-terminate      transactions forceTerminateTransaction --transactionalId txn-tools
check txn-terminated           row txn-tools 4 Empty transactions list
check txn-fence-producers      says 'its commit was refused' fencing fence transacted txn-fenced
check txn-hangs                hangs 987654321
check txn-abort-no-such        refuses 'Could not find any open transactions' transactions abort --topic hung --partition 0 --start-offset 7
check txn-abort                ends_the_hanging 0
check txn-hangs-by-broker      eval 'hangs 987654322 && transactions find-hanging --broker-id 1 | grep -q 987654322'
if [ "$served_by" = ottla ]; then
    check ottla-txn-dry        says 'would abort hung-0' "$ottla" txn abort-hanging --topic hung --dry-run -b "$broker"
    check ottla-txn-abort      says 'aborted hung-0' "$ottla" txn abort-hanging --topic hung --partition 0 -b "$broker"
    check ottla-txn-aborted    row hung 3 '' hanging
    check ottla-txn-list       says txn-tools "$ottla" txn list -b "$broker"
fi
check get-offsets-newest-time  says 'keyed:0:' ask get-offsets --topic keyed --time -3
check perf-idempotent          produces 200000 acks=all enable.idempotence=true
check perf-acks-1              produces 50000 acks=1 enable.idempotence=false
check perf-acks-0              produces 50000 acks=0 enable.idempotence=false
for codec in gzip snappy lz4 zstd; do
    check "perf-$codec"        produces 50000 acks=all compression.type="$codec"
done

seq -f 'line %.0f of the round trip, padded a little' 1 "$lines" > "$work/lines"
for codec in none gzip snappy lz4 zstd; do
    check "kcat-$codec-topic"  topics --create --topic "kcat-$codec" --partitions 1
    check "kcat-$codec"        round_trip "$codec"
done
check kcat-count               offsets_add_up_to kcat-zstd -1 "$lines"
check compacted-topic          topics --create --topic compacted --partitions 1 --config cleanup.policy=compact --config segment.bytes=1048576 --config min.cleanable.dirty.ratio=0.01
check compacts                 compacts
check delete-records           says 'low_watermark: 10' deletes_records kcat-none 10
check delete-records-earliest  offsets_add_up_to kcat-none -2 10
check delete-records-too-far   says 'OffsetOutOfRangeException' deletes_records kcat-none 999999999
check delete-records-policy    says 'PolicyViolationException' deletes_records compacted 10
check log-dirs                 says '"partition":"kcat-none-0"' ask log-dirs --describe --topic-list kcat-none
check leader-election          says 'Valid replica already elected for partitions tools-0' ask leader-election --election-type preferred --topic tools --partition 0
check leader-election-all      ask leader-election --election-type unclean --all-topic-partitions
check reassign                 says 'Successfully started partition reassignment for tools-0' reassigns 1 --execute
check reassign-verify          says 'Reassignment of partition tools-0 is completed' reassigns 1 --verify
check reassign-unknown         refuses 'Unknown broker id 7' reassigns 7 --execute
check reassign-list            says 'No partition reassignments found' ask reassign-partitions --list
check quorum-status            says 'LeaderId:               1' ask metadata-quorum describe --status
check quorum-replication       says Leader ask metadata-quorum describe --replication
check features-upgrade         says 'was upgraded to' ask features upgrade --feature metadata.version=30
check features-unknown         refuses 'no.such' ask features upgrade --feature no.such=1
check metadata-list            says 'topic "tools" with 5 partitions' kcat -L -b "$broker"
check topics-delete            topics --delete --topic keyed
check topics-deleted           gone keyed
check clean-stop               stop

# Everything on disk, as Apache Kafka's own tool reads it: it must name every file and complain about none. A segment that
# does not begin at offset 0 is always told as "-1 is followed by"; that is the tool's way.
dump() { # ENDING, EXPECTED (in the output as often as there are files), OPTIONS: every file of that ending
    local ending=$1 expected=$2 files said
    shift 2
    files=$(find "$work/data" -path '*-delete' -prune -o -path '*__cluster_metadata*' -prune -o -path "${but:-none}" -prune -o -name "*.$ending" -size +0 -print)
    local wanted
    wanted=$(grep -c . <<< "$files")
    [ "$wanted" -gt 0 ] || { echo "no .$ending file"; return 1; }
    said=$work/said
    tool dump-log --files "$(paste -sd, <<< "$files")" "$@" > "$said" 2>&1 || { tail -5 "$said"; return 1; }
    if grep -iE 'exception|mismatch|not found|out of order|trailing|isvalid: false|corrupt|ignoring| is followed by' "$said" |
        grep -vE -- "^ +${gaps:--1} is followed by" | head -5 | grep .; then
        return 1
    fi
    local seen
    seen=$(grep -cE -- "$expected" "$said")
    [ "$seen" -ge "$wanted" ] || { echo "$seen of $wanted files say '$expected'"; tail -5 "$said"; return 1; }
    echo "$wanted files"
}
# Compaction leaves gaps between offsets.
without_gaps() { local but='*/compacted-*'; dump "$@"; }
with_gaps() { local gaps='[0-9-]+'; dump "$@"; }
check dump-segments            without_gaps log '^Log starting offset' --deep-iteration
check dump-compacted           with_gaps log '^Log starting offset' --deep-iteration
check dump-index-sanity        dump index 'passed sanity check' --index-sanity-check
check dump-index               dump index '^offset: [0-9]+ position: [0-9]+'
check dump-timeindex-sanity    dump timeindex 'passed sanity check' --index-sanity-check
check dump-timeindex           dump timeindex '^timestamp: [0-9]+ offset: [0-9]+'
check dump-snapshots           dump snapshot '^producerId: [0-9]+'
check dump-metadata            says '"type":"TOPIC_RECORD"' tool dump-log --cluster-metadata-decoder --files "$work/data/__cluster_metadata-0/00000000000000000000.log"
checkpoint_version() { for file in "$work"/data/{recovery-point-offset-checkpoint,log-start-offset-checkpoint} "$work"/data/kcat-*/leader-epoch-checkpoint; do [ "$(head -1 "$file")" = 0 ] || { echo "$file"; return 1; }; done; }
check checkpoints              checkpoint_version

echo "$failures failed"
exit "$failures"
