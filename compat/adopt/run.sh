#!/usr/bin/env bash
# A mixed log of Ottla's, read by Apache Kafka's dump tool and by Apache Kafka itself, started on copies of the directory. What differs from
# what Ottla served, and each warning of Kafka's about the data, is a line that begins with FAIL. See README.md. Needs java 17, mvn, python3, kcat.
#   GIGABYTES=0.2 compat/adopt/run.sh      REPAIR=1 damages the directory and repairs it before      WAYS="clean unclean whole"      FAULT=flip|drop|index|time|aborted must fail
#   KEEP=1 leaves the directory and says where; FROM=THAT judges it again without the load.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
kafka=${KAFKA:-$root/compat/apache-kafka/kafka}
ottla=${OTTLA_BIN:-$root/target/release/ottla}
gigabytes=${GIGABYTES:-5}
ways=${WAYS-clean unclean whole}
kafka_home=${OTTLA_KAFKA_HOME:-$HOME/.cache/ottla/apache-kafka}
work=$(mktemp -d)
export START_SECONDS_MAX=900
instance=adopt-$$
transaction_ms_max=7200000
failures=0
pid=
free_port() { python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])'; }
fail() { echo "FAIL $*"; failures=$((failures + 1)); }
die() { echo "FAIL $*"; exit 1; }
say() { printf '%4d s  %s\n' $SECONDS "$*"; }
finish() {
    [ -n "${loading:-}" ] && kill "$loading" 2> /dev/null
    [ -n "$pid" ] && kill -KILL "$pid" 2> /dev/null && wait "$pid" 2> /dev/null
    "$kafka" down "$instance" --kill > /dev/null 2>&1
    [ -n "${KEEP:-}" ] && echo "kept: $work" || rm -rf "$work"
}
trap finish EXIT

port=$(free_port)
broker=127.0.0.1:$port
serve() { # key=value...
    local given=() setting
    for setting in "listeners=PLAINTEXT://$broker" "advertised.listeners=PLAINTEXT://$broker" "log.dirs=$work/ottla" node.id=1 ottla.http.listen=off \
        transaction.max.timeout.ms=$transaction_ms_max offsets.topic.num.partitions=5 transaction.state.log.num.partitions=5 "$@"; do
        given+=(--override "$setting")
    done
    "$ottla" serve "${given[@]}" >> "$work/ottla.log" 2>&1 &
    pid=$!
    for _ in $(seq 200); do "$ottla" status -q -b "$broker" 2> /dev/null && return; sleep 0.1; done
    cat "$work/ottla.log"
    die "Ottla does not start"
}
# $1: TERM or KILL
end() { local ending=$pid; pid=; kill "-$1" "$ending"; wait "$ending" 2> /dev/null || [ "$1" = KILL ]; }
java_class() { java -Xmx1g -Dlog4j2.configurationFile="$root/compat/apache-kafka/log4j2.properties" -cp "$work/classes:$kafka_home/jars/*" "$@"; }
megabytes() { du -sm "$work/ottla" --exclude=wal 2> /dev/null | cut -f1; }

# Twice it is killed while it is written to; the clients go on.
load() {
    local bytes
    bytes=$(python3 -c "print(int($gigabytes * 1.05e9))") # more than wanted: heads are deleted, and the cleaner goes on
    java_class Load create "$broker" "$here/topics.tsv" || die "the topics"
    java_class Load load "$broker" "$bytes" > "$work/load" 2>&1 &
    loading=$!
    for share in 3 2; do
        while [ $(($(megabytes) * share)) -lt $((bytes / 1000000)) ] && kill -0 $loading 2> /dev/null; do sleep 0.2; done
        kill -0 $loading 2> /dev/null || break
        end KILL
        serve log.cleaner.backoff.ms=300
    done
    wait $loading || { tail "$work/load"; die "the load"; }
    loading=
    say "$(tail -1 "$work/load"), $(megabytes) MB, Ottla killed twice meanwhile"
    for codec in none gzip snappy lz4 zstd; do
        seq 2000 | awk '{ print "key " $1 % 97 ":" ($1 % 7 ? "value " $1 " of librdkafka" : "") }' > "$work/lines"
        kcat -q -b "$broker" -P -t kcat -K: -Z -z $codec -H of=kcat -H "codec=$codec" -l "$work/lines" || die "kcat $codec"
    done
}

# The directory is damaged in many places, and mended with the tool: what is whole is served, by both.
repair() {
    "$here/fault.py" several "$work/ottla" || die "the damage"
    "$ottla" log verify --json "$work/ottla" > "$work/verified" && die "no damage is found"
    python3 -c 'import json, sys; print(*(one["file"] for one in map(json.loads, sys.stdin) if one["damages"]), sep="\n")' < "$work/verified" > "$work/damaged"
    xargs "$ottla" log repair < "$work/damaged" || die "the repair"
    "$ottla" log verify "$work/ottla" > "$work/verified" || { grep -A3 DAMAGED "$work/verified"; die "damaged after the repair"; }
    say "$(grep -c '' "$work/damaged") segments repaired"
}

