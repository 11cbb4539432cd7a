#!/usr/bin/env bash
# Faults at random on a cluster under load; nothing acknowledged may be missing, nothing refused may be there.
#   scripts/chaos.sh [bridge] [--faults N] [--seed S] [--json] [--only a,b] [--through-proxy [--pool N]] [--tls] [--no-build]
set -euo pipefail
# shellcheck source=scripts/lib/setup.sh
. "$(dirname "$0")/lib/setup.sh"

arguments=()
wants_build=yes
what=chaos
if [ "${1:-}" = bridge ]; then
    # Two Galera clusters and the bridge between them.
    what=chaos-bridge
    shift
fi
for argument in "$@"; do
    if [ "$argument" = --no-build ]; then wants_build=no; else arguments+=("$argument"); fi
done
if [ $wants_build = yes ]; then
    { need_build_packages; need_server_packages; need_packages iproute2 nftables mariadb-backup galera-4 socat; build --product wolfscale; build --product wolfscale-lab; } >&2
fi
bin=$(bin_path)
WOLFSCALE_BINARY=$bin/wolfscale exec "$bin/wolfscale-lab" "$what" "${arguments[@]}"
