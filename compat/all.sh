#!/usr/bin/env bash
# Every foreign suite, one after the other, and one line each at the end: compat/all.sh [ottla|kafka]. A few hours.
cd "$(dirname "$0")" || exit 2
broker=${1:-ottla}
summary=$(mktemp)
trap 'rm -f "$summary"' EXIT
failed=0
suite() { # NAME [SETTING=VALUE]...
    local name=$1
    shift
    env "$@" "$name/run.sh" "$broker" | tee >(grep -E "^$name( \(.*\))? on |^MUST PASS" >> "$summary")
    [ "${PIPESTATUS[0]}" = 0 ] || failed=1
}
for name in */tests.allow; do suite "${name%/tests.allow}"; done
suite librdkafka GROUP_PROTOCOL=consumer
suite franz-go KGO_TEST_CHAOS=1
sleep 1
echo
cat "$summary"
exit $failed
