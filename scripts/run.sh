#!/usr/bin/env bash
# Runs the agent from the source tree: builds it when needed and passes the command on.
#   scripts/run.sh start [--bootstrap] | join HOST:PORT | status | info | …   [--config FILE]
set -euo pipefail
# shellcheck source=scripts/lib/setup.sh
. "$(dirname "$0")/lib/setup.sh"
[ $# -gt 0 ] || set -- --help
{ need_build_packages; build --product wolfscale; } >&2
exec "$(bin_path)/wolfscale" "$@"
