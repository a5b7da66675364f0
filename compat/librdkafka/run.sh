#!/usr/bin/env bash
# librdkafka's own tests: compat/librdkafka/run.sh [ottla|kafka] [number]. README.md says what it needs.
source "$(dirname "$0")/../suite.sh"
suite_begin "$@"
package=@confluentinc/kafka-javascript@1.10.1 # carries librdkafka 2.15.1 with its tests
tests=$cache/package/deps/librdkafka/tests

if [ ! -x "$tests/test-runner" ]; then
    cd "$cache"
    npm pack --silent "$package" && tar xzf confluentinc-kafka-javascript-*.tgz package/deps/librdkafka || exit 1
    cd package/deps/librdkafka
    chmod +x configure lds-gen.py tests/*.sh
    # Replication factor 3 stands in these sources; one node has 1.
    sed -i -E 's/(create_topic[a-z_]*\(.*), 3, 5000\)/\1, 1, 5000)/; s/(Test::create_topic\(NULL, topic\.c_str\(\), 1), 3\)/\1, 1)/' \
        tests/{0098,0103,0107,0111,0126,0135,0142}*.c*
    { ./configure --disable-curl --disable-gssapi && make -j2 libs && make -C tests -j2 build; } > "$cache/build.log" 2>&1 ||
        { tail -20 "$cache/build.log" >&2; exit 1; }
fi

# Kafka's tools where the tests look for them: 0045, 0052, 0077, 0098, 0109 and others call them.
tools=$cache/kafka-tools
if [ ! -e "$tools/.complete" ]; then
    "$kafka" get
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

# One number, one process: a failed test can take the runner with it.
run() {
    local number=$1 scenario=${2:-} begun=$SECONDS
    (cd "$tests" && KAFKA_PATH=$tools BROKERS=$address RDKAFKA_TEST_CONF=$work/test.conf TESTS=$number TEST_SCENARIO=${scenario:-default} \
        timeout "${SECONDS_MAX:-900}" ./test-runner -p1 -L > "$logs/$number$scenario.out" 2>&1)
    python3 "$suite_folder/results.py" "$number" "$?" $((SECONDS - begun)) "$logs/$number$scenario.out" | tee -a "$results"
}
conf() { printf 'bootstrap.servers=%s\nbroker.address.family=v4\ntest.timeout.multiplier=2\n' "$address" > "$work/test.conf"; }

broker_up main 0 "${settings[@]}"
conf
for number in $(cd "$tests" && printf '%s\n' 0[0-9][0-9][0-9]-*.c* | cut -c1-4 | sort -u); do
    # 0000 is of units only; 0101 wants racks on three brokers; 0097, 0126, 0135 and 0142 want TLS or SASL.
    case $number in 0000 | 0097 | 0101 | 0126 | 0135 | 0142) continue ;; esac
    [ -z "$pattern" ] || [ "$pattern" = "$number" ] || continue
    run "$number"
done
broker_down main
if [ -z "${GROUP_PROTOCOL:-}" ]; then
    broker_up noautocreate 0 "${settings[@]}" auto.create.topics.enable=false
    conf
    for number in 0045 0107 0111; do
        [ -z "$pattern" ] || [ "$pattern" = "$number" ] || continue
        run "$number" noautocreate
    done
fi
suite_end
