#!/usr/bin/env bash
# Groups of Kafka's own consumers over both protocols, with static members and without: three members, one killed and
# started again, one stopped and started again, while records come in. Every record is seen, the offsets end at the end. Then
# kcat, Java's console consumer and `ottla consume` as members. Needs java 17, mvn, python3, kcat.   compat/groups/run.sh [ottla|kafka] [pattern]
. "$(dirname "$0")/../suite.sh"
suite_begin "$@"
"$kafka" get || exit 99
count=${COUNT:-6000}
broker_up node 0 group.initial.rebalance.delay.ms=500 offsets.topic.num.partitions=5 \
    group.consumer.min.session.timeout.ms=6000 group.consumer.session.timeout.ms=20000 \
    group.consumer.min.heartbeat.interval.ms=500 group.consumer.heartbeat.interval.ms=1000
tool() { "$kafka" tool "$@"; }
declare -A members=()

# member NAME PROTOCOL ID: what it says goes to a file of its own, added to when it comes back.
member() {
    local name=$1 protocol=$2 id=$3 given=() session_ms=30000
    # A static member must be back within it, however slow the machine; without a name, others wait for it to pass.
    if [ -n "$id" ]; then given+=(--group-instance-id "$id"); else session_ms=8000; fi
    [ "$protocol" = consumer ] || given+=(--session-timeout "$session_ms")
    "$kafka" tool verifiable-consumer --bootstrap-server "$address" --topic "$case" --group-id "$case" --group-protocol "$protocol" \
        --verbose "${given[@]}" >> "$logs/$case.$name.json" 2>> "$logs/$case.$name.err" &
    members[$name]=$!
}
# end NAME SIGNAL
end() {
    kill "-$2" "${members[$1]}" 2> /dev/null
    wait "${members[$1]}" 2> /dev/null
    unset "members[$1]"
}
end_all() { for name in "${!members[@]}"; do end "$name" "$1"; done; }
judge() { python3 "$suite_folder/judge.py" "$@"; }
# await SECONDS COMMAND...
await() {
    local until=$((SECONDS + $1))
    shift
    while ! "$@"; do
        [ "$SECONDS" -lt "$until" ] || return 1
        sleep 0.3
    done
}
# The end of each partition is what the group has committed, as Kafka's tool tells: no lag.
at_end() {
    tool consumer-groups --bootstrap-server "$address" --describe --group "$1" --offsets 2> /dev/null |
        awk -v topic="$2" '$2 == topic { sum += $4; lag += $6; rows++ } END { exit !(rows == 6 && sum == '"$count"' && lag == 0) }'
}
# Whether partitions of a member came or went since it was counted.
moved() { [ "$(judge marks "$logs/$case" "$1")" -gt "$2" ]; }
# The same of one that may have ended: over the consumer protocol nobody gets the name of a killed member before its session is
# over, and Java's consumer ends when it is told so (UNRELEASED_INSTANCE_ID). Whoever keeps it running starts it again.
back() { # NAME PROTOCOL ID MARKS
    moved "$1" "$4" && return
    kill -0 "${members[$1]}" 2> /dev/null || member "$1" "$2" "$3"
    return 1
}
create() { tool topics --bootstrap-server "$address" --create --topic "$1" --partitions 6 > "$logs/$1.create" 2>&1; }

turmoil() { # PROTOCOL KIND
    local protocol=$1 kind=$2 marks before producer a= b= c=
    [ "$kind" = dynamic ] || { a=a b=b c=c; }
    create "$case" || return 1
    member first "$protocol" "$a"
    member second "$protocol" "$b"
    member third "$protocol" "$c"
    await 60 judge share "$logs/$case" 6 3 || { echo "three members never shared" >&2; return 1; }
    tool verifiable-producer --bootstrap-server "$address" --topic "$case" --max-messages "$count" --throughput $((count / 20)) \
        > "$logs/$case.producer" 2>&1 &
    producer=$!
    sleep 4
    marks=$(judge marks "$logs/$case" first third)
    before=$(judge marks "$logs/$case" second)
    end second KILL
    member second "$protocol" "$b"
    await 60 back second "$protocol" "$b" "$before" || { echo "the killed member never came back" >&2; return 1; }
    sleep 1
    # Whoever comes back under its own name disturbs nobody; over the consumer protocol its session had to pass first.
    if [ "$kind-$protocol" = static-classic ] && [ "$marks" != "$(judge marks "$logs/$case" first third)" ]; then
        echo "a static member that came back moved partitions of others" >&2
        return 1
    fi
    await 60 judge share "$logs/$case" 6 3 || { echo "three members never shared again" >&2; return 1; }
    sleep 2
    marks=$(judge marks "$logs/$case" second third)
    before=$(judge marks "$logs/$case" first)
    end first TERM
    sleep 2
    member first "$protocol" "$a"
    await 60 back first "$protocol" "$a" "$before" || { echo "the stopped member never came back" >&2; return 1; }
    if [ "$kind" = static ] && [ "$marks" != "$(judge marks "$logs/$case" second third)" ]; then
        echo "a static member that was stopped and came back moved partitions of others" >&2
        return 1
    fi
    wait "$producer" || { tail -3 "$logs/$case.producer" >&2; return 1; }
    await 60 judge seen "$logs/$case" "$count" || { judge seen "$logs/$case" "$count" say >&2; return 1; }
    await 30 at_end "$case" "$case" || { tool consumer-groups --bootstrap-server "$address" --describe --group "$case" >&2; return 1; }
}

