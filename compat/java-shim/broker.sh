#!/usr/bin/env bash
# One node in the foreground, as the shim starts it: broker.sh ottla|kafka FILE.properties
set -eu
case $1 in
ottla)
    # What a formatter of storage would be told stands in comments of the file.
    cluster=$(sed -n 's/^# shim\.cluster\.id=//p' "$2")
    # Of the features those that Ottla has a say in.
    features=$(sed -nE 's/^# shim\.feature\.((group|transaction)\.version=)/\1/p' "$2" | paste -sd,)
    exec "$OTTLA_BIN" serve "$2" --config-unknown warn -o "cluster.id=$cluster" -o "ottla.format.features=$features" -o ottla.http.listen=off
    ;;
kafka)
    classpath=$SHIM_CLASSES
    for jar in "$SHIM_LIBS"/*.jar; do case $jar in *-test.jar | *junit* | *mockito*) ;; *) classpath=$classpath:$jar ;; esac; done
    exec java -Xmx512m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Dlog4j2.configurationFile=shim-log4j2.properties \
        -cp "$classpath" shim.RealKafka "$2"
    ;;
esac
