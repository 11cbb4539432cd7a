#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test, those with real MariaDB servers included.
#   scripts/test.sh [FILTER]      only the tests whose names match
set -euo pipefail
# shellcheck source=scripts/lib/setup.sh
. "$(dirname "$0")/lib/setup.sh"
cd "$root"

need_build_packages
need_server_packages
need_packages mariadb-backup galera-4 socat sysbench iproute2 nftables shellcheck openssl
need_client_drivers

say "style"
swift format lint --strict --recursive --parallel Package.swift Sources Tests
shellcheck -x scripts/*.sh scripts/lib/*.sh topologies/*/*.sh
build --build-tests || die "the build failed"
WOLFSCALE_BINARY="$(bin_path)/wolfscale"
export WOLFSCALE_BINARY

if [ $# -gt 0 ]; then
    say "tests whose names match $1"
    exec swift test -c release --skip-build --no-parallel --filter "$1"
fi
# By themselves: they keep every core busy, and other tests wait for clocks.
say "simulations"
swift test -c release --skip-build --filter SimulationTests
say "tests of the modules"
swift test -c release --skip-build --skip LabTests --skip SimulationTests
say "tests with clusters of real servers, one after the other"
swift test -c release --skip-build --no-parallel --filter LabTests
say "faults under load"
"$root/scripts/chaos.sh" --no-build --faults 17 --seed "${WOLFSCALE_CHAOS_SEED:-20261123}"
say "the quickstart"
"$root/scripts/quickstart.sh"
say "the topologies"
"$root/topologies/standard-ha/run-local.sh" --demo --no-build
"$root/topologies/galera-bridge/run-local.sh" --demo --no-build
say "faults of a bridge between two Galera clusters under load"
"$root/scripts/chaos.sh" bridge --no-build --faults 5 --seed "${WOLFSCALE_CHAOS_SEED:-20261123}" \
    --only sourceKilled,targetFrozen,agentAKilled,linkHangs,donor
if [ "$(id -u)" = 0 ] && [ -e /dev/net/tun ]; then
    "$root/topologies/remote-follower/run-local.sh" --demo --no-build
    "$root/scripts/chaos.sh" --no-build --wan --faults 5 --seed "${WOLFSCALE_CHAOS_SEED:-20261123}"
else
    say "skipped: the remote follower's topology and faults of lines; emulated lines need root and /dev/net/tun"
fi