# One member after the other comes back with the other protocol, then all of them with the first again.
rolling() { # KIND
    local protocol name producer
    create "$case" || return 1
    for name in first second third; do member "$name" classic "$([ "$1" = dynamic ] || echo "$name")"; done
    await 60 judge share "$logs/$case" 6 3 || { echo "three members never shared" >&2; return 1; }
    tool verifiable-producer --bootstrap-server "$address" --topic "$case" --max-messages "$count" --throughput $((count / 40)) \
        > "$logs/$case.producer" 2>&1 &
    producer=$!
    for protocol in consumer classic; do
        for name in first second third; do
            sleep 1
            end "$name" TERM
            member "$name" "$protocol" "$([ "$1" = dynamic ] || echo "$name")"
            await 60 judge share "$logs/$case" 6 3 || { echo "$name never shared as a $protocol member" >&2; return 1; }
        done
        tool consumer-groups --bootstrap-server "$address" --list --state --type 2> /dev/null | grep -i "^$case .*$protocol" \
            > /dev/null || { echo "the group is not $protocol" >&2; return 1; }
    done
    wait "$producer" || { tail -3 "$logs/$case.producer" >&2; return 1; }
    await 60 judge seen "$logs/$case" "$count" || { judge seen "$logs/$case" "$count" say >&2; return 1; }
    await 30 at_end "$case" "$case" || { tool consumer-groups --bootstrap-server "$address" --describe --group "$case" >&2; return 1; }
}

with_kcat() {
    create "$case" || return 1
    seq 0 $((count - 1)) | kcat -q -b "$address" -P -t "$case" -X partitioner=random -X sticky.partitioning.linger.ms=0 || return 1
    local pids=()
    for name in first second; do
        kcat -q -u -b "$address" -X auto.offset.reset=earliest -X auto.commit.interval.ms=500 -G "$case" "$case" \
            > "$logs/$case.$name.txt" 2> "$logs/$case.$name.err" &
        pids+=($!)
    done
    await 40 at_end "$case" "$case"
    local ended=$?
    kill -TERM "${pids[@]}"
    wait "${pids[@]}" 2> /dev/null
    [ "$ended" = 0 ] && cmp <(sort -nu "$logs/$case".*.txt) <(seq 0 $((count - 1)))
}
# Two of Java's console consumers over one of the protocols.
with_console() { # PROTOCOL
    create "$case" || return 1
    seq 0 $((count - 1)) | kcat -q -b "$address" -P -t "$case" -X partitioner=random -X sticky.partitioning.linger.ms=0 || return 1
    for name in first second; do
        "$kafka" tool console-consumer --bootstrap-server "$address" --topic "$case" --group "$case" --from-beginning \
            --command-property "group.protocol=$1" --command-property auto.commit.interval.ms=500 \
            > "$logs/$case.$name.txt" 2> "$logs/$case.$name.err" &
        members[$name]=$!
    done
    await 60 at_end "$case" "$case" || { tool consumer-groups --bootstrap-server "$address" --describe --group "$case" >&2; return 1; }
    end_all TERM
    # Nothing is lost; what was read before the other came may be there twice.
    cmp <(sort -nu "$logs/$case".*.txt) <(seq 0 $((count - 1)))
}
# Half of it, then the rest as somebody else; nothing twice, as both leave in order.
with_ottla() {
    create "$case" || return 1
    seq 0 $((count - 1)) | kcat -q -b "$address" -P -t "$case" -X partitioner=random -X sticky.partitioning.linger.ms=0 || return 1
    "$ottla" consume "$case" -q -b "$address" -g "$case" -n $((count / 2)) > "$logs/$case.first.txt" 2> "$logs/$case.first.err" || return 1
    "$ottla" consume "$case" -q -b "$address" -g "$case" -n $((count - count / 2)) > "$logs/$case.second.txt" 2> "$logs/$case.second.err" || return 1
    [ "$(wc -l < "$logs/$case.first.txt")" = $((count / 2)) ] && cmp <(sort -n "$logs/$case".*.txt) <(seq 0 $((count - 1))) && await 20 at_end "$case" "$case"
}

run() { # NAME COMMAND...
    case=$1
    shift
    [[ $case == *"$pattern"* ]] || return 0
    local started=$SECONDS said=PASS
    "$@" 2> "$logs/$case.why" || said=FAIL
    end_all TERM
    result "$case" "$said" $((SECONDS - started)) "$(tail -1 "$logs/$case.why" | tr '\t' ' ')"
}
run kcat                with_kcat
run ottla-consume       with_ottla
run console-classic     with_console classic
run console-consumer    with_console consumer
run classic-dynamic     turmoil classic dynamic
run classic-static      turmoil classic static
run consumer-dynamic    turmoil consumer dynamic
run consumer-static     turmoil consumer static
run rolling-dynamic     rolling dynamic
run rolling-static      rolling static
suite_end
