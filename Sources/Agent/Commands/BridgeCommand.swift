import ArgumentParser
import Foundation
import Gateway

struct BridgeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bridge", abstract: "Administer this site of a bridge between Galera clusters.",
        subcommands: [Retry.self])

    struct Retry: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "retry", abstract: "Go on after what stopped this site was mended by hand.",
            discussion: "The site's history is compared with the log again, and the channel starts anew if all is well."
        )

        @OptionGroup var options: ConfigurationOptions
        @Flag(help: "What this cluster has and the log has not is dealt with: it stays here and is never shipped.")
        var acceptOrphans = false
        @Flag(help: "Print the API's JSON as it is.") var json = false

        func run() async throws {
            let api = try LocalAPI(options.load())
            let body = try await api.send(
                .post, "/bridge/retry", body: BridgeRetryRequest(acceptOrphans: acceptOrphans ? true : nil),
                timeout: .seconds(30))
            if json { return body.printAsIs() }
            let result = try api.decode(BridgeRetry.self, from: body)
            print("the site was \(result.before); it tries again now, see `wolfscale status`")
        }
    }
}
