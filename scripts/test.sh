#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test, those with real MariaDB servers included.
#   scripts/test.sh [FILTER]      only the tests whose names match
set -euo pipefail
# shellcheck source=scripts/lib/setup.sh
. "$(dirname "$0")/lib/setup.sh"
cd "$root"

need_build_packages
need_server_packages
need_packages mariadb-backup sysbench iproute2 nftables shellcheck

say "style"
swift format lint --strict --recursive --parallel Package.swift Sources Tests
shellcheck -x scripts/*.sh scripts/lib/*.sh
! grep -rnE '/work/|localhost:[0-9]+/simple' --include='*.swift' --include='*.md' --include='*.sh' . --exclude-dir=.build \
    --exclude=test.sh || die "a path of one machine is in the project's files"

build --build-tests || die "the build failed"
WOLFSCALE_BINARY="$(bin_path)/wolfscale"
export WOLFSCALE_BINARY

filter=()
[ $# -gt 0 ] && filter=(--filter "$1")
say "tests without servers, side by side"
swift test -c release -Xswiftc -enable-testing --skip-build --skip LabTests "${filter[@]}"
say "tests with clusters of real servers, one after the other"
swift test -c release -Xswiftc -enable-testing --skip-build --no-parallel "${filter[@]:-}" --filter "${1:-LabTests}"
if [ $# -eq 0 ]; then
    say "faults under load"
    "$root/scripts/chaos.sh" --no-build --faults 17 --seed "${WOLFSCALE_CHAOS_SEED:-20261123}"
fi
