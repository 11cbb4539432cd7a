import Foundation
import TOMLKit

/// Reads a configuration from TOML and the environment: every problem is found before any is thrown.
struct ConfigurationReader {
    /// As problems name it; nil when only the environment counts.
    let file: String?
    private let lines: LineFinder
    private var configuration = Configuration()
    private var problems: [ConfigurationError.Problem] = []

    /// Reads the file at `path`; relative paths in it are taken from its folder.
    static func read(
        path: String, for use: Configuration.Use = .node,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(ConfigurationError) -> Configuration {
        let text: String
        do { text = try String(contentsOfFile: path, encoding: .utf8) } catch {
            throw ConfigurationError("\(path) cannot be read: \(error.localizedDescription)")
        }
        return try read(text: text, file: path, for: use, environment: environment)
    }

    static func read(
        text: String, file: String? = nil, for use: Configuration.Use = .node, environment: [String: String] = [:]
    ) throws(ConfigurationError) -> Configuration {
        var reader = ConfigurationReader(file: file, text: text)
        try reader.take(text)
        reader.take(environment)
        let rules = ConfigurationRules.settle(&reader.configuration, for: use)
        reader.problems += rules.map { reader.problem(in: $0.key, $0.message) }
        guard reader.problems.isEmpty else {
            throw ConfigurationError(reader.problems.sorted { ($0.line ?? .max) < ($1.line ?? .max) })
        }
        return reader.configuration
    }

    private init(file: String?, text: String) {
        self.file = file
        self.lines = LineFinder(text)
        configuration.file = file
    }

    // MARK: The file

    private mutating func take(_ text: String) throws(ConfigurationError) {
        let document: TOMLTable
        do { document = try TOMLTable(string: text) } catch {
            guard let error = error as? TOMLParseError else { throw ConfigurationError("\(error)") }
            throw ConfigurationError([.init(source: file, line: error.source.begin.line, message: error.description)])
        }
        for section in document.keys.sorted(by: { (lines.line(of: $0) ?? 0) < (lines.line(of: $1) ?? 0) }) {
            guard Setting.sections.contains(section) else {
                problems.append(
                    problem(
                        in: section, "the section [\(section)] is unknown" + meant(section, Setting.sections, "[", "]"))
                )
                continue
            }
            guard let table = document[section]?.table else {
                problems.append(
                    problem(in: section, "\(section) is a section: write [\(section)] on a line of its own"))
                continue
            }
            for name in table.keys {
                guard let value = table[name] else { continue }
                take(value, section: section, name: name)
            }
        }
    }

    private mutating func take(_ value: any TOMLValueConvertible, section: String, name: String) {
        if section == "galera", name == "endpoint" { return takeEndpoints(value) }
        let key = "\(section).\(name)"
        guard let setting = Setting.byKey[key] else {
            let siblings = Setting.all.filter { $0.section == section }.map(\.name)
            let near =
                NearestKey.of(name, in: siblings).map { "\(section).\($0)" }
                ?? NearestKey.of(key, in: Setting.byKey.keys)
            let elsewhere = Setting.all.first { $0.name == name }?.key
            let hint =
                (near ?? elsewhere).map { "; did you mean \($0)?" } ?? "; `wolfscale init` writes a file with all keys"
            return problems.append(problem(in: key, "the key \(key) is unknown\(hint)"))
        }
        guard let read = SettingValue(value), setting.accepts(read) else {
            return problems.append(
                problem(in: key, "\(key) is \(shown(value, of: setting)); wanted: \(setting.wanted)"))
        }
        setting.write(&configuration, read)
        configuration.given.insert(key)
    }

    private mutating func takeEndpoints(_ value: any TOMLValueConvertible) {
        guard let array = value.array else {
            return problems.append(
                problem(in: "galera.endpoint", "each endpoint is a section of its own: [[galera.endpoint]]"))
        }
        for (index, element) in array.enumerated() {
            guard let table = element.table else { continue }
            takeEndpoint(table, place: "galera.endpoint", index: index)
        }
        configuration.given.insert("galera.endpoint")
    }

    private mutating func takeEndpoint(_ table: TOMLTable, place: String, index: Int) {
        var endpoint = Configuration.GaleraEndpoint(host: "")
        for name in table.keys {
            let value = table[name]
            var fits = true
            switch name {
            case "host": if let host = value?.string, !host.isEmpty { endpoint.host = host } else { fits = false }
            case "port":
                if let port = value?.int, (1...65_535).contains(port) { endpoint.port = port } else { fits = false }
            case "weight":
                if let weight = value?.int, (0...1_000_000).contains(weight) {
                    endpoint.weight = weight
                } else {
                    fits = false
                }
            default:
                let hint = meant(name, Setting.endpointKeys)
                problems.append(
                    problem(in: "\(place).\(name)", "the key \(place).\(name) is unknown\(hint)", occurrence: index))
            }
            guard fits else {
                problems.append(
                    problem(
                        in: "\(place).\(name)",
                        "\(place).\(name) does not fit: host is a text, port 1 to 65535, weight 0 or more",
                        occurrence: index))
                continue
            }
        }
        if endpoint.host.isEmpty { problems.append(problem(in: place, "an endpoint needs a host", occurrence: index)) }
        configuration.galera.endpoints.append(endpoint)
    }

    // MARK: The environment

    private mutating func take(_ environment: [String: String]) {
        for setting in Setting.all {
            guard let text = environment[setting.variable] else { continue }
            guard let value = setting.parse(text) else {
                let shown = setting.kind == .secret ? "" : " \"\(text)\""
                problems.append(
                    .init(
                        source: setting.variable, message: "the value\(shown) does not fit; wanted: \(setting.wanted)"))
                continue
            }
            setting.write(&configuration, value)
            configuration.given.insert(setting.key)
        }
        let known = Set(Setting.all.map(\.variable))
        for variable in environment.keys.sorted() where !known.contains(variable) {
            // Other programs' variables may begin with WOLFSCALE_ too: only those that name a section are ours.
            guard Setting.sections.contains(where: { variable.hasPrefix("WOLFSCALE_\($0.uppercased())_") }) else {
                continue
            }
            problems.append(.init(source: variable, message: "there is no such key" + meant(variable, known)))
        }
    }

    // MARK: Words

    private func meant(
        _ word: String, _ candidates: some Sequence<String>, _ before: String = "", _ after: String = ""
    ) -> String {
        NearestKey.of(word, in: candidates).map { "; did you mean \(before)\($0)\(after)?" } ?? ""
    }

    private func shown(_ value: any TOMLValueConvertible, of setting: Setting) -> String {
        if setting.kind == .secret { return "not a text" }
        if let value = SettingValue(value) { return value.description }
        return switch value.type {
        case .table: "a section"
        case .array: "a list that holds more than texts"
        case .double: "a number with a decimal point"
        case .date, .time, .dateTime: "a date or a time"
        case .string, .int, .bool: "a \(value.type)"
        }
    }

    private func problem(in key: String, _ message: String, occurrence: Int = 0) -> ConfigurationError.Problem {
        .init(source: file, line: lines.line(of: key, occurrence: occurrence), message: message)
    }
}

extension SettingValue {
    /// nil for TOML values that no key takes: floating point, dates, tables, mixed lists.
    init?(_ value: any TOMLValueConvertible) {
        switch value.type {
        case .string: self = .text(value.string ?? "")
        case .int: self = .integer(value.int ?? 0)
        case .bool: self = .boolean(value.bool ?? false)
        case .array:
            guard let array = value.array else { return nil }
            let texts = array.compactMap { $0.type == .string ? $0.string : nil }
            guard texts.count == array.count else { return nil }
            self = .list(texts)
        default: return nil
        }
    }
}