# read TO HOST:PORT
read_all() { java_class Read "$2" > "$1" 2> "$1.err" || { tail -5 "$1.err"; fail "the reader of $2"; }; }
# Of which broker is asked: the coordinators' state is that of the whole directory.
compare() { # WAY
    local left=$work/ottla.read right=$work/$1.read file
    # Of a log whose records are all deleted Kafka forgets the producers at a start; Ottla does not.
    local without='^head-1 producer'
    [ "$1" = whole ] || without="$without|^(group|transaction|__)"
    for file in "$left" "$right"; do grep -vE "$without" "$file" > "$file.$1"; done
    left=$left.$1 right=$right.$1
    if ! diff "$left" "$right" > "$work/diff"; then
        fail "$1: $(grep -c '^[<>]' "$work/diff") lines differ (< Ottla, > Kafka)"
        head -20 "$work/diff" | cut -c1-300
    fi
    say "$1: $(grep -c '' "$right") lines compared, $(sed -n 's/.*: \([0-9]*\) records in all/\1/p' "$right" | paste -sd+ | bc) records of both isolation levels"
}
# The bytes of the segments and what was aborted are as they were.
untouched() { # WAY
    local file other kind
    while read -r file; do
        other=$adopting/${file#"$work/ottla/"}
        cmp -s "$file" "$other" || fail "$1: Kafka changed ${file#"$work/ottla/"}"
    done < <(find "$work/ottla" -name '*.log' -not -path '*/__cluster_metadata-0/*' -print -o -name '*.txnindex' -not -path '*/compacted*' -size +0 -print |
        if [ "$1" = whole ]; then cat; else grep -v /__; fi)
}
one_batch() { python3 -c 'import os, sys; sys.exit(int.from_bytes(open(sys.argv[1], "rb").read(12)[8:], "big") + 12 != os.stat(sys.argv[1]).st_size)' "$1"; }
# What Kafka tells of the data: nothing, but that the index of a short or empty last segment, which Ottla leaves out, was made.
judge_log() { # WAY
    local log missing made
    log=$("$kafka" log "$instance")
    grep -E ' (WARN|ERROR|FATAL) |^[a-z.]+[A-Za-z]+(Exception|Error)' "$log" | grep -vE "$expected" > "$work/told" || true
    while read -r missing; do
        missing=$work/ottla/${missing#"$adopting/"}
        # A repair takes the indexes away; that of a last segment is made again when it is full.
        [ -e "$missing.damaged-0" ] && continue
        [ -e "${missing%.log}.index" ] && fail "$1: $missing has an index"
        [ "$(stat -c %s "$missing")" -le 65536 ] || one_batch "$missing" || fail "$1: $missing is too long to have no index"
        [ "$(ls "$(dirname "$missing")"/*.log | tail -1)" = "$missing" ] || fail "$1: $missing is not the last of its log and has no index"
    done < <(sed -n 's/.*Could not find offset index file corresponding to log file \([^ ,]*\),.*/\1/p' "$work/told")
    made=$(grep -c 'Could not find offset index file' "$work/told")
    if grep -v 'Could not find offset index file' "$work/told" > "$work/warnings"; then
        fail "$1: $(wc -l < "$work/warnings") warnings of Kafka's"
        head -20 "$work/warnings" | cut -c1-400
    fi
    if [ "$1" = unclean ]; then grep -q 'Recovering unflushed segment' "$log" || fail "$1: Kafka recovered nothing"
    else grep -q 'since clean shutdown file was found' "$log" || fail "$1: Kafka did not take the stop for an orderly one"; fi
    say "$1: $(grep -c '' "$work/warnings") warnings of Kafka's; it made the indexes of $made short last segments that have none"
}
# Not of the data: each start of a controller, a quorum of Kafka's that was never voted in, and a client between two brokers.
expected='log.cleaner.enable. is deprecated|Performing controller activation|Epoch from quorum store file|NetworkClient|AdminClient'
settings=(log.cleaner.enable=false log.initial.task.delay.ms=86400000 "transaction.max.timeout.ms=$transaction_ms_max"
    offsets.topic.num.partitions=5 transaction.state.log.num.partitions=5)
kafka_up() { KAFKA_OPTS=-Dkafka.log.level=INFO "$kafka" up "$instance" "$kafka_port" "$@" > "$work/up" 2>&1 || { cut -c1-300 "$work/up"; fail "$way: Kafka does not start"; return 1; }; }

# The whole directory, with Ottla's own metadata. Only what is no partition goes: after an orderly stop nothing is in the write-ahead log alone.
put_whole() {
    local controller
    controller=$(free_port)
    mkdir -p "$adopting" && cp -a "$work/ottla/." "$adopting" && rm -rf "$adopting"/{wal,ottla-state,ottla-reserve,ottla-cuts-checkpoint,.lock}
    kafka_up "listeners=PLAINTEXT://127.0.0.1:$kafka_port,CONTROLLER://127.0.0.1:$controller" "advertised.listeners=PLAINTEXT://127.0.0.1:$kafka_port" \
        "controller.quorum.voters=1@127.0.0.1:$controller" controller.quorum.bootstrap.servers= "${settings[@]}"
}
# The partitions under a Kafka's own metadata: topics of the same names, and Ottla's directories with the ids of those.
put_partitions() {
    kafka_up "${settings[@]}" && java_class Load create "127.0.0.1:$kafka_port" "$here/topics.tsv" && "$kafka" down "$instance" --keep || return 1
    : > "$("$kafka" log "$instance")"
    local folder name
    for folder in "$adopting"/[a-z]*-[0-9]*; do
        name=$(basename "$folder")
        cp "$folder/partition.metadata" "$work/metadata"
        rm -rf "$folder"
        cp -a "$work/ottla/$name" "$folder" && cp "$work/metadata" "$folder/partition.metadata" || return 1
    done
    rm -f "$adopting"/{*-checkpoint,.kafka_cleanshutdown}
    cp "$work"/ottla/{log-start,replication}-offset-checkpoint "$adopting"
    [ "$way" = unclean ] || cp "$work/ottla/.kafka_cleanshutdown" "$work"/ottla/{recovery-point,cleaner}-offset-checkpoint "$adopting"
    kafka_up
}
# Kafka writes on; then Ottla takes the directory back and reads the same.
give_back() {
    kafka_up && java_class Load append "127.0.0.1:$kafka_port" > "$work/append" 2>&1 || { tail "$work/append"; fail "Kafka cannot append"; return; }
    read_all "$work/appended.read" "127.0.0.1:$kafka_port"
    judge_log whole
    "$kafka" down "$instance" --keep
    rm -rf "$work/ottla" && mv "$adopting" "$work/ottla"
    serve log.cleaner.enable=false
    read_all "$work/back.read" "$broker"
    diff "$work/appended.read" "$work/back.read" > "$work/diff" || { fail "given back: $(grep -c '^[<>]' "$work/diff") lines differ (< Kafka, > Ottla)"; head -20 "$work/diff" | cut -c1-300; }
    end TERM || fail "given back: the stop"
    say "given back: $(grep -c '' "$work/back.read") lines compared"
}

"$kafka" get || exit 99
mkdir "$work/classes" && javac -d "$work/classes" -cp "$kafka_home/jars/*" "$here"/*.java || exit 99
if [ -n "${FROM:-}" ]; then
    cp -a "$FROM/ottla" "$FROM/ottla.read" "$work"
else
    serve log.cleaner.backoff.ms=300
    load
    sleep 3
    end TERM || die "the orderly stop"
    serve log.cleaner.enable=false
    java_class Load finish "$broker" > "$work/finish" 2>&1 || { tail "$work/finish"; die "the finish"; }
    if [ -n "${REPAIR:-}" ]; then
        end TERM || die "the orderly stop"
        repair
        serve log.cleaner.enable=false
    fi
    read_all "$work/ottla.read" "$broker"
    grep 'cannot be read' "$work/ottla.read" && die "Ottla"
    end TERM || die "the orderly stop"
fi
say "Ottla served $(sed -n 's/.*read_uncommitted.*: \([0-9]*\) records in all/\1/p' "$work/ottla.read" | paste -sd+ | bc) records, $(megabytes) MB"
[ "$(du -sb "$work/ottla" --exclude=wal | cut -f1)" -ge "$(python3 -c "print(int($gigabytes * 1e9))")" ] || fail "the log is smaller than $gigabytes GB"
[ -z "${FAULT:-}" ] || "$here/fault.py" "$FAULT" "$work/ottla" || exit 99
"$here/dumped.py" "$kafka" "$work/ottla" "$work/ottla.read" || fail "dump-log"
say "dump-log is done"
for way in $ways; do
    kafka_port=$(free_port)
    adopting=$(dirname "$("$kafka" log "$instance")")/data
    if if [ "$way" = whole ]; then put_whole; else put_partitions; fi; then
        read_all "$work/$way.read" "127.0.0.1:$kafka_port"
        compare "$way"
        judge_log "$way"
        "$kafka" down "$instance" --keep
        untouched "$way"
        [ "$ways" != "${ways%whole}" ] && [ "$way" = whole ] && [ "$failures" = 0 ] && [ -z "${KEEP:-}" ] && give_back
    fi
    "$kafka" down "$instance"
done
[ "$failures" = 0 ] && echo "PASS $gigabytes GB" || { echo "$failures failures"; exit 1; }
