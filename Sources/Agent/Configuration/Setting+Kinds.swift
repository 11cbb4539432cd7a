/// The kinds of settings, each with the way into ``Configuration``.
extension Setting {
    typealias Path<Value> = WritableKeyPath<Configuration, Value> & Sendable

    static func text(
        _ section: String, _ name: String, _ path: any Path<String>, kind: Kind = .text, example: String = "\"\"",
        _ doc: String
    ) -> Setting {
        Setting(section: section, name: name, kind: kind, doc: doc, example: example) { configuration in
            configuration[keyPath: path].isEmpty ? nil : .text(configuration[keyPath: path])
        } write: { configuration, value in
            if case .text(let text) = value { configuration[keyPath: path] = text }
        }
    }

    static func text(
        _ section: String, _ name: String, _ path: any Path<String?>, kind: Kind = .text, example: String = "\"\"",
        _ doc: String
    ) -> Setting {
        Setting(section: section, name: name, kind: kind, doc: doc, example: example) { configuration in
            configuration[keyPath: path].map { .text($0) }
        } write: { configuration, value in
            if case .text(let text) = value { configuration[keyPath: path] = text }
        }
    }

    static func integer(
        _ section: String, _ name: String, _ path: any Path<Int>, _ range: ClosedRange<Int>, _ doc: String
    ) -> Setting {
        Setting(section: section, name: name, kind: .integer(range), doc: doc, example: "") { configuration in
            .integer(configuration[keyPath: path])
        } write: { configuration, value in
            if case .integer(let number) = value { configuration[keyPath: path] = number }
        }
    }

    static func integer(
        _ section: String, _ name: String, _ path: any Path<Int?>, _ range: ClosedRange<Int>, example: String,
        _ doc: String
    ) -> Setting {
        Setting(section: section, name: name, kind: .integer(range), doc: doc, example: example) { configuration in
            configuration[keyPath: path].map { .integer($0) }
        } write: { configuration, value in
            if case .integer(let number) = value { configuration[keyPath: path] = number }
        }
    }

    static func boolean(_ section: String, _ name: String, _ path: any Path<Bool>, _ doc: String) -> Setting {
        Setting(section: section, name: name, kind: .boolean, doc: doc, example: "") { configuration in
            .boolean(configuration[keyPath: path])
        } write: { configuration, value in
            if case .boolean(let flag) = value { configuration[keyPath: path] = flag }
        }
    }

    static func choice<Choice>(
        _ section: String, _ name: String, _ path: any Path<Choice>, _ doc: String
    ) -> Setting where Choice: RawRepresentable<String> & CaseIterable & Sendable {
        let choices = Choice.allCases.map(\.rawValue)
        return Setting(section: section, name: name, kind: .choice(choices), doc: doc, example: "") { configuration in
            .text(configuration[keyPath: path].rawValue)
        } write: { configuration, value in
            if case .text(let text) = value, let choice = Choice(rawValue: text) {
                configuration[keyPath: path] = choice
            }
        }
    }

    static func list(
        _ section: String, _ name: String, _ path: any Path<[String]>, kind: Kind = .texts, _ doc: String
    ) -> Setting {
        Setting(section: section, name: name, kind: kind, doc: doc, example: "") { configuration in
            .list(configuration[keyPath: path])
        } write: { configuration, value in
            if case .list(let texts) = value { configuration[keyPath: path] = texts }
        }
    }
}
