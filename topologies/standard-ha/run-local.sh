#!/usr/bin/env bash
# The three hosts of this folder's configuration files on this machine, and what a failure looks like from outside.
#   topologies/standard-ha/run-local.sh [--demo] [--no-build] [--dir DIRECTORY]
# --demo ends by itself; otherwise the cluster goes on until Ctrl-C.
set -euo pipefail
# shellcheck source=topologies/lib/local.sh
. "$(dirname "$0")/../lib/local.sh"

here=$(cd "$(dirname "$0")" && pwd)
begin
for i in 1 2 3; do node "db-$i" "$here/db-$i.toml" 127.0.0.1; done

show() { # one line
    find_leader || { printf '   %4ds  nobody leads; %s rows confirmed\n' $SECONDS "$(written)"; return; }
    printf '   %4ds  %s leads; %s; %s rows confirmed\n' $SECONDS "$leader" \
        "$(http "$leader" /cluster/nodes | jq -r '[.[] | "\(.id) \(.state)"] | join(", ")')" "$(written)"
}
watch() { # seconds
    local until=$((SECONDS + $1))
    while [ $SECONDS -lt $until ]; do show; sleep 1; done
}

say "three hosts in $dir"
start_all
say "a client writes one row after the other"
start_writer
watch 3
say "kill -9 of the leader's agent and of its database"
find_leader
old=$leader
kill_node "$old"
wait_for "another leads and takes writes" 60 find_leader
watch 3
say "$old comes back"
start "$old" start
wait_for "all are active again" 60 all_active
watch 2
if [ $demo = no ]; then
    say "the cluster goes on until Ctrl-C; try for example:"
    for name in "${nodes[@]}"; do
        echo "   kill -9 ${agent[$name]}     # the agent of $name; mariadb -h 127.0.0.1 -P ${sql[$name]} -u app -p$(cat "$dir/password") app"
    done
    trap 'echo; break_watch=yes' INT
    break_watch=no
    while [ $break_watch = no ]; do show; sleep 2; done
    trap 'exit 130' INT
fi
say "the writer stops; what was confirmed is on every node"
stop_writer
compare
say "done; everything is stopped and removed"
