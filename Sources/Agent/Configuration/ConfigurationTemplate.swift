/// The commented file that `wolfscale init` writes: every key with its meaning and its default.
enum ConfigurationTemplate {
    /// - Parameter values: keys to set; all others are there as comments, with their defaults.
    static func render(_ values: [String: SettingValue]) -> String {
        var lines = [
            "# WolfScale's configuration. A key that is commented out has the value shown; one marked (e.g.) has none.",
            "# Every key can be overridden by the environment: node.id by WOLFSCALE_NODE_ID, and so on.",
        ]
        for section in Setting.sections {
            lines += ["", "[\(section)]"]
            for setting in Setting.all where setting.section == section {
                lines += entry(setting, values[setting.key])
            }
            if section == "galera" { lines += endpoint }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func entry(_ setting: Setting, _ value: SettingValue?) -> [String] {
        let doc = "# \(setting.doc)"
        let choices: [String] =
            if case .choice(let choices) = setting.kind { ["# One of: \(choices.joined(separator: ", "))."] } else {
                []
            }
        if let value { return [doc] + choices + ["\(setting.name) = \(value)"] }
        if let fallback = setting.fallback { return [doc] + choices + ["# \(setting.name) = \(fallback)"] }
        let example = setting.example == "\"\"" ? "" : "  (e.g.)"
        return [doc] + choices + ["# \(setting.name) = \(setting.example)\(example)"]
    }

    private static let endpoint = [
        "# One section like this for each Galera node:",
        "# [[galera.endpoint]]",
        "# host = \"galera1\"",
        "# port = 3306",
        "# weight = 100",
    ]
}
