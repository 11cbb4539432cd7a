/// Every key there is but those of `[[galera.endpoint]]`, in the order in which files show them.
extension Setting {
    static let all: [Setting] =
        node + database + replication + wal + cluster + tls + link + relay + galera + api + proxy + log

    static let sections: [String] = all.map(\.section).reduce(into: []) { if $0.last != $1 { $0.append($1) } }
    static let byKey = Dictionary(uniqueKeysWithValues: all.map { ($0.key, $0) })
    /// What an entry of `[[galera.endpoint]]` may hold.
    static let endpointKeys = ["host", "port", "weight"]

    private static let node: [Setting] = [
        .text("node", "id", \.node.id, "This node's name, unique in the cluster. Required."),
        .text(
            "node", "bind_address", \.node.bindAddress, kind: .address(anyPort: true),
            "Where the other members reach this node; loopback only, unless tls.required is false."),
        .text(
            "node", "data_dir", \.node.dataDirectory, kind: .path, example: "\"/var/lib/wolfscale/NODE\"",
            "The log, the state and a managed server's data; /var/lib/wolfscale/<node.id> if not given."),
        .choice(
            "node", "role", \.node.role, "voter: votes and has a database; learner: no vote; witness: no database."),
        .text("node", "site", \.node.site, "The datacenter or zone, for people."),
        .text(
            "node", "advertise_address", \.node.advertiseAddress, kind: .address(anyPort: false),
            example: "\"db1.example.com:7654\"", "How the other members dial this node, if not by the address it binds."
        ),
    ]

    private static let database: [Setting] = [
        .text("database", "host", \.database.host, "Where the server listens; a managed one is told to listen here."),
        .integer("database", "port", \.database.port, 1...65_535, "The server's TCP port."),
        .text("database", "user", \.database.user, "The account of the HTTP API's writes; made in a managed server."),
        .text(
            "database", "password", \.database.password, kind: .secret, example: "\"your-password\"",
            "Its password; the same on every member."),
        .text(
            "database", "password_file", \.database.passwordFile, kind: .path, example: "\"/etc/wolfscale/password\"",
            "A file with the password instead, best with mode 0600."),
        .text("database", "database", \.database.database, example: "\"myapp\"", "The application's database."),
        .integer("database", "pool_size", \.database.poolSize, 1...1_000, "Connections kept for the HTTP API."),
        .boolean(
            "database", "managed", \.database.managed,
            "Whether the agent runs mariadbd itself; if not given, true for replication.mode = \"quorum\"."),
        .text(
            "database", "socket", \.database.socket, kind: .path, example: "\"/run/mysqld/mysqld.sock\"",
            "The server's socket; <data_dir>/run/mariadbd.sock for a managed one."),
        .text(
            "database", "fence_command", \.database.fenceCommand, example: "\"systemctl kill -s KILL mariadb\"",
            "Kills a server that the agent does not run; required in quorum mode then."),
        .text(
            "database", "start_command", \.database.startCommand, example: "\"systemctl start mariadb\"",
            "Starts it again; required in quorum mode then."),
        .list(
            "database", "server_options", \.database.serverOptions,
            "More options of a managed server, as [\"innodb_buffer_pool_size=4G\"]; what the guarantee needs wins."),
    ]

    private static let replication: [Setting] = [
        .choice(
            "replication", "mode", \.replication.mode,
            "quorum: a commit waits for a majority; async: captured after it, as a Galera cluster needs."),
        .integer(
            "replication", "max_apply_lag_mb", \.replication.maxApplyLagMB, 0...1_000_000,
            "Commits wait while a voter's database is further behind than this much of the log; 0: never."),
        .integer(
            "replication", "max_apply_lag_seconds", \.replication.maxApplyLagSeconds, 0...86_400,
            "Commits wait while a voter's database is further behind than this; 0: never."),
    ]

    private static let wal: [Setting] = [
        .integer("wal", "batch_size", \.wal.batchSize, 1...100_000, "Transactions in one batch at most."),
        .integer(
            "wal", "flush_interval_ms", \.wal.flushIntervalMs, 0...60_000,
            "How long an asynchronous feed may gather a batch; a waiting commit never waits for it."),
        .boolean("wal", "compression", \.wal.compression, "LZ4 on disk."),
        .integer("wal", "segment_size_mb", \.wal.segmentSizeMB, 1...4_096, "Size of one file of the log."),
        .integer("wal", "retention_hours", \.wal.retentionHours, 0...87_600, "How long the log is kept at least."),
        .boolean("wal", "fsync", \.wal.fsync, "false risks confirmed writes: for tests only."),
        .integer(
            "wal", "max_size_mb", \.wal.maxSizeMB, 64...1_000_000_000,
            "Hard bound of the log; beyond it a member that is behind must be provisioned anew."),
        .integer(
            "wal", "max_fragment_kb", \.wal.maxFragmentKB, 64...32_768,
            "Larger transactions are cut into pieces of this size."),
    ]

