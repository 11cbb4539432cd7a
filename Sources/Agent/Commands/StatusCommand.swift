import ArgumentParser
import ClusterCore
import Foundation
import Gateway

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show how this node and the cluster are doing.",
        discussion: "Exits with 1 when no agent answers.")

    @OptionGroup var options: ConfigurationOptions
    @Flag(help: "Print the API's JSON as it is.") var json = false
    @Flag(help: "Show it anew every second until interrupted.") var watch = false

    private static let clear = "\u{1B}[H\u{1B}[2J"

    func run() async throws {
        let api = try LocalAPI(options.load())
        print(try await look(api))
        while watch {
            try await Task.sleep(for: .seconds(1))
            do throws(CommandFailure) {
                let text = try await look(api)
                // The screen is cleared only when all of the new one is there.
                print((json ? "" : Self.clear) + text)
            } catch {
                // An agent that is restarted is waited for.
                let text = json ? error.description : Self.clear + error.description
                FileHandle.standardError.write(Data((text + "\n").utf8))
            }
        }
    }

    private func look(_ api: LocalAPI) async throws(CommandFailure) -> String {
        let body = try await api.send(.get, "/status")
        if json { return String(decoding: body, as: UTF8.self) }
        let status = try api.decode(NodeStatus.self, from: body)
        let cluster = try api.decode(ClusterStatus.self, from: try await api.send(.get, "/cluster"))
        var parts = [StatusReport.render(status)]
        if let bridge = status.bridge {
            parts.append(
                BridgeReport.render(
                    bridge,
                    unapplied: status.log.committed.rawValue
                        - min(status.log.applied.rawValue, status.log.committed.rawValue)))
        }
        return (parts + [MembersReport.render(cluster)]).joined(separator: "\n\n")
    }
}

/// A node's status for people.
enum StatusReport {
    static func render(_ status: NodeStatus) -> String {
        let node = status.node
        let site = node.site.isEmpty ? "" : ", site \(node.site)"
        var rows = [
            ("node", "\(node.id) (member \(node.number), \(node.role.rawValue)\(site)), version \(status.version)"),
            ("cluster", "\(status.cluster.name) (\(status.cluster.id))"),
            ("raft", raft(status.raft)), ("log", log(status.log)), ("database", database(status.database)),
            ("lag", lag(status.lag)),
        ]
        if let catchUp = status.catchUp { rows.append(("catching up", LinksReport.progress(catchUp))) }
        rows += status.links.map { ("link", LinksReport.line($0)) }
        if let tls = status.tls { rows.append(("tls", Self.tls(tls))) }
        rows += status.warnings.map { ("warning", $0) }
        rows += status.orphans.map { ("orphans", "\($0.gtids) (\($0.transactions) transactions, in \($0.sqlFile))") }
        rows += status.events.prefix(5).map { ("event", "\($0.time) \($0.message)") }
        let width = rows.map(\.0.count).max() ?? 0
        return rows.map { "\($0.0.padding(toLength: width, withPad: " ", startingAt: 0))  \($0.1)" }.joined(
            separator: "\n")
    }

    private static func raft(_ raft: NodeStatus.Raft) -> String {
        guard let leader = raft.leaderID else { return "\(raft.state), term \(raft.term), no leader known" }
        let api = raft.leaderAPI.flatMap { $0.isEmpty ? nil : " (\($0))" } ?? ""
        return "\(raft.state), term \(raft.term), leader \(leader)\(api)"
    }

    private static func log(_ log: NodeStatus.Log) -> String {
        "entries \(log.first) to \(log.last), durable \(log.durable), committed \(log.committed), "
            + "applied \(log.applied)"
    }

    private static func database(_ database: NodeStatus.Database) -> String {
        var parts = ["\(database.state), \(database.mode)", database.writable ? "writable" : "read-only"]
        if let endpoint = database.endpoint { parts.append("at \(endpoint)") }
        if let gtid = database.gtid, !gtid.isEmpty { parts.append("GTID \(gtid)") }
        return parts.joined(separator: ", ")
    }

    private static func tls(_ tls: NodeStatus.TLS) -> String {
        guard tls.enabled else { return "off" }
        let days = tls.daysLeft.map { ", \($0) days left" } ?? ""
        return "certificate of \(tls.certificate ?? "nobody") until \(tls.notAfter ?? "?")\(days)"
    }

    private static func lag(_ lag: NodeStatus.Lag) -> String {
        let seconds = lag.seconds.map { ", " + Self.text(seconds: $0) } ?? ""
        return lag.entries == 0 ? "none" : "\(lag.entries) entries\(seconds)"
    }

    private static func text(seconds: Double) -> String {
        let tenths = Int((min(max(seconds, 0), 1e9) * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) s"
    }
}
