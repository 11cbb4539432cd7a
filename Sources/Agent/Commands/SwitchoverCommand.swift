import ArgumentParser
import ClusterCore
import Foundation
import Gateway

struct SwitchoverCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "switchover", abstract: "Hand the leadership to another member; nothing is lost.")

    @OptionGroup var options: ConfigurationOptions
    @Option(help: "The next leader's node.id; the best member if not given.") var to: String?
    @Flag(help: "Even if transactions may be lost; for a bridge that has no majority.") var force = false
    @Flag(help: "Do not ask before a forced one.") var yes = false
    @Flag(help: "Only say whether it could be done, and if not, why.") var dryRun = false
    @Flag(help: "Print the API's JSON as it is.") var json = false

    func run() async throws {
        let api = try LocalAPI(options.load())
        if force, !dryRun {
            // What would be refused is not asked about.
            let trial = SwitchoverRequest(to: to, force: true, dryRun: true)
            _ = try await api.send(.post, "/cluster/switchover", body: trial, timeout: .seconds(10))
            try await confirm(api)
        }
        let request = SwitchoverRequest(to: to, force: force ? true : nil, dryRun: dryRun ? true : nil)
        let body = try await api.send(.post, "/cluster/switchover", body: request, timeout: .seconds(90))
        if json { return body.printAsIs() }
        let result = try api.decode(SwitchoverResult.self, from: body)
        if dryRun { return print("it could be done now: \(force ? "this site" : to ?? "the other member") would lead") }
        let pause = result.pauseMS.map { "; writes paused for \($0) ms" } ?? ""
        print("\(result.leaderID) leads, term \(result.term)\(pause)")
    }

    /// Says what may be lost before it is.
    private func confirm(_ api: LocalAPI) async throws {
        let status = try api.decode(NodeStatus.self, from: try await api.send(.get, "/status"))
        let contact = status.bridge?.links.first?.lastContactMS.map { "\($0 / 1_000) s ago" } ?? "never"
        FileHandle.standardError.write(
            Data(
                """
                This makes the site of \(status.node.id) the primary without asking the other one, last heard of \(contact).
                What that site wrote after LSN \(status.log.committed) is not here: it will be missing, and is exported there as
                orphans when it comes back. Writes that clients still make there now belong to it.

                """.utf8))
        if yes { return }
        FileHandle.standardError.write(Data("Type yes to go on: ".utf8))
        guard readLine() == "yes" else { throw CommandFailure("nothing was done") }
    }
}
