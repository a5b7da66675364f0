#!/usr/bin/env bash
# Proves the suites as judges: with a fault built into the broker (src/platform/seeded.rs) the smallest slice of a suite that should see
# it must turn red, and without the fault it must be green. compat/judge.sh [fault]...; some minutes once the suites are built.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2
cargo=${CARGO:-cargo}
# fault:how often it strikes | suite | tests
slices=(
    'shows-aborted:1|rdkafka-crate|test_transaction_abort'
    'loses-offsets:1|rdkafka-crate|test_transaction_commit'
    'tells-wrong-code:1|librdkafka|0103'
)

$cargo build --locked --features seeded-bugs --bin ottla || exit 2
cp target/debug/ottla target/ottla-seeded
# What stands in target/debug again is the broker without faults.
$cargo build --locked --bin ottla || exit 2
export OTTLA_BIN=$PWD/target/ottla-seeded OTTLA_COMPAT_RESULTS
OTTLA_COMPAT_RESULTS=$(mktemp -d)
trap 'rm -rf "$OTTLA_COMPAT_RESULTS"' EXIT

# verdict SUITE TESTS [FAULT]: into $said, green or red and what failed. What did not run at all proves nothing.
verdict() {
    local output code seen
    output=$(env ${3:+OTTLA_SEEDED_BUG="$3"} "compat/$1/run.sh" ottla "$2" 2>&1)
    code=$?
    seen=$(sed -n 's/^MUST PASS: \(.*\): FAIL$/\1/p' <<< "$output" | paste -sd';' | cut -c1-200)
    case $code${seen:+seen} in
    0) said=green ;;
    1seen) said="red: $seen" ;;
    *) said="no verdict, exit code $code"; tail -20 <<< "$output" >&2 ;;
    esac
}

failed=0
printf '| fault | suite, tests | without | with |\n|---|---|---|---|\n'
for slice in "${slices[@]}"; do
    IFS='|' read -r fault suite tests <<< "$slice"
    [ $# = 0 ] || [[ " $* " == *" ${fault%:*} "* ]] || continue
    verdict "$suite" "$tests"
    without=$said
    verdict "$suite" "$tests" "$fault"
    printf '| %s | %s, %s | %s | %s |\n' "$fault" "$suite" "$tests" "$without" "$said"
    [[ $without == green && $said == red* ]] || failed=1
done
exit $failed
