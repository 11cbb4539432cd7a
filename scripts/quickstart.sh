#!/usr/bin/env bash
# Three hosts on this machine: starts them, writes, kills the leader, and shows that nothing was lost.
#   scripts/quickstart.sh [--keep] [--dir DIRECTORY]
# --keep leaves the cluster running and says how to reach it.
set -euo pipefail
# shellcheck source=scripts/lib/setup.sh
. "$(dirname "$0")/lib/setup.sh"

keep=no
dir=
while [ $# -gt 0 ]; do
    case "$1" in
    --keep) keep=yes ;;
    --dir) shift; dir=${1:?--dir needs a directory} ;;
    *) die "unknown option $1; there are --keep and --dir DIRECTORY" ;;
    esac
    shift
done

need_build_packages
need_server_packages
build --product wolfscale || die "the build failed"
wolfscale=$(bin_path)/wolfscale

[ -n "$dir" ] || dir=$(mktemp -d /tmp/wolfscale-quickstart.XXXXXX)
mkdir -p "$dir"
declare -A agent api sql peer

database_pid() { cat "$dir/$1/data/run/mariadbd.pid" 2>/dev/null || true; }

finish() {
    local status=$?
    if [ $status -ne 0 ]; then
        for node in 1 2 3; do
            [ -f "$dir/$node/agent.log" ] && { echo "--- the end of $dir/$node/agent.log"; tail -n 15 "$dir/$node/agent.log"; }
        done
    fi
    if [ $keep = no ] || [ $status -ne 0 ]; then
        for node in 1 2 3; do [ -n "${agent[$node]:-}" ] && kill -KILL "${agent[$node]}" 2>/dev/null; done
        for node in 1 2 3; do
            local pid
            pid=$(database_pid $node)
            [ -n "$pid" ] && kill -KILL "$pid" 2>/dev/null
        done
        wait 2>/dev/null || true
        rm -rf "$dir"
    fi
    exit $status
}
trap finish EXIT

