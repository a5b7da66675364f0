#!/usr/bin/env bash
# Apache Kafka's own integration tests: compat/java-shim/run.sh [ottla|kafka] [CLASSES [METHODS]], both regular expressions.
source "$(dirname "$0")/../suite.sh"
suite_begin "$@"
methods=${3:-}
classes_all='kafka\.server\.(ApiVersions|ConsumerGroupDescribe|ConsumerGroupHeartbeat|DeleteGroups|DescribeGroups|Heartbeat|JoinGroup'
classes_all+='|LeaveGroup|ListGroups|OffsetCommit|OffsetDelete|OffsetFetch|SyncGroup|TxnOffsetCommit|WriteTxnMarkers)RequestTest$'
classes_all+='|kafka\.server\.ConsumerProtocolMigrationTest$|kafka\.api\.GroupCoordinatorIntegrationTest$'
classes_all+='|org\.apache\.kafka\.clients\.([A-Z]|(admin|consumer|producer)\.(?!ShareConsumer|SocketServerMemoryPool))'
classes_all+='|org\.apache\.kafka\.tools\.(ConfigCommandIntegration|DeleteRecordsCommand|GetOffsetShell|GroupsCommand|LeaderElectionCommand|LogDirsCommand|TopicCommand'
classes_all+='|BrokerApiVersionsCommand|ClusterTool|MetadataQuorumCommand)Test$|org\.apache\.kafka\.tools\.consumer\.(ConsoleConsumerTest$|group\.[A-Z])'
classes_all+='|org\.apache\.kafka\.streams\.integration\.(FineGrainedAutoResetIntegration|GlobalThreadShutDownOrder|PurgeRepartitionTopicIntegration)Test$'
libs=$cache/libs built=$cache/classes
if ! cmp -s "$suite_folder/pom.xml" "$libs/pom.xml"; then
    rm -rf "$libs"
    mvn --quiet --batch-mode --file "$suite_folder/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$libs" >&2 || exit 1
    cp "$suite_folder/pom.xml" "$libs/pom.xml"
fi
if [ ! -e "$built/.done" ] || [ -n "$(find "$suite_folder/src" -newer "$built/.done" -type f | head -1)" ]; then
    rm -rf "$built"
    mkdir -p "$built"
    find "$suite_folder/src/main/java" -name '*.java' -print0 | xargs -0 javac --release 17 -Xlint:-options -cp "$libs/*" -d "$built" || exit 1
    cp "$suite_folder"/src/main/resources/* "$built/"
    touch "$built/.done"
fi
# Ours first: two classes take the place of those of the test framework.
classpath=$built
for jar in "$libs"/*.jar; do classpath=$classpath:$jar; done
export OTTLA_BIN=$ottla SHIM_CLASSES=$built SHIM_LIBS=$libs SHIM_WORK=$work/run SHIM_RESULTS=$logs
export BROKER_CMD="$suite_folder/broker.sh $broker {properties}"
export SHIM_MAX_BROKERS=${SHIM_MAX_BROKERS:-1} SHIM_ISOLATED=${SHIM_ISOLATED:-never}
[ "$broker" = kafka ] && export SHIM_PREWARM=${SHIM_PREWARM:-1} || export SHIM_NO_CONTROLLER=${SHIM_NO_CONTROLLER:-1} SHIM_UNSTABLE=${SHIM_UNSTABLE:-0}
# Adds to tests.tsv.
run() {
    java -Xmx512m -XX:+UseSerialGC -javaagent:"$(ls "$libs"/mockito-core-*.jar)" -Dlog4j2.configurationFile=shim-log4j2.properties \
        -cp "$classpath" shim.Run "$@" < /dev/null 2>> "$logs/jvm.log"
}
run "${pattern:-$classes_all}" ${methods:+"$methods"}
# Where chance decides (FINDINGS.md names the tests, and why), those that did not pass run once more; the better result counts.
while IFS=. read -r class method; do
    if awk -F'\t' -v class="$class" -v method="$method" '{ parts = split($1, part, ".") }
        part[parts] == class && $2 == method { if ($4 == "failed") failed = 1 } END { exit !failed }' "$logs/tests.tsv"; then
        run "\\.$class\$" "^$method\$"
    fi
done < <(grep -v '^#' "$suite_folder/tests.chance")
[ -z "${SHIM_KEEP_LOGS:-}" ] || cp -r "$work/run" "$logs/" 2> /dev/null
# A test that met no broker and the second of two equal invocations (combined mode) prove nothing of us and are left out.
awk -F'\t' 'BEGIN { OFS = "\t" }
    $4 == "passed" || $4 == "failed" || $4 == "aborted" {
        parts = split($1, part, "."); at = match($3, /\[[0-9]+\]/) ? " " substr($3, RSTART, RLENGTH) : ""
        print part[parts] "." $2 at, ($4 == "passed" ? "PASS" : $4 == "failed" ? "FAIL" : "SKIP"), sprintf("%.1f", $5 / 1000), $6
    }' "$logs/tests.tsv" > "$results"
# Of the list only what was asked for: the tests that ran. verdict.py takes expressions, and the names have brackets.
[ -z "$pattern$methods" ] || pattern=$(cut -f1 "$results" | sed 's/[][\.()]/\\&/g; s/.*/^&$/' | paste -sd,)
suite_end
