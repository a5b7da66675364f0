#!/usr/bin/env bash
# Proves the checker: builds the broker with faults on purpose (src/platform/seeded.rs), puts the load of kill_transactions on
# each fault, and fails when the checker does not find one, or finds one where none was chosen.
#   mutants.sh [fault]...              default: all of them, after the build without one
# ROUNDS says how often the broker is killed in one run (20), TRIES how many runs a fault may take to show (5).
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${ROUNDS:-20}
tries=${TRIES:-5}
cargo=${CARGO:-cargo}
mapfile -t known < <(grep -o '("[a-z-]*", Bug::' src/platform/seeded.rs | cut -d'"' -f2)
faults=("$@")
[ $# -gt 0 ] || faults=(none "${known[@]}")

$cargo build --locked --features seeded-bugs --bin ottla
cp target/debug/ottla target/ottla-seeded
# What stands in target/debug again is the broker without faults.
$cargo build --locked --bin ottla
$cargo test --locked -p protocol-tests --test kill_transactions --no-run

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OTTLA_BIN=$PWD/target/ottla-seeded OTTLA_KILL_ROUNDS=$rounds TMPDIR=$work

# run FAULT SEED: the classes that the checker found and how often; fails when the run itself did not come to its end.
run() {
    local output=$work/output chosen=()
    [ "$1" = none ] || chosen=(OTTLA_SEEDED_BUG="$1")
    env "${chosen[@]}" OTTLA_KILL_SEED="$2" timeout 600 "$cargo" test --locked -p protocol-tests --test kill_transactions -- --nocapture \
        > "$output" 2>&1 || true
    grep -q 'transactions copied .* records' "$output" || { tail -40 "$output" >&2; return 1; }
    { grep -oE '^[A-Z][A-Za-z]+: [0-9]+$' "$output" || true; } | paste -sd, | sed 's/,/, /g'
}

failed=0
printf '| fault | kills until found | anomalies |\n|---|---|---|\n'
for fault in "${faults[@]}"; do
    found=
    for try in $(seq "$tries"); do
        found=$(run "$fault" "$try") || found=$([ "$fault" != none ] || echo "the run did not end")
        [ -z "$found" ] && [ "$fault" != none ] || break
    done
    if [ "$fault" = none ]; then
        printf '| none | %s | %s |\n' "$rounds" "${found:-nothing found}"
        [ -z "$found" ] || failed=1
    elif [ -n "$found" ]; then
        printf '| %s | <= %s | %s |\n' "$fault" $((try * rounds)) "$found"
    else
        printf '| %s | not in %s | |\n' "$fault" $((tries * rounds))
        failed=1
    fi
done
exit $failed
