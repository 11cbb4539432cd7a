import Testing

@testable import Agent

@Suite struct ConfigurationTemplateTests {
    @Test func theTemplateSaysNothingThatIsNotTheDefault() throws {
        let text = ConfigurationTemplate.render(["node.id": .text("a")])
        let configuration = try ConfigurationReader.read(text: text)
        let minimal = try ConfigurationReader.read(text: ConfigurationReaderTests.minimal)
        #expect(configuration == minimal)
    }

    @Test func theCommentedDefaultsAreTheDefaults() throws {
        let uncommented = ConfigurationTemplate.render(["node.id": .text("a")]).split(separator: "\n").compactMap {
            line in
            guard line.hasPrefix("# "), line.contains(" = "), !line.contains("(e.g.)") else {
                return line.hasPrefix("#") ? nil : String(line)
            }
            let key = line.dropFirst(2).prefix { $0 != " " }
            return Setting.all.contains { $0.name == key } ? String(line.dropFirst(2)) : nil
        }
        // The endpoint's example lines follow [galera] and are no keys of that section.
        let text = uncommented.filter { !$0.hasPrefix("host = \"galera1\"") }
        var configuration = try ConfigurationReader.read(
            text: withoutEndpointExample(text).joined(separator: "\n"))
        let given = configuration.given
        configuration.given = ["node.id"]
        let minimal = try ConfigurationReader.read(text: ConfigurationReaderTests.minimal)
        #expect(configuration == minimal)
        let withDefaults = Setting.all.filter { $0.fallback != nil }.map(\.key)
        #expect(given.isSuperset(of: withDefaults))
    }

    private func withoutEndpointExample(_ lines: [String]) -> [String] {
        var isGalera = false
        return lines.filter { line in
            if line.hasPrefix("[") { isGalera = line == "[galera]" }
            return !isGalera || line.hasPrefix("[") || line.hasPrefix("probe_interval_ms")
        }
    }

    @Test func everyKeySurvivesTheFile() throws {
        var values: [String: SettingValue] = [:]
        for setting in Setting.all {
            switch setting.kind {
            case .text, .secret: values[setting.key] = .text("a\"\\\t\u{1}é")
            default: break
            }
        }
        values["node.id"] = .text("a")
        let configuration = try ConfigurationReader.read(text: ConfigurationTemplate.render(values))
        for (key, value) in values { #expect(Setting.byKey[key]?.read(configuration) == value, "\(key)") }
    }

    @Test func everySettingIsDocumentedAndItsDefaultFits() {
        #expect(Setting.byKey.count == Setting.all.count)
        for setting in Setting.all {
            #expect(setting.doc.hasSuffix("."), "\(setting.key)")
            if let fallback = setting.fallback { #expect(setting.accepts(fallback), "\(setting.key)") }
            if setting.fallback == nil, setting.kind != .secret { #expect(!setting.example.isEmpty, "\(setting.key)") }
        }
    }

    @Test(arguments: [
        ("bind_adress", "bind_address"), ("hertbeat_interval_ms", "heartbeat_interval_ms"), ("prot", "port"),
    ])
    func theNearestKeyIsFound(slip: String, key: String) {
        #expect(NearestKey.of(slip, in: Setting.all.map(\.name)) == key)
    }

    @Test func distancesCountChanges() {
        #expect(NearestKey.distance("", "abc") == 3)
        #expect(NearestKey.distance("abc", "abc") == 0)
        #expect(NearestKey.distance("abcd", "acbd") == 1)
        #expect(NearestKey.distance("kitten", "sitting") == 3)
        #expect(NearestKey.of("completely different", in: ["port"]) == nil)
    }
}