    private static let cluster: [Setting] = [
        .text(
            "cluster", "name", \.cluster.name, example: "\"production\"", "Guards against joining the wrong cluster."),
        .list(
            "cluster", "peers", \.cluster.peers, kind: .addresses,
            "Members that a new node asks to be let in; empty on the first one."),
        .integer(
            "cluster", "heartbeat_interval_ms", \.cluster.heartbeatIntervalMs, 10...60_000,
            "How often the leader is heard."),
        .integer(
            "cluster", "election_timeout_ms", \.cluster.electionTimeoutMs, 50...600_000, example: "2000",
            "Sets both of the next two: the shortest to this, the longest to twice this."),
        .integer(
            "cluster", "election_timeout_min_ms", \.cluster.electionTimeoutMinMs, 50...600_000,
            "A follower that hears nothing of the leader for at least this long stands for election."),
        .integer(
            "cluster", "election_timeout_max_ms", \.cluster.electionTimeoutMaxMs, 50...1_200_000,
            "The longest it waits; each time a random value between the two."),
        .boolean(
            "cluster", "disable_auto_election", \.cluster.disableAutoElection,
            "true: only `wolfscale switchover` changes the leader."),
    ]

    private static let tls: [Setting] = [
        .text(
            "tls", "ca", \.tls.ca, kind: .path, example: "\"/etc/wolfscale/ca.pem\"",
            "The cluster's own certificate authority; without the three keys the files of <data_dir>/tls are used."),
        .text(
            "tls", "certificate", \.tls.certificate, kind: .path, example: "\"/etc/wolfscale/node.pem\"",
            "This node's certificate."),
        .text("tls", "private_key", \.tls.privateKey, kind: .path, example: "\"/etc/wolfscale/node.key\"", "Its key."),
        .boolean(
            "tls", "required", \.tls.required,
            "false: without certificates members talk unencrypted and unauthenticated over any network."),
    ]

    private static let link: [Setting] = [
        .choice(
            "link", "compression", \.link.compression,
            "zstd: with history, for members that are not near; lz4, none: as batches lie in the log."),
        .choice(
            "link", "congestion", \.link.congestion,
            "TCP congestion control of the links' own sockets; the system's where the kernel refuses."),
        .integer(
            "link", "streams", \.link.streams, 1...16,
            "Connections that carry batches to one member; more help on a lossy line without bbr."),
        .integer(
            "link", "window_mb", \.link.windowMB, 1...1_024,
            "What a member may have under way to this node that is not on its disk yet."),
        .integer("link", "timeout_ms", \.link.timeoutMs, 100...600_000, "A line that is silent for so long is dead."),
    ]

    private static let relay: [Setting] = [
        .text(
            "relay", "bind_address", \.relay.bindAddress, kind: .address(anyPort: true),
            "Where the local database fetches committed transactions; port 0 is any free one."),
        .text(
            "relay", "advertise_address", \.relay.advertiseAddress, kind: .address(anyPort: false),
            example: "\"bridge-a.example.com:7656\"", "How Galera nodes dial it."),
    ]

    private static let galera: [Setting] = [
        .integer(
            "galera", "probe_interval_ms", \.galera.probeIntervalMs, 50...60_000,
            "How often each endpoint is looked at.")
    ]

    private static let api: [Setting] = [
        .boolean("api", "enabled", \.api.enabled, "The HTTP API."),
        .text("api", "bind_address", \.api.bindAddress, kind: .address(anyPort: false), "Where it listens."),
        .text(
            "api", "token_file", \.api.tokenFile, kind: .path, example: "\"wolfscale.token\"",
            "The bearer token that other hosts need; without it they can do nothing."),
        .boolean(
            "api", "tls", \.api.tls, "HTTPS with this node's own certificate ([tls]), unless the next two name another."
        ),
        .text(
            "api", "tls_certificate", \.api.tlsCertificate, kind: .path, example: "\"/etc/wolfscale/api.pem\"",
            "The API's certificate, and those that signed it; it must name the host by which other members dial it."),
        .text(
            "api", "tls_private_key", \.api.tlsPrivateKey, kind: .path, example: "\"/etc/wolfscale/api.key\"",
            "Its key."
        ),
        .text(
            "api", "tls_ca", \.api.tlsCA, kind: .path, example: "\"/etc/wolfscale/api-ca.pem\"",
            "Whom to believe when calling members' APIs; the cluster's CA, or the system's with api.tls_certificate."),
        .boolean("api", "loopback_exempt", \.api.loopbackExempt, "Whether this machine needs no token."),
        .integer(
            "api", "rate_limit_per_second", \.api.rateLimitPerSecond, 0...1_000_000,
            "Requests of one token, or of one address without one; status is not counted; 0 for no limit."),
        .integer(
            "api", "write_timeout_ms", \.api.writeTimeoutMs, 100...600_000, "How long a write waits for its quorum."),
        .integer(
            "api", "query_timeout_ms", \.api.queryTimeoutMs, 100...86_400_000,
            "How long POST /query may take, its answer's transfer included."),
        .integer(
            "api", "idempotency_hours", \.api.idempotencyHours, 1...8_760,
            "How long the answers to requests with an Idempotency-Key are kept."),
    ]

