#!/usr/bin/env bash
# The rdkafka crate's own tests: compat/rdkafka-crate/run.sh [ottla|kafka] [test]. README.md says what it needs.
source "$(dirname "$0")/../suite.sh"
suite_begin "$@"
version=0.39.0
sources=$cache/rdkafka-$version
# Without debug information and examples: half of the time.
export CARGO_TARGET_DIR=$cache/target CARGO_PROFILE_DEV_DEBUG=0
if [ ! -e "$sources/.ready" ]; then
    # The workspace uses the same crate, so its sources are at hand.
    cargo fetch --quiet --locked --manifest-path "$root/Cargo.toml" || unavailable
    rm -rf "$sources"
    cp -r "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/rdkafka-$version "$sources" && chmod -R u+w "$sources" || unavailable
    (cd "$sources" && cargo test --tests --no-run) > "$cache/build.log" 2>&1 || unavailable "$cache/build.log"
    touch "$sources/.ready"
fi
# Port 9092, broker 0 and three partitions stand in the tests.
broker_up main 9092 node.id=0 group.initial.rebalance.delay.ms=0 num.partitions=3
export KAFKA_HOST=$address KAFKA_VERSION=4.3.1 RUST_LOG=off
(cd "$sources" && timeout 1500 cargo test --tests --no-fail-fast -- ${pattern:+"$pattern"} --test-threads=2) > "$logs/tests.out" 2>&1
# "Running tests/NAME.rs" tells where the lines behind it come from.
awk -v OFS='\t' '
    /^ *Running unittests/ { file = "rdkafka" }
    /^ *Running tests\// { file = $2; sub(/^tests\//, "", file); sub(/\.rs$/, "", file) }
    /^test .* \.\.\. / { print file "::" $2, /\.\.\. ok/ ? "PASS" : /\.\.\. ignored/ ? "SKIP" : "FAIL", 0, "" }
' "$logs/tests.out" | tee -a "$results"
suite_end
