# Shared by the scripts: what a bare Debian 12 with a Swift toolchain lacks, and how the project is built.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

say() { printf '\033[1m── %s\033[0m\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# Installs the Debian packages that are missing; asks nothing when all are there.
need_packages() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    say "installing ${missing[*]}"
    local sudo=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || die "these packages are missing, and installing them needs root: ${missing[*]}"
        sudo=(sudo)
    fi
    # A package that starts a server of its own would take its port and its memory.
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends \
        "${missing[@]}" >/dev/null
}

need_build_packages() {
    command -v swift >/dev/null || die "no Swift toolchain in PATH; install Swift 6.2 or later from swift.org"
    need_packages libmariadb-dev libsqlite3-dev liblz4-dev libzstd-dev libssl-dev libcurl4-openssl-dev zlib1g-dev \
        pkg-config git
}

need_server_packages() { need_packages mariadb-server mariadb-client curl jq; }

# What applications connect with: Debian's drivers for Perl and PHP, and PyPI's for Python in an environment of their own.
need_client_drivers() {
    need_packages libdbd-mysql-perl libdbd-mariadb-perl php-cli php-mysql python3-venv python3-dev gcc libmariadb-dev pkg-config
    local environment=$root/.build/clients
    if [ ! -e "$environment/complete" ]; then
        say "installing Python's drivers"
        rm -rf "$environment"
        if python3 -m venv "$environment" && "$environment/bin/pip" install -q --disable-pip-version-check PyMySQL mysqlclient \
            mysql-connector-python mariadb SQLAlchemy Django prometheus_client; then
            touch "$environment/complete"
        else
            say "Python's drivers could not be installed; their tests are passed over"
            return 0
        fi
    fi
    export WOLFSCALE_PYTHON=$environment/bin/python
}

# Builds in release mode; the tests use the same build, so that there is one.
build() {
    say "building (release; the first time takes several minutes)"
    # The exit status is that of the build, whatever the filter finds.
    swift build --package-path "$root" -c release "$@" \
        > >(grep --line-buffered -vE '^\[[0-9]+/[0-9]+\] (Compiling|Write|Emitting|Planning)|found 1 file|CMakeLists|unhandled') 2>&1
}

bin_path() { swift build --package-path "$root" -c release --show-bin-path; }
