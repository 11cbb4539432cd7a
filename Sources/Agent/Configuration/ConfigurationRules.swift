import ClusterCore
import Foundation
import Gateway
import WANLink

/// What concerns several keys at once: values that follow from others, and combinations that make no sense.
enum ConfigurationRules {
    struct Violation: Equatable {
        /// Where to mend it.
        var key: String
        var message: String
    }

    /// Fills in what was not given and returns what does not go together.
    static func settle(_ configuration: inout Configuration, for use: Configuration.Use = .node) -> [Violation] {
        settleTimeouts(&configuration)
        settlePaths(&configuration)
        if !configuration.given.contains("database.managed") {
            configuration.database.managed = configuration.replication.mode == .quorum
        }
        if use == .proxy { return proxy(configuration) + api(configuration) + standalone(configuration) }
        return node(configuration) + api(configuration) + database(configuration) + cluster(configuration)
            + network(configuration)
            + proxy(configuration)
            + bridge(configuration)
    }

    private static func settleTimeouts(_ configuration: inout Configuration) {
        guard let timeout = configuration.cluster.electionTimeoutMs else { return }
        if !configuration.given.contains("cluster.election_timeout_min_ms") {
            configuration.cluster.electionTimeoutMinMs = timeout
        }
        if !configuration.given.contains("cluster.election_timeout_max_ms") {
            configuration.cluster.electionTimeoutMaxMs = timeout * 2
        }
    }

    /// Makes paths absolute: they are meant relative to the file they stand in.
    private static func settlePaths(_ configuration: inout Configuration) {
        if configuration.node.dataDirectory.isEmpty, !configuration.node.id.isEmpty {
            configuration.node.dataDirectory = "/var/lib/wolfscale/\(configuration.node.id)"
        }
        let base = URL(fileURLWithPath: configuration.file ?? "x").deletingLastPathComponent()
        for setting in Setting.all where setting.kind == .path {
            guard case .text(let path)? = setting.read(configuration) else { continue }
            let absolute = URL(fileURLWithPath: path, relativeTo: base).standardizedFileURL.path
            setting.write(&configuration, .text(absolute))
        }
    }

    private static func node(_ configuration: Configuration) -> [Violation] {
        let id = configuration.node.id
        if id.isEmpty {
            return [
                Violation(key: "node.id", message: "node.id is missing: give this node a name that no other member has")
            ]
        }
        let allowed = id.utf8.allSatisfy {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || "-_.".utf8.contains($0)
        }
        guard allowed, id.utf8.count <= 64, id != ".", id != ".." else {
            return [
                Violation(
                    key: "node.id",
                    message: "node.id is \"\(id)\"; wanted: 1 to 64 letters, digits, hyphens, underscores, dots")
            ]
        }
        return []
    }

    /// Whether there is a certificate for `api.tls` is ``Configuration/apiCertificateProblem``'s: it may be made later.
    private static func api(_ configuration: Configuration) -> [Violation] {
        let api = configuration.api
        var violations: [Violation] = []
        if (api.tlsCertificate == nil) != (api.tlsPrivateKey == nil) {
            violations.append(
                Violation(
                    key: api.tlsCertificate == nil ? "api.tls_private_key" : "api.tls_certificate",
                    message: "api.tls_certificate and api.tls_private_key go together: give both, or neither"))
        }
        return violations
    }

    private static func database(_ configuration: Configuration) -> [Violation] {
        let database = configuration.database
        var violations: [Violation] = []
        if database.password != nil, database.passwordFile != nil {
            violations.append(
                Violation(
                    key: "database.password_file", message: "give database.password or database.password_file, not both"
                ))
        }
        guard configuration.node.role.hasDatabase else { return violations }
        switch (configuration.replication.mode, database.managed) {
        case (.async, true):
            violations.append(
                Violation(key: "database.managed", message: "a managed server needs replication.mode = \"quorum\""))
        case (.quorum, false):
            let commands = [
                ("database.fence_command", database.fenceCommand), ("database.start_command", database.startCommand),
            ]
            for (key, command) in commands where command?.isEmpty ?? true {
                violations.append(
                    Violation(
                        key: key,
                        message: "\(key) is needed in quorum mode for a server that the agent does not run itself, "
                            + "because a server with waiting commits must be killed, not stopped"))
            }
        case (.quorum, true), (.async, false): break
        }
        return violations
    }

