#!/usr/bin/env bash
# The hosts of this folder's configuration files on this machine, the learner behind an emulated line, which is cut on the way.
#   topologies/remote-follower/run-local.sh [--demo] [--no-build] [--dir DIRECTORY]
# --demo ends by itself; otherwise you play with the line until you type end. Needs root, for network namespaces and TUN devices.
set -euo pipefail
# shellcheck source=topologies/lib/local.sh
. "$(dirname "$0")/../lib/local.sh"

here=$(cd "$(dirname "$0")" && pwd)
[ "$(id -u)" = 0 ] || die "the emulated line needs root (network namespaces, TUN): sudo $0"
begin

# The line lives in a program of its own: commands in, answers out.
coproc line_process { exec "$(bin_path)/wolfscale-lab" wan --round-trip 80 --megabits 20; }
# shellcheck disable=SC2154  # bash sets it
line_in=${line_process[1]} line_out=${line_process[0]} line_pid=$line_process_PID
line() { echo "$*" >&"$line_in"; }
ask_line() { local answer; line "$@"; read -r -t 10 answer <&"$line_out"; echo "$answer"; }
at_exit() { line end 2>/dev/null || true; wait "$line_pid" 2>/dev/null || true; }
read -r -t 20 _ home_address home_namespace <&"$line_out" || die "the emulated line did not start"
read -r -t 20 _ away_address away_namespace <&"$line_out" || die "the emulated line did not start"

for i in 1 2 3; do node "home-$i" "$here/home-$i.toml" "$home_address" ip netns exec "$home_namespace"; done
node learner-1 "$here/learner.toml" "$away_address" ip netns exec "$away_namespace"

newest() { root_at "$1" -e 'SELECT COALESCE(MAX(id), 0) FROM app.notes' 2>/dev/null || echo '?'; }
show() {
    local at_home=0 away state sent
    find_leader || { printf '   %4ds  nobody leads\n' $SECONDS; return; }
    at_home=$(newest "$leader") away=$(newest learner-1)
    state=$(http "$leader" /cluster/nodes | jq -r '.[] | select(.id == "learner-1") | .state')
    sent=$(ask_line bytes)
    printf '   %4ds  home: row %-6s learner: row %-6s (%s)  bytes over the line: %s out, %s back\n' $SECONDS \
        "$at_home" "$away" "$state" "${sent% *}" "${sent#* }"
}
watch() { # seconds
    local until=$((SECONDS + $1))
    while [ $SECONDS -lt $until ]; do show; sleep 1; done
}
learner_is_back() { find_leader && [ "$(($(newest "$leader") - $(newest learner-1)))" -lt 50 ]; }

say "three hosts at home, and a learner behind 80 ms and 20 Mbit/s, in $dir"
start_all
say "a client writes one row after the other at home"
start_writer
watch 3
say "the line is cut: nothing goes through, and nobody is told"
before=$(written)
line cut
watch 6
[ "$(written)" -gt "$before" ] || die "no write was confirmed at home while the line was cut"
echo "   $(($(written) - before)) rows were confirmed at home meanwhile"
say "the line is whole again"
line heal
wait_for "the learner has caught up" 60 learner_is_back
watch 2
if [ $demo = no ]; then
    say "the line is yours: cut, heal, set MBIT/S LOSS-PERCENT ROUND-TRIP-MS, end"
    while show && ! { read -r -t 2 command && [ "$command" = end ]; }; do
        [ -z "${command:-}" ] || line "$command"
        command=
    done
    line heal
fi
say "the writer stops; what was confirmed is on every node, the learner too"
stop_writer
compare
say "done; everything is stopped and removed"
