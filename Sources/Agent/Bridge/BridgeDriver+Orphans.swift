import ClusterCore
import Foundation
import Logging
import MariaDBClient
import NIOPosix
import Probes
import WriteAheadLog

/// Transactions of this cluster that the log has not, written down before anything is done about them. (I6)
extension BridgeDriver {
    func exportOrphans(from endpoint: SiteEndpoint) async throws -> OrphanExport {
        let seen = try await observe(endpoint, inSync: true)
        let through = bridge.divergedAt.map { $0.previous } ?? consensus.raft.committed
        let common = try await position(through: max(through, consensus.log.first.previous))
        let domains = domains
        let beyond = seen.binlogState.gtids.filter { domains.contains($0.domain) && !common.covers($0) }
        let files = try await endpoint.control.query("SHOW BINARY LOGS").rows.compactMap { $0.first ?? nil }
        guard let first = files.first else { throw ServerError.wrongState("\(endpoint.name) has no binlogs") }
        let stamp = ISO8601DateFormatter().string(from: Date()).replacingOccurrences(of: ":", with: "")
        let directory = settings.orphanDirectory + "/" + stamp
        let start = Self.exportStart(common, held: seen.binlogState.position).description
        let (login, host, port) = (settings.login, endpoint.host, endpoint.port)
        try await threads.runIfActive {
            try FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            let options = directory + "/login.cnf"
            let text =
                "[client]\nhost=\(host)\nport=\(port)\nprotocol=tcp\nuser=\(Self.quoted(login.user))\n"
                + "password=\(Self.quoted(login.password ?? ""))\n"
            guard
                FileManager.default.createFile(
                    atPath: options, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600])
            else { throw ServerError.commandFailed("can't write \(options)") }
            defer { unlink(options) }
            let program = try ManagedServer.find("mariadb-binlog")
            // Strict, it fails when a domain of the start position has nothing after it.
            var arguments = [
                "--defaults-file=\(options)", "--read-from-remote-server", "--to-last-log", "--skip-gtid-strict-mode",
            ]
            if !start.isEmpty { arguments.append("--start-position=\(start)") }
            try ManagedServer.run(
                program, arguments + ["--verbose", "--base64-output=decode-rows", first],
                output: directory + "/orphans.sql")
            try ManagedServer.run(program, arguments + [first], output: directory + "/orphans.replay.sql")
        }
        let count = beyond.reduce(0) { sum, gtid in
            sum + Int(gtid.sequence - min(gtid.sequence, common[gtid.domain]?.sequence ?? 0))
        }
        logger.critical(
            "this cluster holds transactions that the log has not; they are exported",
            metadata: ["path": "\(directory)"])
        return OrphanExport(
            directory: directory, gtids: beyond.map(\.description).joined(separator: ","), count: count,
            exportedAt: Date().formatted(.iso8601))
    }

    /// As a value in an option file.
    nonisolated static func quoted(_ text: String) -> String {
        "\"" + text.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\"", with: "\\\"") + "\""
    }

    /// After what the log and the node have in common. A binlog can be read only from a GTID that it holds: in a domain in which the
    /// node has not come as far as the log (its applier stands still), that is its own last one, and in one that it does not know, none.
    nonisolated static func exportStart(_ common: GTIDPosition, held: GTIDPosition) -> GTIDPosition {
        GTIDPosition(
            common.gtids.compactMap { gtid in
                held[gtid.domain].map { $0.sequence < gtid.sequence ? $0 : gtid }
            })
    }
}
