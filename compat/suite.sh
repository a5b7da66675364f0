# Sourced by the run.sh of every foreign suite: starts the broker it is told to, collects results, holds them against tests.allow.
#   suite_begin "$@"                  arguments of run.sh: [ottla|kafka] [pattern[,pattern]...]; sets $broker, $pattern, $cache, $work
#   broker_up TAG PORT key=value...   one fresh node on 127.0.0.1:PORT (0: a free one); its address is then in $address
#                                     with FETCH_ONLY set the suite ends here: what it needs was fetched and built
#   broker_kill TAG                   kill -9, and up again on the same directory and port
#   broker_down TAG
#   result NAME PASS|FAIL|SKIP SECONDS [NOTE]
#   unavailable LOG                   what the suite needs cannot be fetched or built: exit code 75, which is no verdict about the broker
#   go_sources MODULE VERSION COMMAND a Go module with its tests, writable, in $sources; COMMAND readies it there, once
#   suite_end                         prints the counts; fails when a test of tests.allow did not pass
set -uo pipefail
suite_folder=$(cd "$(dirname "${BASH_SOURCE[1]}")" && pwd)
suite=${SUITE_NAME:-$(basename "$suite_folder")}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
kafka=${KAFKA:-$root/compat/apache-kafka/kafka}
ottla=${OTTLA_BIN:-$root/target/release/ottla}
declare -A broker_pids=() broker_given=()

suite_begin() {
    broker=${1:-ottla}
    pattern=${2:-}
    case $broker in ottla | kafka) ;; *) echo "run.sh [ottla|kafka] [pattern], not $broker" >&2; exit 2 ;; esac
    cache=${OTTLA_COMPAT_CACHE:-$HOME/.cache/ottla/compat}/$suite
    # VARIANT: the same tests in another way, with a list and results of their own.
    results=${OTTLA_COMPAT_RESULTS:-$root/target/compat}/$suite${VARIANT:+-$VARIANT}-$broker.tsv
    logs=${results%.tsv}
    rm -rf "$logs"
    mkdir -p "$cache" "$logs"
    work=$(mktemp -d)
    : > "$results"
    trap suite_stop EXIT
}

suite_stop() {
    for tag in "${!broker_pids[@]}"; do broker_down "$tag"; done
    rm -rf "$work"
}

free_port() { python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])'; }

broker_up() {
    local tag=$1 port=$2 given=()
    [ -z "${FETCH_ONLY:-}" ] || exit 0
    shift 2
    [ "$port" != 0 ] || port=$(free_port)
    address=127.0.0.1:$port
    if [ "$broker" = kafka ]; then
        # Access control lists as in the measurement of results/: whoever asks is allowed, and the lists are kept.
        "$kafka" up "$suite-$tag" "$port" authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer \
            allow.everyone.if.no.acl.found=true super.users=User:ANONYMOUS "$@" > "$logs/$tag.up" 2>&1 || { cat "$logs/$tag.up" >&2; exit 1; }
        broker_pids[$tag]=kafka
        return
    fi
    for setting in "listeners=PLAINTEXT://$address" "advertised.listeners=PLAINTEXT://$address" "log.dirs=$work/$tag" \
        ottla.http.listen=off node.id=1 "$@"; do
        given+=(--override "$setting")
    done
    broker_given[$tag]=$(printf '%q ' "${given[@]}")
    broker_serve "$tag" "$address"
}

# broker_serve TAG ADDRESS: with the settings of this tag.
broker_serve() {
    local given
    eval "given=(${broker_given[$1]})"
    "$ottla" serve "${given[@]}" >> "$logs/$1.log" 2>&1 &
    broker_pids[$1]=$!
    for _ in $(seq 200); do "$ottla" status -q -b "$2" 2> /dev/null && return; sleep 0.05; done
    echo "$suite: the broker did not start:" >&2
    cat "$logs/$1.log" >&2
    exit 1
}

broker_kill() {
    local listens
    listens=$(grep -o '127.0.0.1:[0-9]*' <<< "${broker_given[$1]}" | head -1)
    kill -KILL "${broker_pids[$1]}"
    wait "${broker_pids[$1]}" 2> /dev/null
    broker_serve "$1" "$listens"
}

broker_down() {
    local tag=$1 pid=${broker_pids[$1]:-}
    unset "broker_pids[$tag]"
    case $pid in
    '') ;;
    kafka) "$kafka" down "$suite-$tag" > /dev/null 2>&1 ;;
    *) kill -TERM "$pid" 2> /dev/null; wait "$pid" 2> /dev/null; rm -rf "${work:?}/$tag" ;;
    esac
}

# Debian's Go is older than some sources want, and set not to fetch the one they name.
export GOTOOLCHAIN=${GOTOOLCHAIN:-auto}
go_sources() {
    local module=$1 version=$2 folder
    shift 2
    sources=$cache/$version
    [ ! -e "$sources/.ready" ] || return 0
    cd "$cache" || exit 1
    [ -e go.mod ] || printf 'module suites\ngo 1.25\n' > go.mod
    folder=$(go mod download -json "$module@$version" | python3 -c 'import json, sys; print(json.load(sys.stdin)["Dir"])') || unavailable go.mod
    rm -rf "$sources"
    cp -r "$folder" "$sources" && chmod -R u+w "$sources"
    (cd "$sources" && "$@") > "$cache/build.log" 2>&1 || unavailable "$cache/build.log"
    touch "$sources/.ready"
}

unavailable() {
    [ ! -e "${1:-}" ] || tail -20 "$1" >&2
    echo "$suite: cannot be fetched or built" >&2
    exit 75
}

result() { printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "${4:-}" | tee -a "$results"; }

suite_end() {
    # For record.py: all tests were asked for.
    [ -n "$pattern" ] || touch "$logs/whole"
    python3 "$root/compat/verdict.py" "$suite${VARIANT:+ ($VARIANT)}" "$broker" "$results" "$suite_folder/tests${VARIANT:+-$VARIANT}.allow" "$pattern"
}
