#!/usr/bin/env bash
# Java's client against HOST:PORT: compat/java/run.sh localhost:9092
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
"$here/../apache-kafka/kafka" get
jars=${OTTLA_KAFKA_HOME:-$HOME/.cache/ottla/apache-kafka}/jars
exec java -Dlog4j2.configurationFile="$here/../apache-kafka/log4j2.properties" -cp "$jars/*" "$here/Assigned.java" "$@"
