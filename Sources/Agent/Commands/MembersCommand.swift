import ArgumentParser
import ClusterCore
import Foundation
import Gateway

struct MembersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "members", abstract: "List the cluster's members, or remove one.",
        subcommands: [List.self, Remove.self], defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "List the members.")

        @OptionGroup var options: ConfigurationOptions
        @Flag(help: "Print the API's JSON as it is.") var json = false

        func run() async throws {
            let api = try LocalAPI(options.load())
            let body = try await api.send(.get, "/cluster")
            if json { return body.printAsIs() }
            print(MembersReport.render(try api.decode(ClusterStatus.self, from: body)))
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "remove", abstract: "Remove a member from the cluster.",
            discussion: "Its data stays where it is. To come back it must join anew with an empty data directory.")

        @OptionGroup var options: ConfigurationOptions
        @Argument(help: "The member's node.id.") var id: String
        @Flag(help: "Print the API's JSON as it is.") var json = false

        func run() async throws {
            let api = try LocalAPI(options.load())
            guard let name = id.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed) else {
                throw CommandFailure("\(id) is no member's name")
            }
            let body = try await api.send(.delete, "/cluster/members/\(name)", timeout: .seconds(30))
            if json { return body.printAsIs() }
            let change = try api.decode(MembershipChange.self, from: body)
            print("removed \(change.member.id) (member \(change.member.number)), as entry \(change.lsn)")
        }
    }
}

/// The members for people.
enum MembersReport {
    static func render(_ cluster: ClusterStatus) -> String {
        var table = TextTable(
            ["MEMBER", "NO", "ROLE", "STATE", "SITE", "ADDRESS", "API", "MATCH", "APPLIED", "LAST CONTACT"],
            rightAligned: [1, 7, 8, 9])
        for member in cluster.members {
            let leads = member.id == cluster.leaderID
            table.add([
                member.id, "\(member.number)", leads ? "leader" : member.role.rawValue, member.state.rawValue,
                member.site.isEmpty ? "-" : member.site, member.address, member.api.isEmpty ? "-" : member.api,
                member.matchLSN.map { "\($0)" } ?? "-", member.appliedLSN.map { "\($0)" } ?? "-",
                member.lastContactMS.map { "\($0) ms" } ?? "-",
            ])
        }
        let leader = cluster.leaderID.map { "leader \($0)" } ?? "no leader known"
        return table.render() + "\n\(leader), term \(cluster.term)"
    }
}
