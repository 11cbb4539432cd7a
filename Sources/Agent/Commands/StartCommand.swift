import ArgumentParser
import Logging
import WANLink

struct StartCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start", abstract: "Run the agent.",
        discussion: "A node that belongs to a cluster goes on as its member; a new one asks cluster.peers to be let in."
    )

    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var logging: LogOptions

    @Flag(help: "Make a new cluster with this node as its first member. Only the first node, only the first time.")
    var bootstrap = false

    func run() async throws {
        let configuration = try logging.apply(to: options.load())
        try await runAgent(configuration: configuration, mode: bootstrap ? .bootstrap : .resume)
    }
}

struct JoinCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "join", abstract: "Join an existing cluster, and run the agent.")

    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var logging: LogOptions

    @Argument(help: ArgumentHelp("The peer address of any member.", valueName: "host:port"))
    var member: String

    @Option(help: "What `wolfscale cert token` printed: gets this node's certificate first. From that node's address.")
    var token: String?

    func validate() throws {
        guard PeerAddressArgument.isValid(member) else {
            throw ValidationError("\(member) is not HOST:PORT, as db1:7654")
        }
        do { _ = try token.map { text throws(SecurityError) in try JoinToken(text) } } catch {
            throw ValidationError("--token: \(error)")
        }
    }

    func run() async throws {
        let configuration = try logging.apply(to: options.load())
        try await runAgent(configuration: configuration, mode: .join(member, token.map { try JoinToken($0) }))
    }
}

/// `--log-level`, for the commands that run on.
struct LogOptions: ParsableArguments {
    @Option(name: .long, help: "Overrides log.level: trace, debug, info, notice, warning, error or critical.")
    var logLevel: String?

    func validate() throws {
        guard let logLevel, Configuration.LogLevel(rawValue: logLevel) == nil else { return }
        let levels = Configuration.LogLevel.allCases.map(\.rawValue)
        let near = NearestKey.of(logLevel, in: levels).map { "; did you mean \($0)?" } ?? ""
        throw ValidationError("\(logLevel) is no log level (\(levels.joined(separator: ", ")))\(near)")
    }

    /// Sets the process's logging up.
    func apply(to configuration: Configuration) -> Configuration {
        var configuration = configuration
        if let level = logLevel.flatMap({ Configuration.LogLevel(rawValue: $0) }) { configuration.log.level = level }
        StandardErrorLog.bootstrap(level: configuration.log.level, format: configuration.log.format)
        return configuration
    }
}
