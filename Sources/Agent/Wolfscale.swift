import ArgumentParser
import Logging

@main
struct Wolfscale: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wolfscale", abstract: "Replication agent for MariaDB and Galera.", subcommands: [Start.self, Join.self])
}

struct Start: AsyncParsableCommand {
    @Flag var bootstrap = false
    @Option var config = "wolfscale.toml"
    func run() async throws {
        LoggingSystem.bootstrap { label in
            var h = StreamLogHandler.standardError(label: label)
            h.logLevel = .debug
            return h
        }
        try await runAgent(configuration: ConfigurationReader.read(path: config), mode: bootstrap ? .bootstrap : .resume)
    }
}

struct Join: AsyncParsableCommand {
    @Argument var address: String
    @Option var config = "wolfscale.toml"
    func run() async throws {
        LoggingSystem.bootstrap { label in
            var h = StreamLogHandler.standardError(label: label)
            h.logLevel = .debug
            return h
        }
        try await runAgent(configuration: ConfigurationReader.read(path: config), mode: .join(address))
    }
}
