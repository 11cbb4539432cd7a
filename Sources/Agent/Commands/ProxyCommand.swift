import ArgumentParser
import WANLink

struct ProxyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "proxy", abstract: "Run a MySQL proxy without a database of its own.",
        discussion: """
            It learns the cluster from the members named in proxy.members (their HTTP APIs) and sends writes to the leader and reads \
            to a healthy follower. Its configuration is a file of its own: `topologies/standard-ha/proxy.toml` is an example.
            """)

    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var logging: LogOptions

    @Option(help: ArgumentHelp("Where to listen; overrides proxy.bind_address.", valueName: "host:port"))
    var listen: String?

    func validate() throws {
        guard let listen, PeerAddress(listen).map({ $0.port != 0 }) != true else { return }
        throw ValidationError("--listen: \(listen) is not HOST:PORT, as 0.0.0.0:8007")
    }

    func run() async throws {
        var configuration = try logging.apply(to: options.load(for: .proxy))
        if let listen { configuration.proxy.bindAddress = listen }
        try await runStandaloneProxy(configuration: configuration)
    }
}
