#!/usr/bin/env bash
# Two Galera clusters of three nodes and the bridge between them, on this machine, and what it does as it happens.
#   topologies/galera-bridge/run-local.sh [--demo] [--witness] [--no-build]
# Without --demo it runs until Enter is pressed. Everything lies in one folder under /tmp, and is taken away at the end.
set -euo pipefail
# shellcheck source=scripts/lib/setup.sh
. "$(dirname "$0")/../../scripts/lib/setup.sh"

arguments=()
wants_build=yes
for argument in "$@"; do
    if [ "$argument" = --no-build ]; then wants_build=no; else arguments+=("$argument"); fi
done
if [ $wants_build = yes ]; then
    need_build_packages
    need_server_packages
    need_packages mariadb-backup galera-4 socat
    build --product wolfscale
    build --product wolfscale-lab
fi
bin=$(bin_path)
WOLFSCALE_BINARY=$bin/wolfscale exec "$bin/wolfscale-lab" bridge-local "${arguments[@]}"
