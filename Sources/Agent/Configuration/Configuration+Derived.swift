import ClusterCore
import Foundation
import Gateway
import Logging
import MariaDBClient
import NIOCore
import WANLink
import WriteAheadLog

/// What follows from the keys.
extension Configuration {
    /// A managed server's socket, or the one to use for an attached server; nil when that is reached by TCP.
    var socketPath: String? {
        database.socket ?? (database.managed ? node.dataDirectory + "/run/mariadbd.sock" : nil)
    }

    /// Where to listen for the other members. Without certificates a wildcard address means loopback, unless
    /// `tls.required = false`.
    var peerBinding: PeerAddress {
        var address = PeerAddress(node.bindAddress) ?? PeerAddress(host: "127.0.0.1", port: 7654)
        if tls.required, !usesTLS, address.isWildcard { address.host = address.host == "::" ? "::1" : "127.0.0.1" }
        if address.host == "*" { address.host = "0.0.0.0" }
        return address
    }

    /// How the other members dial this node.
    ///
    /// - Parameter port: the one really bound.
    func advertisedAddress(port: Int) -> String {
        if let advertised = node.advertiseAddress { return advertised }
        return PeerAddress(host: reachableHost(of: peerBinding), port: port).description
    }

    /// How the other members reach the HTTP API, with `https://` before it when it speaks TLS; empty when there is none.
    var advertisedAPI: String {
        guard api.enabled, let bind = PeerAddress(api.bindAddress) else { return "" }
        let scheme = apiCertificate == nil ? "" : "https://"
        guard bind.isWildcard else { return scheme + bind.description }
        let host = node.advertiseAddress.flatMap { PeerAddress($0)?.host } ?? reachableHost(of: peerBinding)
        return scheme + PeerAddress(host: host, port: bind.port).description
    }

    /// Where this machine's own commands reach the HTTP API; nil when it is switched off.
    var localAPI: PeerAddress? {
        guard api.enabled, var address = PeerAddress(api.bindAddress) else { return nil }
        if address.isWildcard { address.host = address.host == "::" ? "::1" : "127.0.0.1" }
        return address
    }

    /// How often Raft looks at the clock: often enough that it adds little to an election.
    var raftTickInterval: TimeAmount { .milliseconds(Int64(min(20, max(5, cluster.electionTimeoutMinMs / 20)))) }

    /// Where this node's database listens, for this machine.
    var localSQL: PeerAddress {
        var address = PeerAddress(host: database.host, port: database.port)
        if address.isWildcard { address.host = address.host == "::" ? "::1" : "127.0.0.1" }
        if address.host == "localhost" { address.host = "127.0.0.1" }
        return address
    }

    /// How other members reach this node's database; on loopback when it listens there only.
    var advertisedSQL: String {
        let address = PeerAddress(host: database.host, port: database.port)
        guard address.isWildcard else { return localSQL.description }
        let host = node.advertiseAddress.flatMap { PeerAddress($0)?.host } ?? reachableHost(of: peerBinding)
        return PeerAddress(host: host, port: address.port).description
    }

    private func reachableHost(of address: PeerAddress) -> String {
        address.isWildcard ? ProcessInfo.processInfo.hostName : address.host
    }

    var logOptions: WriteAheadLog.Log.Options {
        var options = WriteAheadLog.Log.Options()
        options.segmentBytesMax = wal.segmentSizeMB << 20
        options.fsync = wal.fsync
        // A peer may fill its whole window before the disk has any of it.
        options.queueBytesMax = max(64 << 20, (link.windowMB << 20) + Consensus.batchBytesMax)
        return options
    }

    /// How batches are stored.
    var logCodec: Codec { wal.compression ? .lz4 : .none }

    func peerNetwork(logger: Logger) -> PeerNetwork.Configuration {
        let bind = peerBinding
        var network = PeerNetwork.Configuration(
            bindHost: bind.host, bindPort: bind.port, timeout: .milliseconds(link.timeoutMs), logger: logger)
        network.windowBytes = link.windowMB << 20
        network.streams = link.streams
        network.compresses = link.compression == .zstd
        network.congestion = link.congestion == .system ? nil : link.congestion.rawValue
        network.payloads = LoggedBatches(codec: logCodec)
        return network
    }

    /// How the agent logs in to a server that it does not run.
    func attachedAdministration() throws(ConfigurationError) -> SQLConfiguration {
        SQLConfiguration(
            address: socketPath.map { .unix($0) } ?? .tcp(host: database.host, port: database.port),
            user: database.user, password: try databasePassword(), connectTimeout: .seconds(5))
    }

    /// The password of `database.user`, from the key or the file, without the line's end; nil when neither is given.
    func databasePassword() throws(ConfigurationError) -> String? {
        guard let path = database.passwordFile else { return database.password }
        return try Configuration.secret(in: path, key: "database.password_file")
    }

    /// The HTTP API's bearer token; nil when no file is named.
    func apiToken() throws(ConfigurationError) -> String? {
        guard let path = api.tokenFile else { return nil }
        return try Configuration.secret(in: path, key: "api.token_file")
    }

    /// What the node itself takes as the secret that opens everything: not a token of `wolfscale token create`, which may stand in
    /// `api.token_file` for the commands, and keeps its role.
    func apiSecret() throws(ConfigurationError) -> String? {
        try apiToken().flatMap { IssuedToken($0) == nil ? $0 : nil }
    }

    private static func secret(in path: String, key: String) throws(ConfigurationError) -> String {
        let text: String
        do { text = try String(contentsOfFile: path, encoding: .utf8) } catch {
            throw ConfigurationError("\(key): \(path) cannot be read: \(error.localizedDescription)")
        }
        let secret = text.trimmingCharacters(in: .newlines)
        guard !secret.isEmpty else { throw ConfigurationError("\(key): \(path) is empty") }
        return secret
    }

    /// What is worth a line at the start although nothing is wrong.
    var warnings: [String] {
        var warnings: [String] = []
        if let bind = PeerAddress(node.bindAddress), tls.required, !usesTLS, bind.isWildcard {
            warnings.append(
                "without certificates only members on this machine can reach this node (\(peerBinding)); "
                    + "`wolfscale cert init` makes some; tls.required = false opens it to a trusted network")
        }
        if !tls.required, !usesTLS, !peerBinding.isLoopback {
            warnings.append(
                "members talk unencrypted and unauthenticated on \(peerBinding), as tls.required = false allows")
        }
        if let apiExposure { warnings.append(apiExposure) }
        if !wal.fsync { warnings.append("wal.fsync = false: a loss of power loses confirmed writes") }
        if link.timeoutMs < cluster.heartbeatIntervalMs {
            warnings.append(
                "link.timeout_ms is below cluster.heartbeat_interval_ms: lines may be cut between heartbeats")
        }
        return warnings
    }
}
