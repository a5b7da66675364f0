#!/usr/bin/env bash
# franz-go's own tests of pkg/kgo: compat/franz-go/run.sh [ottla|kafka] [test]. README.md says what it needs.
# KGO_TEST_CHAOS=1: each connection is killed after half a second to one and a half.
VARIANT=${KGO_TEST_CHAOS:+chaos}
source "$(dirname "$0")/../suite.sh"
suite_begin "$@"
go_sources github.com/twmb/franz-go v1.21.5 sh -c 'cd pkg/kgo && go test -c -o ../../kgo.test .'
broker_up main 0 group.initial.rebalance.delay.ms=0 share.coordinator.state.topic.num.partitions=5 \
    group.coordinator.rebalance.protocols=classic,consumer
export KGO_SEEDS=$address KGO_TEST_RF=1 KGO_LOG_LEVEL=none
part() {
    local name=$1 records=$2
    shift 2
    (cd "$sources/pkg/kgo" && KGO_TEST_RECORDS=$records timeout 1500 go tool test2json -t "$sources/kgo.test" -test.v -test.count=1 \
        -test.timeout 20m "$@" > "$logs/$name.json" 2>&1)
    python3 "$root/compat/go_results.py" < "$logs/$name.json" | tee -a "$results"
}
# Three processes: a failed transaction test takes its process with it.
if [ -z "$pattern" ]; then
    part plain 10000 -test.skip 'TestGroupETL|TestTxnEtl'
    part groups 50000 -test.run TestGroupETL
    part transactions 50000 -test.run TestTxnEtl
else
    part asked "${KGO_TEST_RECORDS:-50000}" -test.run "$pattern"
fi
suite_end
