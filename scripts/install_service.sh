#!/usr/bin/env bash
# Installs the agent as a systemd service: sudo scripts/install_service.sh node
# Without /opt/wolfscale/wolfscale.toml it asks for what it needs.
set -euo pipefail
# shellcheck source=scripts/lib/setup.sh
. "$(dirname "$0")/lib/setup.sh"

[ "${1:-}" = node ] || die "usage: sudo scripts/install_service.sh node"
[ "$(id -u)" -eq 0 ] || die "this needs root: sudo scripts/install_service.sh node"
need_build_packages
need_server_packages
build --product wolfscale || die "the build failed"

ask() { # variable, question, default
    local answer
    read -r -p "$2 [$3]: " answer </dev/tty || answer=
    printf -v "$1" '%s' "${answer:-$3}"
}

id -u wolfscale >/dev/null 2>&1 || useradd --system --home-dir /var/lib/wolfscale --shell /usr/sbin/nologin wolfscale
install -d -o wolfscale -g wolfscale -m 0750 /opt/wolfscale /var/lib/wolfscale /var/log/wolfscale
install -m 0755 "$(bin_path)/wolfscale" /opt/wolfscale/wolfscale

arguments=start
if [ ! -f /opt/wolfscale/wolfscale.toml ]; then
    id='' bind='' first='' host='' port='' schema='' user='' password='' api=''
    ask id "Node id" "$(hostname)"
    ask bind "Address for the other members" "0.0.0.0:7654"
    ask first "Is this the first node of a new cluster (yes/no)" no
    peers=()
    if [ "$first" = no ]; then
        echo "Members to join through, host:port, one a line; an empty line ends the list:"
        while read -r line </dev/tty && [ -n "$line" ]; do peers+=("\"$line\""); done
        [ ${#peers[@]} -gt 0 ] || die "a node that is not the first needs at least one member to join through"
    else
        arguments="start --bootstrap"
    fi
    ask host "Address that MariaDB listens on" 127.0.0.1
    ask port "Port that MariaDB listens on" 3306
    ask schema "Application's database" myapp
    ask user "Application's user" wolfscale
    ask password "Application's password" "$(head -c 18 /dev/urandom | base64)"
    ask api "Port of the HTTP API" 8080
    /opt/wolfscale/wolfscale init --node-id "$id" --output /opt/wolfscale/wolfscale.toml --data-dir "/var/lib/wolfscale/$id"
    set_key() { # section, key, value
        sed -i "/^\[$1\]/,/^\[/ s|^#\? *$2 *=.*|$2 = $3|" /opt/wolfscale/wolfscale.toml
    }
    set_key node bind_address "\"$bind\""
    set_key cluster peers "[$(IFS=,; echo "${peers[*]}")]"
    set_key database host "\"$host\""
    set_key database port "$port"
    set_key database database "\"$schema\""
    set_key database user "\"$user\""
    set_key database password "\"$password\""
    set_key api bind_address "\"0.0.0.0:$api\""
    chmod 0640 /opt/wolfscale/wolfscale.toml
fi
# Also what somebody else has put there: the agent must be able to read it.
chown -R wolfscale:wolfscale /opt/wolfscale
/opt/wolfscale/wolfscale validate --config /opt/wolfscale/wolfscale.toml

cat >/etc/systemd/system/wolfscale.service <<UNIT
[Unit]
Description=WolfScale replication agent for MariaDB
After=network-online.target
Wants=network-online.target

[Service]
Type=notify
User=wolfscale
ExecStart=/opt/wolfscale/wolfscale $arguments --config /opt/wolfscale/wolfscale.toml
Restart=on-failure
RestartSec=1
# The database must survive the agent: only the agent itself is stopped, and it stops its database in order.
KillMode=process
TimeoutStopSec=120
LimitNOFILE=65536

[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable wolfscale
if ! /opt/wolfscale/wolfscale cert show --config /opt/wolfscale/wolfscale.toml >/dev/null 2>&1; then
    cat <<'NEXT'
There is no certificate yet, so only members on this machine can reach this node (docs/OPERATIONS.md, "Certificates").
  the first node:   /opt/wolfscale/wolfscale cert init --config /opt/wolfscale/wolfscale.toml
  any other one:    there `wolfscale cert issue NODE`, and its three files into <data_dir>/tls here, for the user wolfscale
NEXT
fi
say "installed; start it with: systemctl start wolfscale"
