#!/usr/bin/env bash
# What CI runs of the foreign suites, in less than a quarter of an hour: compat/slice.sh. OTTLA_BIN is the broker, a debug build will do.
#
# Three implementations of the protocol that share nothing: kafka-python (all its tests), franz-go (groups of both protocols and
# transactions under load), librdkafka as the rdkafka crate has it (all its tests). Java's is the largest and slowest to fetch: by hand.
#
# Red is a test of tests.allow that failed twice. A suite whose tools are missing, that cannot be fetched or that finds no time left is told and left out:
# that says nothing about the broker.
cd "$(dirname "$0")" || exit 2
export OTTLA_BIN=${OTTLA_BIN:-$PWD/../target/debug/ottla}
seconds_max=${SECONDS_MAX:-900}
told=() red=0

# suite NAME PATTERN TOOL...: a pattern of run.sh, '' for all
suite() {
    local name=$1 pattern=$2 tool attempt begun=$SECONDS code=0
    shift 2
    for tool in python3 "$@"; do
        command -v "$tool" > /dev/null || { told+=("$name: not judged, no $tool"); return; }
    done
    for attempt in first second; do
        [ $((seconds_max - SECONDS)) -gt 30 ] || { told+=("$name: not judged, no time left"); [ $attempt = first ] || red=1; return; }
        echo "== $name, $attempt time"
        timeout $((seconds_max - SECONDS)) "$name/run.sh" ottla "$pattern" && code=0 || code=$?
        case $code in
        0) told+=("$name: passed the $attempt time, $((SECONDS - begun)) s"); return ;;
        75) told+=("$name: not judged, cannot be fetched or built"); return ;;
        esac
    done
    told+=("$name: FAILED twice (exit code $code)")
    red=1
}

suite kafka-python ''
KGO_TEST_RECORDS=10000 suite franz-go 'TestGroupETL|TestTxnEtl' go
suite rdkafka-crate '' cargo cc make
printf '\n'
printf '%s\n' "${told[@]}"
exit $red