    private static func bridge(_ configuration: Configuration) -> [Violation] {
        guard configuration.replication.mode == .async, configuration.node.role.hasDatabase else { return [] }
        var violations: [Violation] = []
        if configuration.galera.endpoints.isEmpty {
            violations.append(
                Violation(
                    key: "galera.endpoint",
                    message:
                        "replication.mode = \"async\" bridges a Galera cluster: name its nodes, each with [[galera.endpoint]], host, "
                        + "port"))
        }
        let relay = PeerAddress(configuration.relay.bindAddress)
        let isElsewhere = configuration.galera.endpoints.contains {
            !(PeerAddress(host: $0.host, port: $0.port).isLoopback || $0.host == "localhost")
        }
        if configuration.relay.advertiseAddress == nil,
            relay?.isWildcard == true || (isElsewhere && relay?.isLoopback == true)
        {
            violations.append(
                Violation(
                    key: "relay.advertise_address",
                    message:
                        "relay.advertise_address is missing: say by which address the Galera nodes reach this agent, and let "
                        + "relay.bind_address listen there"))
        }
        return violations
    }

    private static func cluster(_ configuration: Configuration) -> [Violation] {
        let cluster = configuration.cluster
        var violations: [Violation] = []
        if cluster.electionTimeoutMaxMs < cluster.electionTimeoutMinMs {
            violations.append(
                Violation(
                    key: "cluster.election_timeout_max_ms",
                    message: "the longest election timeout (\(cluster.electionTimeoutMaxMs) ms) is below the shortest "
                        + "(\(cluster.electionTimeoutMinMs) ms)"))
        }
        if cluster.heartbeatIntervalMs * 2 > cluster.electionTimeoutMinMs {
            violations.append(
                Violation(
                    key: "cluster.heartbeat_interval_ms",
                    message:
                        "a heartbeat each \(cluster.heartbeatIntervalMs) ms is too rare for an election timeout of "
                        + "\(cluster.electionTimeoutMinMs) ms; the interval may be half of it at most"))
        }
        return violations
    }

    private static func proxy(_ configuration: Configuration) -> [Violation] {
        let proxy = configuration.proxy
        var violations: [Violation] = []
        if (proxy.tlsCertificate == nil) != (proxy.tlsPrivateKey == nil) {
            violations.append(
                Violation(
                    key: proxy.tlsCertificate == nil ? "proxy.tls_private_key" : "proxy.tls_certificate",
                    message: "proxy.tls_certificate and proxy.tls_private_key go together: give both, or neither"))
        }
        if proxy.tlsRequired, proxy.tlsCertificate == nil {
            violations.append(
                Violation(
                    key: "proxy.tls_required",
                    message: "proxy.tls_required needs proxy.tls_certificate and proxy.tls_private_key"))
        }
        if proxy.databaseTLS == .off, proxy.databaseTLSCA != nil {
            violations.append(
                Violation(
                    key: "proxy.database_tls_ca",
                    message: "proxy.database_tls_ca is of use with proxy.database_tls = \"required\" or \"verify\" only"
                ))
        }
        for network in proxy.proxyProtocolNetworks where IPNetwork(network) == nil {
            violations.append(
                Violation(
                    key: "proxy.proxy_protocol_networks",
                    message:
                        "\"\(network)\" in proxy.proxy_protocol_networks is no network; wanted: an address, one with a "
                        + "prefix length as \"10.0.0.0/8\", or \"*\""))
        }
        return violations
    }

    private static func standalone(_ configuration: Configuration) -> [Violation] {
        var violations: [Violation] = []
        if configuration.proxy.members.isEmpty {
            violations.append(
                Violation(
                    key: "proxy.members",
                    message:
                        "proxy.members is missing: name the HTTP APIs of some members, as [\"db1:8080\", \"db2:8080\"]"
                ))
        }
        if let problem = ReadWeights.problem(configuration.proxy.readWeights) {
            violations.append(Violation(key: "proxy.read_weights", message: problem))
        }
        if configuration.proxy.tunnel {
            violations.append(
                Violation(
                    key: "proxy.tunnel",
                    message: "proxy.tunnel is for members: a standalone proxy connects to the databases itself"))
        }
        return violations
    }

    /// Where it may listen without certificates is ``Configuration/bindingProblem``'s: `wolfscale cert` and
    /// `wolfscale join --token` must run before there are any.
    private static func network(_ configuration: Configuration) -> [Violation] {
        let tls = [
            ("tls.ca", configuration.tls.ca), ("tls.certificate", configuration.tls.certificate),
            ("tls.private_key", configuration.tls.privateKey),
        ]
        guard tls.contains(where: { $0.1 != nil }) else { return [] }
        return tls.filter { $0.1 == nil }.map {
            Violation(
                key: $0.0,
                message:
                    "\($0.0) is missing: give tls.ca, tls.certificate and tls.private_key together, or none of them "
                    + "and have the files in \(configuration.node.dataDirectory)/tls")
        }
    }
}

extension PeerAddress {
    /// Whether a listener here is reached by every address of the machine.
    var isWildcard: Bool { host == "0.0.0.0" || host == "::" || host == "*" }
}
