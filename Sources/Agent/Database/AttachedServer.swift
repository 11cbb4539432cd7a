import ClusterCore
import Foundation
import Logging
import MariaDBClient
import NIOPosix
import Probes

/// An existing server that somebody else set up (`database.managed = false`): fenced and started by the configured commands, which
/// run through `/bin/sh`. Its settings are the administrator's; they are checked before anything is done with it.
struct AttachedServer: DatabaseServer {
    let administration: SQLConfiguration
    /// Becomes its server id: Snowflake ids, GTIDs and the refill of its own transactions rest on it.
    let number: NodeNumber
    let startCommand: String
    let fenceCommand: String
    let logger: Logger
    let threads: NIOThreadPool

    func start() async throws -> StartedServer {
        let adopted = await answers()
        if !adopted {
            logger.info("starting the database", metadata: ["command": "\(startCommand)"])
            try await shell(startCommand, key: "database.start_command")
            let deadline = ContinuousClock.now + .seconds(120)
            while await !answers() {
                guard ContinuousClock.now < deadline else {
                    throw ServerError.unresponsive(
                        "database.start_command succeeded, but \(administration.address) did not answer within 120 s")
                }
                try await Task.sleep(for: .milliseconds(100))
            }
        }
        try await prepare()
        return StartedServer(process: AttachedProcess(server: self), adopted: adopted)
    }

    private func prepare() async throws {
        let (administration, number) = (administration, number)
        try await threads.runIfActive {
            switch AttachedServerCheck(administration: administration).run() {
            case .notRunning(let reason), .refused(let reason): throw ServerError.unresponsive(reason)
            case .answered(let found):
                if let complaint = AttachedServerCheck.complaint(found, at: "\(administration.address)") {
                    throw ServerError.wrongState(complaint)
                }
            }
            let session = try SQLSession(administration)
            defer { session.close() }
            try session.query("SET GLOBAL server_id = \(number)")
        }
    }

    func exportOrphans(after position: String, to directory: String) async throws {
        throw ServerError.wrongState(
            "the binlog of an attached server is not read by the agent; look at it with: mariadb-binlog "
                + "--start-position='\(position)' BINLOG…")
    }

    /// The files are not the agent's to look at, so nothing is known to be safe.
    func holdsBinlog(file: String, offset: UInt64) async -> Bool { false }

    func answers() async -> Bool {
        var configuration = administration
        configuration.connectTimeout = .seconds(2)
        configuration.readTimeout = .seconds(2)
        do {
            return try await threads.runIfActive { [configuration] in
                try SQLSession(configuration).close()
                return true
            }
        } catch { return false }
    }

    func shell(_ command: String, key: String) async throws {
        try await threads.runIfActive { try ChildProcess.shell(command, key: key) }
    }
}

/// Known by its answers alone; the monitor notices its end.
private struct AttachedProcess: RunningServer {
    let server: AttachedServer

    func fence() async throws {
        try await server.shell(server.fenceCommand, key: "database.fence_command")
        guard await !server.answers() else {
            throw ServerError.wrongState("database.fence_command succeeded, but the server still answers")
        }
    }

    /// Left running: it was not the agent that set it up.
    func stop() async throws {}

    func waitUntilEnded() async {
        do { while true { try await Task.sleep(for: .seconds(3_600)) } } catch { return }
    }
}