    private static let proxy: [Setting] = [
        .boolean("proxy", "enabled", \.proxy.enabled, "The MySQL endpoint."),
        .text("proxy", "bind_address", \.proxy.bindAddress, kind: .address(anyPort: false), "Where it listens."),
        .choice(
            "proxy", "read_consistency", \.proxy.readConsistency,
            "eventual: any state; causal: what the session wrote; leader: reads go there."),
        .integer("proxy", "max_connections", \.proxy.maxConnections, 1...1_000_000, "Clients at the same time."),
        .integer(
            "proxy", "failover_wait_ms", \.proxy.failoverWaitMs, 0...600_000,
            "How long a statement may wait for a new leader before it is refused."),
        .integer(
            "proxy", "busy_poll_us", \.proxy.busyPollUs, 0...1_000,
            "How long a proxy with one busy client may look for its next packet before it sleeps; 0: not at all."),
        .integer(
            "proxy", "causal_timeout_ms", \.proxy.causalTimeoutMs, 0...600_000,
            "How long a causal read may wait for the local replica before it goes to the leader."),
        .choice(
            "proxy", "stale_reads", \.proxy.staleReads,
            "Whether the local replica is read while there is no leader."),
        .integer(
            "proxy", "max_staleness_seconds", \.proxy.maxStalenessSeconds, 0...86_400,
            "A replica further behind than this is not read; 0 for no bound."),
        .text(
            "proxy", "tls_certificate", \.proxy.tlsCertificate, kind: .path, example: "\"/etc/wolfscale/proxy.pem\"",
            "The certificate, and those that signed it, for clients that ask for TLS."),
        .text(
            "proxy", "tls_private_key", \.proxy.tlsPrivateKey, kind: .path, example: "\"/etc/wolfscale/proxy.key\"",
            "Its key."),
        .boolean("proxy", "tls_required", \.proxy.tlsRequired, "Whether clients without TLS are refused."),
        .choice(
            "proxy", "database_tls", \.proxy.databaseTLS,
            "TLS to the databases, but through tunnels: off; required: encrypted; verify: their certificates checked too."
        ),
        .text(
            "proxy", "database_tls_ca", \.proxy.databaseTLSCA, kind: .path,
            example: "\"/etc/wolfscale/databases-ca.pem\"",
            "PEM with who may have signed the databases' certificates; without it `verify` asks the system's."),
        .list(
            "proxy", "proxy_protocol_networks", \.proxy.proxyProtocolNetworks,
            "Networks of load balancers that say by a PROXY header who their clients are, as [\"10.0.0.5\", \"fd00::/8\"]."
        ),
        .boolean(
            "proxy", "proxy_protocol_to_server", \.proxy.proxyProtocolToServer,
            "Whether databases are told clients' addresses; each must list the agents in its proxy_protocol_networks."),
        .boolean(
            "proxy", "tunnel", \.proxy.tunnel,
            "Whether proxies reach other members' databases through the agents there; the same on all members."),
        .integer(
            "proxy", "pool", \.proxy.pool, 0...10_000,
            "Connections to databases kept for the next clients, a minute at most; 0 for none."),
        .list(
            "proxy", "members", \.proxy.members, kind: .addresses,
            "For `wolfscale proxy` alone: HTTP APIs of some members, as [\"db1:8080\", \"db2:8080\"]."),
        .integer(
            "proxy", "nearest_window_ms", \.proxy.nearestWindowMs, 0...10_000,
            "For `wolfscale proxy` alone: followers so much further away than the nearest share the reads with it."),
        .list(
            "proxy", "read_weights", \.proxy.readWeights,
            "For `wolfscale proxy` alone: followers' shares of the sessions, as [\"db2=3\", \"db3=0\"]; 1 if not named, 0: never read."
        ),
    ]

    private static let log: [Setting] = [
        .choice("log", "level", \.log.level, "What is written to standard error."),
        .choice("log", "format", \.log.format, "json: one object a line."),
    ]
}
