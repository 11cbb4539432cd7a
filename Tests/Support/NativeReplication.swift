import Foundation
import MariaDBClient

/// One primary and its replicas under MariaDB's own replication, with the same settings as a cluster's managed servers.
public final class NativeReplication {
    public enum Mode: String, Sendable {
        case semiSync
        /// A replica has a transaction on its disk before it acknowledges it (`sync_relay_log=1`). Without that, as MariaDB comes,
        /// it has only handed it to its kernel.
        case durableSemiSync
        case asynchronous

        var isSemiSync: Bool { self != .asynchronous }
    }

    private var servers: [NativeServer] = []
    public var ports: [Int] { servers.map(\.port) }

    /// - Parameter model: A managed server whose option file is taken over.
    public init(like model: LabNode, folder: String, servers count: Int, mode: Mode) throws {
        for number in 1...count {
            let server = try NativeServer(like: model, folder: "\(folder)/native-\(number)", serverID: number)
            servers.append(server)
            try server.install()
            try server.start()
        }
        try configure(mode)
    }

    private func session(_ number: Int) throws -> SQLSession { try servers[number - 1].session() }

    private func configure(_ mode: Mode) throws {
        let primary = try session(1)
        try primary.query("CREATE USER repl@'%' IDENTIFIED BY 'repl'")
        try primary.query("GRANT REPLICATION SLAVE ON *.* TO repl@'%'")
        try primary.query("CREATE DATABASE \(LabNode.schema)")
        try primary.query("CREATE USER \(LabNode.user)@'%' IDENTIFIED BY '\(LabNode.password)'")
        try primary.query("GRANT ALL ON \(LabNode.schema).* TO \(LabNode.user)@'%'")
        for replica in servers.dropFirst() {
            try replica.follow(
                host: "127.0.0.1", port: ports[0], user: "repl", password: "repl", semiSync: mode.isSemiSync)
            if mode == .durableSemiSync { try replica.session().query("SET GLOBAL sync_relay_log = 1") }
            try replica.session().query("START SLAVE")
        }
        if mode.isSemiSync {
            try primary.query("SET GLOBAL rpl_semi_sync_master_enabled = ON")
            try Lab.eventually("the replicas are semi-synchronous") {
                try primary.query("SHOW STATUS LIKE 'Rpl_semi_sync_master_clients'").rows.first?[1]
                    == "\(ports.count - 1)"
            }
        }
    }

    public func waitUntilApplied() throws {
        try Lab.eventually("native replicas have caught up", within: .seconds(300)) {
            let wanted = try session(1).query("SELECT @@gtid_binlog_pos").scalar
            return try (2...ports.count).allSatisfy {
                try session($0).query("SELECT @@gtid_slave_pos").scalar == wanted
            }
        }
    }

    public func remove() { for server in servers { server.kill() } }
}