free_port() {
    local port
    while :; do
        port=$((RANDOM % 20000 + 10000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo $port; return; }
    done
}

start() { # node, arguments of wolfscale
    local node=$1
    shift
    "$wolfscale" "$@" --config "$dir/$node/wolfscale.toml" >>"$dir/$node/agent.log" 2>&1 &
    agent[$node]=$!
    disown "${agent[$node]}"
}

status_of() { curl -fsS -m 2 "http://127.0.0.1:${api[$1]}/status" 2>/dev/null; }

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

is_leader() { status_of "$1" | jq -e '.raft.state == "leader" and .database.writable' >/dev/null; }
find_leader() {
    for node in 1 2 3; do
        if kill -0 "${agent[$node]}" 2>/dev/null && is_leader $node; then leader=$node; return 0; fi
    done
    return 1
}
all_active() {
    find_leader && curl -fsS -m 2 "http://127.0.0.1:${api[$leader]}/cluster/nodes" |
        jq -e 'length == 3 and all(.state == "active")' >/dev/null
}
mariadb_at() { local node=$1; shift; mariadb -h 127.0.0.1 -P "${sql[$node]}" -u app -papp-secret -N shop "$@"; }
post() { curl -fsS -m 15 -X POST "http://127.0.0.1:${api[$1]}$2" -H 'Content-Type: application/json' -d "$3"; }
root_at() { local node=$1; shift; mariadb -S "$dir/$node/data/run/mariadbd.sock" -N "$@"; }

say "three nodes in $dir"
for node in 1 2 3; do
    mkdir -p "$dir/$node"
    api[$node]=$(free_port) sql[$node]=$(free_port) peer[$node]=$(free_port)
    "$wolfscale" init --node-id "node-$node" --output "$dir/$node/wolfscale.toml" >/dev/null
    cat >"$dir/$node/wolfscale.toml" <<TOML
[node]
id = "node-$node"
bind_address = "127.0.0.1:${peer[$node]}"
data_dir = "$dir/$node/data"

[database]
host = "127.0.0.1"
port = ${sql[$node]}
user = "app"
password = "app-secret"
database = "shop"

[api]
bind_address = "127.0.0.1:${api[$node]}"

[proxy]
enabled = false
TOML
done
start 1 start --bootstrap
wait_for "node-1 has installed its database and leads" 120 is_leader 1
start 2 join "127.0.0.1:${peer[1]}"
start 3 join "127.0.0.1:${peer[1]}"
wait_for "node-2 and node-3 have caught up and vote" 120 all_active
"$wolfscale" status --config "$dir/1/wolfscale.toml"
"$wolfscale" members --config "$dir/1/wolfscale.toml"

say "a write by HTTP, to a follower, which passes it on to the leader"
post 2 /write/ddl '{"ddl": "CREATE TABLE users (id BIGINT PRIMARY KEY, name VARCHAR(100))"}'; echo
post 2 /write/insert '{"table": "users", "values": {"name": "Alice"}}'; echo
say "a write by the mariadb client, to the leader's database"
mariadb_at 1 -e "INSERT INTO users VALUES (1, 'Bob'); SELECT * FROM users"

say "kill -9 of the leader's agent and of its database, while writes go on"
find_leader
old=$leader
(
    i=1000
    while [ ! -e "$dir/stop" ]; do
        for node in 1 2 3; do
            if mariadb_at $node --connect-timeout=1 -e "INSERT INTO users VALUES ($i, 'row $i')" 2>/dev/null; then
                echo "$(date +%s%N) $i" >>"$dir/written"
                break
            fi
        done
        i=$((i + 1))
    done
) &
writer=$!
sleep 2
kill -KILL "${agent[$old]}" "$(database_pid "$old")"
wait_for "another node leads and takes writes" 60 find_leader
"$wolfscale" status --config "$dir/$leader/wolfscale.toml"
sleep 1
say "the old leader comes back"
start "$old" start
wait_for "all three are active again" 120 all_active
touch "$dir/stop"
wait $writer
awk 'NR > 1 && $1 - last > gap { gap = $1 - last } { last = $1 }
     END { printf "   writes were refused for %.0f ms\n", gap / 1e6 }' "$dir/written"

say "what was confirmed is there, on every node"
confirmed=$(($(wc -l <"$dir/written") + 2))
same_position() {
    [ "$(for node in 1 2 3; do root_at $node -e 'SELECT @@gtid_binlog_pos'; done | sort -u | wc -l)" = 1 ]
}
wait_for "all three have applied the same transactions" 60 same_position
for node in 1 2 3; do
    printf '   node-%s: %s rows, checksum %s\n' $node "$(root_at $node -e 'SELECT COUNT(*) FROM shop.users')" \
        "$(root_at $node -e 'CHECKSUM TABLE shop.users' | cut -f2)"
done
[ "$(for node in 1 2 3; do root_at $node -e 'CHECKSUM TABLE shop.users'; done | sort -u | wc -l)" = 1 ] ||
    die "the nodes differ"
absent=$(cut -d' ' -f2 "$dir/written" | sort >"$dir/a"; root_at 1 -e 'SELECT id FROM shop.users' | sort >"$dir/b"
    comm -23 "$dir/a" "$dir/b" | wc -l)
[ "$absent" = 0 ] || die "$absent confirmed writes are missing"
echo "   $confirmed confirmed writes, none missing"

if [ $keep = yes ]; then
    say "the cluster goes on"
    for node in 1 2 3; do
        echo "   node-$node: http://127.0.0.1:${api[$node]}/status   mariadb -h 127.0.0.1 -P ${sql[$node]} -u app -papp-secret shop"
    done
    echo "   stop it: kill ${agent[*]}   (data in $dir)"
else
    say "done; everything is stopped and removed"
fi
