import ArgumentParser
import Foundation

/// `--config`, which every command takes.
struct ConfigurationOptions: ParsableArguments {
    @Option(
        name: .long,
        help: "The configuration file; if not given, the first of ./wolfscale.toml, /opt/wolfscale and /etc/wolfscale.")
    var config: String?

    static let places = ["wolfscale.toml", "/opt/wolfscale/wolfscale.toml", "/etc/wolfscale/wolfscale.toml"]

    /// The file to read; throws when there is none.
    func path() throws(CommandFailure) -> String {
        if let config {
            guard FileManager.default.fileExists(atPath: config) else {
                throw CommandFailure(
                    "\(config) does not exist; `wolfscale init --node-id ID --output \(config)` makes one")
            }
            return config
        }
        guard let found = ConfigurationOptions.places.first(where: { FileManager.default.fileExists(atPath: $0) })
        else {
            throw CommandFailure(
                "there is no configuration (looked for \(ConfigurationOptions.places.joined(separator: ", "))); "
                    + "`wolfscale init --node-id ID` makes one, --config names one elsewhere")
        }
        return found
    }

    func load(for use: Configuration.Use = .node) throws(CommandFailure) -> Configuration {
        let path = try path()
        do { return try ConfigurationReader.read(path: path, for: use) } catch {
            throw CommandFailure("the configuration has errors:\n\(error.description)")
        }
    }
}

/// Why a command did not do what it was asked, for the person at the terminal. The command exits with status 1.
struct CommandFailure: Error, Equatable, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}
