import MariaDBClient
import Probes

/// Whether an attached server is as the guarantee needs it. Its settings are the administrator's, so the agent touches nothing before
/// they are right.
struct AttachedServerCheck {
    let administration: SQLConfiguration

    enum Outcome {
        /// Every requirement, met or not.
        case answered([Requirement])
        /// Nothing listens, or not in time; `database.start_command` may help.
        case notRunning(String)
        /// It answers, and not to this account.
        case refused(String)
    }

    /// Blocks for a few seconds at most.
    func run() -> Outcome {
        var configuration = administration
        configuration.connectTimeout = .seconds(3)
        configuration.readTimeout = .seconds(3)
        do throws(SQLError) {
            let session = try SQLSession(configuration)
            defer { session.close() }
            // The agent sets server_id itself.
            return .answered(try RequirementCheck.run(.quorum(serverID: nil), session))
        } catch {
            // Errors from 2000 on are the client library's: nobody is there.
            let isServer = error.errno > 0 && !(2_000..<3_000).contains(error.errno)
            return isServer
                ? .refused(
                    "\(error). Correct database.user and database.password (or database.password_file) in the configuration; "
                        + "the account needs all privileges on *.*")
                : .notRunning("\(error)")
        }
    }

    /// What stands in the way, with the lines that mend it; nil when nothing does.
    static func complaint(_ requirements: [Requirement], at address: String) -> String? {
        let unmet = requirements.filter { !$0.isMet && $0.weight == .required }
        guard !unmet.isEmpty else { return nil }
        let list = unmet.map { "\n  \($0.sentence)" }.joined()
        return "the server at \(address) can't keep the promise of replication.mode = quorum as it is set:\(list)\n"
            + "Put these lines under [mariadb] in its option file, restart it, and run `wolfscale validate`."
    }
}

extension Requirement {
    /// `sync_binlog = 1   (it has 0: a power loss may …)`
    var sentence: String {
        let has = found.map { $0.isEmpty ? "nothing" : $0 } ?? "no such variable"
        return "\(remedy)   (it has \(has): \(reason))"
    }
}
