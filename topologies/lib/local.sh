# Shared by the run-local.sh scripts: runs a topology's own configuration files on this machine. What differs here (addresses,
# ports, folders) comes from environment variables, which every key has.
# shellcheck shell=bash

# shellcheck source=scripts/lib/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/setup.sh"

# shellcheck disable=SC2034  # for the scripts
demo=no
wants_build=yes
dir=
while [ $# -gt 0 ]; do
    case "$1" in
    --demo) export demo=yes ;;
    --no-build) wants_build=no ;;
    --dir) shift; dir=${1:?--dir needs a directory} ;;
    *) die "unknown option $1; there are --demo (ends by itself), --no-build and --dir DIRECTORY" ;;
    esac
    shift
done
[ -n "$dir" ] || dir=$(mktemp -d /tmp/wolfscale-local.XXXXXX)
mkdir -p "$dir"

nodes=()
declare -A agent api sql peer host file prefix
writer=

free_port() {
    local port
    while :; do
        port=$((RANDOM % 20000 + 10000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo $port; return; }
    done
}

# node NAME FILE HOST [COMMAND…]: a node with that configuration file, its agent run by COMMAND.
node() {
    local name=$1
    nodes+=("$name")
    file[$name]=$2 host[$name]=$3
    shift 3
    prefix[$name]="$*"
    api[$name]=$(free_port) sql[$name]=$(free_port) peer[$name]=$(free_port)
    mkdir -p "$dir/$name"
}

# on_node NAME COMMAND…: wolfscale as on that node's host.
on_node() {
    local name=$1
    shift
    # shellcheck disable=SC2086  # the prefix is words
    ${exec_on_node:+exec} env WOLFSCALE_NODE_BIND_ADDRESS="${host[$name]}:${peer[$name]}" \
        WOLFSCALE_NODE_ADVERTISE_ADDRESS="${host[$name]}:${peer[$name]}" \
        WOLFSCALE_NODE_DATA_DIR="$dir/$name/data" \
        WOLFSCALE_DATABASE_HOST="${host[$name]}" WOLFSCALE_DATABASE_PORT="${sql[$name]}" \
        WOLFSCALE_DATABASE_PASSWORD_FILE="$dir/password" \
        WOLFSCALE_DATABASE_SERVER_OPTIONS="innodb_buffer_pool_size=64M" \
        WOLFSCALE_CLUSTER_PEERS="" WOLFSCALE_WAL_MAX_SIZE_MB=2048 \
        WOLFSCALE_API_BIND_ADDRESS="${host[$name]}:${api[$name]}" WOLFSCALE_API_TOKEN_FILE="$dir/token" \
        WOLFSCALE_PROXY_ENABLED=false \
        ${prefix[$name]} "$wolfscale" "$@" --config "${file[$name]}"
}

# start NAME start|join …: the agent, in the background.
start() {
    local name=$1
    # exec, so that the process that is killed is the agent.
    (trap - EXIT; shift; exec_on_node=yes; on_node "$name" "$@") >>"$dir/$name/agent.log" 2>&1 &
    agent[$name]=$!
    disown "${agent[$name]}"
}

database_pid() { cat "$dir/$1/data/run/mariadbd.pid" 2>/dev/null || true; }
runs() { [ -n "${agent[$1]:-}" ] && kill -0 "${agent[$1]}" 2>/dev/null; }

# The agent and its database, without a word.
kill_node() {
    local pid
    runs "$1" && kill -KILL "${agent[$1]}" 2>/dev/null
    pid=$(database_pid "$1")
    [ -n "$pid" ] && kill -KILL "$pid" 2>/dev/null
    return 0
}

# Called in the end, whatever happened; a script may define at_exit.
finish() {
    local status=$? name
    trap - EXIT INT TERM
    touch "$dir/stop"
    [ -n "$writer" ] && wait "$writer" 2>/dev/null
    if [ $status -ne 0 ] && [ $status -ne 130 ]; then
        for name in "${nodes[@]}"; do
            [ -f "$dir/$name/agent.log" ] || continue
            echo "--- the end of $dir/$name/agent.log"
            tail -n 15 "$dir/$name/agent.log"
        done
    fi
    for name in "${nodes[@]}"; do kill_node "$name"; done
    # A server's folder can be removed when the server is gone.
    for name in "${nodes[@]}"; do
        while [ -n "$(database_pid "$name")" ] && kill -0 "$(database_pid "$name")" 2>/dev/null; do sleep 0.1; done
    done
    if declare -F at_exit >/dev/null; then at_exit; fi
    rm -rf "$dir"
    exit $status
}

http() { curl -fsS -m 3 -H "Authorization: Bearer $(cat "$dir/token")" "http://${host[$1]}:${api[$1]}$2" 2>/dev/null; }
root_at() { local name=$1; shift; mariadb -S "$dir/$name/data/run/mariadbd.sock" -N "$@"; }
app_at() {
    local name=$1
    shift
    MYSQL_PWD=$(cat "$dir/password") mariadb -h "${host[$name]}" -P "${sql[$name]}" -u app --connect-timeout=1 -N app "$@"
}

wait_for() { # what, seconds, command…
    local what=$1 deadline=$((SECONDS + $2))
    shift 2
    printf '   %s ' "$what"
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $deadline ] || { echo; die "$what: not in time"; }
        printf .
        sleep 0.3
    done
    echo ' yes'
}

