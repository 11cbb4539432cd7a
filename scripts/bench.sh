#!/usr/bin/env bash
# Measurements, as ratios within one run, in release mode.
#   scripts/bench.sh commit   [--json] [--seconds S] [--rounds N] [--threads 1,16,64]
#   scripts/bench.sh failover [--json] [--runs N] [--quick]
#   scripts/bench.sh bridge   [--json] [--seconds S] [--rounds N] [--threads N] [--round-trip MS] [--moves N]
set -euo pipefail
# shellcheck source=scripts/lib/setup.sh
. "$(dirname "$0")/lib/setup.sh"

case "${1:-}" in
commit | failover | bridge) bench=bench-$1 ;;
*) die "which measurement: scripts/bench.sh commit | failover | bridge" ;;
esac
shift
{ need_build_packages; need_server_packages; need_packages sysbench mariadb-backup galera-4 socat; build --product wolfscale; build --product wolfscale-lab; } >&2
bin=$(bin_path)
WOLFSCALE_BINARY=$bin/wolfscale exec "$bin/wolfscale-lab" "$bench" "$@"
