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
    @Flag(help: "Print the API's JSON as it is.") var json = false

    func run() async throws {
        let api = try LocalAPI(options.load())
        let request = SwitchoverRequest(to: to, force: force ? true : nil)
        let body = try await api.send(.post, "/cluster/switchover", body: request, timeout: .seconds(90))
        if json { return body.printAsIs() }
        let result = try api.decode(SwitchoverResult.self, from: body)
        let pause = result.pauseMS.map { "; writes paused for \($0) ms" } ?? ""
        print("\(result.leaderID) leads, term \(result.term)\(pause)")
    }
}
