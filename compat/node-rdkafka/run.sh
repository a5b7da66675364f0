#!/usr/bin/env bash
# node-rdkafka's own end to end tests: compat/node-rdkafka/run.sh [ottla|kafka] [test].
source "$(dirname "$0")/../suite.sh"
suite_begin "$@"
cd "$cache"
if [ ! -e .ready ]; then
    npm init --yes > /dev/null && npm install --silent node-rdkafka@3.6.1 mocha@10 > build.log 2>&1 || unavailable build.log
    touch .ready
fi
# once TAG: all of it on a broker of its own.
once() {
    broker_up "$1" 0 group.initial.rebalance.delay.ms=0 num.partitions=1
    # One partition each, and empty: the tests assert offsets.
    for topic in test test2 test3 test4 test5 test6; do "$ottla" topic create "$topic" -p 1 -b "$address" > /dev/null; done
    KAFKA_HOST=$address timeout 300 npx mocha --exit --timeout 120000 --ui bdd --reporter json ${pattern:+--grep "$pattern"} \
        node_modules/node-rdkafka/e2e/*.spec.js > "$logs/tests.out" 2> "$logs/errors.out"
    broker_down "$1"
    python3 - "$logs/tests.out" <<'PYTHON' | tee -a "$results"
import json
import sys

text = open(sys.argv[1]).read()
report = json.loads(text[text.index('{\n  "stats"'):])
for status, tests in (("PASS", report["passes"]), ("FAIL", report["failures"]), ("SKIP", report["pending"])):
    for test in tests:
        print(f"{test['fullTitle'].strip()}\t{status}\t{(test.get('duration') or 0) / 1000:.2f}\t")
PYTHON
}
once main
# The client hangs at times in a hook behind a test, on Apache Kafka too, and what comes behind it is left out: once more.
if grep -q 'after each. hook' "$results"; then once again; fi
suite_end