leader=
find_leader() {
    local name
    for name in "${nodes[@]}"; do
        if runs "$name" && http "$name" /status | jq -e '.raft.state == "leader" and .database.writable' >/dev/null; then
            leader=$name
            return 0
        fi
    done
    return 1
}
leads() {
    runs "$1" || die "the agent of $1 has ended"
    find_leader && [ "$leader" = "$1" ]
}
all_active() {
    find_leader && http "$leader" /cluster/nodes |
        jq -e --argjson n ${#nodes[@]} 'length == $n and all(.state == "active")' >/dev/null
}

begin() {
    need_server_packages
    need_packages iproute2
    if [ $wants_build = yes ]; then
        need_build_packages
        build --product wolfscale || die "the build failed"
        build --product wolfscale-lab || die "the build failed"
    fi
    wolfscale=$(bin_path)/wolfscale
    head -c 18 /dev/urandom | base64 >"$dir/password"
    head -c 18 /dev/urandom | base64 >"$dir/token"
    chmod 600 "$dir/password" "$dir/token"
    trap finish EXIT
    trap 'exit 130' INT TERM
}

# The first node makes the cluster, the others join it.
start_all() {
    local name first=${nodes[0]}
    on_node "$first" cert init >/dev/null
    for name in "${nodes[@]:1}"; do
        on_node "$first" cert issue "$name" --address "${host[$name]}" --out "$dir/$name/data/tls" >/dev/null
    done
    start "$first" start --bootstrap
    wait_for "$first has installed its database and leads" 60 leads "$first"
    for name in "${nodes[@]:1}"; do start "$name" join "${host[$first]}:${peer[$first]}"; done
    wait_for "all have caught up" 90 all_active
    on_node "$first" members
}

# Writes one row after the other to whoever takes it, and notes when each was confirmed.
start_writer() {
    app_at "$leader" -e "CREATE TABLE notes (id INT PRIMARY KEY, written DATETIME(6) DEFAULT NOW(6), note VARCHAR(200))"
    (
        trap - EXIT
        i=1
        while [ ! -e "$dir/stop" ]; do
            for name in "${nodes[@]}"; do
                if app_at "$name" -e "INSERT INTO notes (id, note) VALUES ($i, REPEAT('note ', 30))" 2>/dev/null; then
                    echo "$(date +%s%N) $i" >>"$dir/written"
                    break
                fi
            done
            i=$((i + 1))
        done
    ) &
    writer=$!
}
stop_writer() {
    touch "$dir/stop"
    wait "$writer" 2>/dev/null || true
    writer=
}
written() { wc -l <"$dir/written" 2>/dev/null || echo 0; }
longest_pause() {
    awk 'NR > 1 && $1 - last > gap { gap = $1 - last } { last = $1 } END { printf "%.0f", gap / 1e6 }' "$dir/written"
}

same_position() {
    [ "$(for name in "${nodes[@]}"; do root_at "$name" -e 'SELECT @@gtid_binlog_pos'; done | sort -u | wc -l)" = 1 ]
}

# Every node holds the same, and everything that was confirmed.
compare() {
    local name missing
    wait_for "all have applied the same transactions" 60 same_position
    for name in "${nodes[@]}"; do
        printf '   %-10s %s rows, checksum %s\n' "$name" "$(root_at "$name" -e 'SELECT COUNT(*) FROM app.notes')" \
            "$(root_at "$name" -e 'CHECKSUM TABLE app.notes' | cut -f2)"
    done
    [ "$(for name in "${nodes[@]}"; do root_at "$name" -e 'CHECKSUM TABLE app.notes'; done | sort -u | wc -l)" = 1 ] ||
        die "the nodes differ"
    missing=$(cut -d' ' -f2 "$dir/written" | sort >"$dir/a"
        root_at "${nodes[-1]}" -e 'SELECT id FROM app.notes' | sort >"$dir/b"
        comm -23 "$dir/a" "$dir/b" | wc -l)
    [ "$missing" = 0 ] || die "$missing confirmed writes are missing"
    echo "   $(written) confirmed writes, none missing; the longest pause between two was $(longest_pause) ms"
}
