#!/usr/bin/env bash
# Measurements, as ratios within one run, in release mode.
#   scripts/bench.sh commit   [--json] [--seconds S] [--rounds N] [--threads 1,16,64]
#   scripts/bench.sh failover [--json] [--runs N] [--quick]
#   scripts/bench.sh wan      [--json] [--quick] [--backlog-mb N] [--workloads a,b] [--lines 20/0,100/0.1] [--contenders a,b]
#                             over an emulated line, beside MariaDB's own replication; needs root. --help says the rest
#   scripts/bench.sh proxy    [--json] [--seconds S] [--rounds N] [--threads 1,16,64] [--works a,b] [--idle N] [--tunnel]
#   scripts/bench.sh bridge   [--json] [--seconds S] [--rounds N] [--threads N] [--round-trip MS] [--moves N] [--switchovers N]
set -euo pipefail
# shellcheck source=scripts/lib/setup.sh
. "$(dirname "$0")/lib/setup.sh"

case "${1:-}" in
commit | failover | proxy | wan | bridge) bench=bench-$1 ;;
*) die "which measurement: scripts/bench.sh commit | failover | proxy | wan | bridge" ;;
esac
[ "$1" != proxy ] || need_packages haproxy >&2
shift
{ need_build_packages; need_server_packages; need_packages sysbench iproute2 mariadb-backup galera-4 socat; build --product wolfscale; build --product wolfscale-lab; } >&2
bin=$(bin_path)
WOLFSCALE_BINARY=$bin/wolfscale exec "$bin/wolfscale-lab" "$bench" "$@"
