import ArgumentParser
import Foundation

struct InitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Write a commented configuration file, and a token for the HTTP API beside it.")

    @Option(name: .long, help: "This node's name, unique in the cluster.")
    var nodeId: String

    @Option(name: .long, help: "The file to write.")
    var output = "wolfscale.toml"

    @Option(name: .long, help: "node.data_dir; /var/lib/wolfscale/<node-id> if not given.")
    var dataDir: String?

    @Flag(name: .long, help: "Overwrite a file that exists.")
    var force = false

    func run() throws {
        let token = tokenPath
        if !force {
            guard !FileManager.default.fileExists(atPath: output) else {
                throw CommandFailure("\(output) exists; --force overwrites it, --output writes elsewhere")
            }
        }
        var values: [String: SettingValue] = [
            "node.id": .text(nodeId), "node.bind_address": .text("0.0.0.0:7654"),
            "node.data_dir": .text(dataDir.map(absolute) ?? "/var/lib/wolfscale/\(nodeId)"),
            "database.host": .text("localhost"), "database.port": .integer(3306), "database.user": .text("wolfscale"),
            "database.password": .text(try Self.randomText()), "database.database": .text("myapp"),
            "cluster.peers": .list([]), "api.bind_address": .text("0.0.0.0:8080"),
            "api.token_file": .text(URL(fileURLWithPath: token).lastPathComponent),
            "proxy.bind_address": .text("0.0.0.0:8007"),
        ]
        values["api.enabled"] = .boolean(true)
        values["proxy.enabled"] = .boolean(true)
        let text = ConfigurationTemplate.render(values)
        do { _ = try ConfigurationReader.read(text: text, file: output) } catch {
            throw CommandFailure(error.description)
        }
        // The password stands in it.
        try PrivateFile.write(text, to: output, mode: 0o640, replacing: force)
        print("wrote \(output)")
        if FileManager.default.fileExists(atPath: token) {
            print("kept \(token), the HTTP API's token")
        } else {
            try PrivateFile.write(try Self.randomText() + "\n", to: token, mode: 0o600, replacing: false)
            print("wrote \(token), the HTTP API's token; members of one cluster need no common one")
        }
        print("database.password must be the same on every member: copy the first member's to the others")
        print("next: look through \(output), then `wolfscale validate --config \(output)`")
    }

    private var tokenPath: String {
        URL(fileURLWithPath: output).deletingPathExtension().appendingPathExtension("token").relativePath
    }

    private func absolute(_ path: String) -> String { URL(fileURLWithPath: path).standardizedFileURL.path }

    /// 192 random bits as 32 letters and digits.
    private static func randomText() throws -> String {
        var generator = SystemRandomNumberGenerator()
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        return String((0..<32).map { _ in letters[Int(generator.next() % 64)] })
    }
}
