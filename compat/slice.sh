#!/usr/bin/env bash
# What CI runs of the foreign suites, in a quarter of an hour at most: compat/slice.sh. OTTLA_BIN is the broker; a debug build will do.
#
# Three implementations of the protocol that share nothing: kafka-python (all its tests), franz-go (groups of both protocols and
# transactions under load), librdkafka as the rdkafka crate has it (all its tests). Java's own is by far the slowest to fetch: by hand.
#
# Red is a suite with a test of tests.allow that failed twice. One whose tools are missing, that cannot be fetched or built in time or finds no time
# left is told and left out: that says nothing about the broker. Where none could be judged, nothing was proven: that is red too.
cd "$(dirname "$0")" || exit 2
export OTTLA_BIN=${OTTLA_BIN:-${CARGO_TARGET_DIR:-$PWD/../target}/debug/ottla}
[ -x "$OTTLA_BIN" ] || { echo "compat/slice.sh: no broker at $OTTLA_BIN" >&2; exit 2; }
seconds_max=${SECONDS_MAX:-900} fetch_seconds_max=480 run_seconds_max=240
told=() red=0 judged=0

left() { echo $((seconds_max - SECONDS)); }
least() { [ "$1" -lt "$2" ] && echo "$1" || echo "$2"; }

# suite NAME PATTERN TOOL...: a pattern of run.sh, '' for all
suite() {
    local name=$1 pattern=$2 tool attempt begun fetched
    shift 2
    for tool in python3 "$@"; do
        command -v "$tool" > /dev/null || { told+=("$name: not judged, no $tool"); return; }
    done
    begun=$SECONDS
    [ "$(left)" -gt 0 ] && echo "== $name" && FETCH_ONLY=1 timeout -k 20 "$(least "$(left)" $fetch_seconds_max)" "$name/run.sh" ottla ||
        { told+=("$name: not judged, not fetched and built in time"); return; }
    fetched=$((SECONDS - begun))
    for attempt in first second; do
        if [ "$(left)" -lt $run_seconds_max ]; then
            told+=("$name: no time left for the $attempt run")
            [ $attempt = first ] || red=1
            return
        fi
        begun=$SECONDS
        if timeout -k 20 $run_seconds_max "$name/run.sh" ottla "$pattern"; then
            judged=1
            told+=("$name: passed in the $attempt run, $((SECONDS - begun)) s behind $fetched s to fetch and build")
            return
        fi
    done
    told+=("$name: FAILED twice")
    judged=1 red=1
}

suite kafka-python ''
export KGO_TEST_RECORDS=10000
suite franz-go 'TestGroupETL|TestTxnEtl' go
# Its tests name the port.
if ! command -v python3 > /dev/null || python3 -c 'import socket; socket.socket().bind(("127.0.0.1", 9092))' 2> /dev/null; then
    suite rdkafka-crate '' cargo cc make
else
    told+=("rdkafka-crate: not judged, port 9092 is taken")
fi
echo
printf '%s\n' "${told[@]}"
[ $judged = 1 ] || { echo "compat/slice.sh: no suite could be judged" >&2; red=1; }
exit $red
