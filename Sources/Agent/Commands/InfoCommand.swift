import ArgumentParser
import Foundation
import WANLink

struct InfoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info", abstract: "Show the configuration that this node runs with, secrets excepted.")

    @OptionGroup var options: ConfigurationOptions
    @Flag(help: "Print it as JSON.") var json = false

    func run() throws {
        let configuration = try options.load()
        print(json ? try InfoReport.json(configuration) : InfoReport.render(configuration))
    }
}

enum InfoReport {
    /// `node.id = "a"`, grouped by section; what was not given is marked as default.
    static func render(_ configuration: Configuration) -> String {
        var lines = ["wolfscale \(AgentVersion.text), \(configuration.file ?? "no file")"]
        let width = Setting.all.map(\.key.count).max() ?? 0
        for section in Setting.sections {
            lines.append("")
            for setting in Setting.all where setting.section == section {
                let key = setting.key.padding(toLength: width, withPad: " ", startingAt: 0)
                let mark = configuration.given.contains(setting.key) ? "" : "  (default)"
                lines.append("\(key)  \(shown(setting, configuration))\(mark)")
            }
            if section == "galera" { lines += endpoints(configuration) }
        }
        lines += [
            "", "peer listener  \(configuration.peerBinding)", "database socket  \(configuration.socketPath ?? "-")",
        ]
        lines += configuration.warnings.map { "warning  \($0)" }
        return lines.joined(separator: "\n")
    }

    /// `{"version":…,"file":…,"configuration":{"node":{"id":…}},"given":[…],"warnings":[…]}`
    static func json(_ configuration: Configuration) throws -> String {
        var sections: [String: [String: Any]] = [:]
        for setting in Setting.all {
            sections[setting.section, default: [:]][setting.name] = plain(setting, configuration)
        }
        sections["galera", default: [:]]["endpoint"] = configuration.galera.endpoints.map {
            ["host": $0.host, "port": $0.port, "weight": $0.weight] as [String: Any]
        }
        let document: [String: Any] = [
            "version": AgentVersion.text, "file": configuration.file ?? NSNull(), "configuration": sections,
            "given": configuration.given.sorted(), "warnings": configuration.warnings,
            "peer_listener": configuration.peerBinding.description,
            "database_socket": configuration.socketPath ?? NSNull(),
        ]
        let data = try JSONSerialization.data(
            withJSONObject: document, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
        return String(decoding: data, as: UTF8.self)
    }

    private static func shown(_ setting: Setting, _ configuration: Configuration) -> String {
        guard let value = setting.read(configuration) else { return "-" }
        return setting.kind == .secret ? "(set)" : value.description
    }

    private static func endpoints(_ configuration: Configuration) -> [String] {
        configuration.galera.endpoints.map { "galera.endpoint  \($0.host):\($0.port), weight \($0.weight)" }
    }

    private static func plain(_ setting: Setting, _ configuration: Configuration) -> Any {
        guard let value = setting.read(configuration) else { return NSNull() }
        if setting.kind == .secret { return "(set)" }
        switch value {
        case .text(let text): return text
        case .integer(let number): return number
        case .boolean(let flag): return flag
        case .list(let texts): return texts
        }
    }
}
