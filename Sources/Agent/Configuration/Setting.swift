import ClusterCore
import WANLink

/// A value as it stands in the file or the environment.
enum SettingValue: Sendable, Equatable, CustomStringConvertible {
    case text(String)
    case integer(Int)
    case boolean(Bool)
    case list([String])

    /// As TOML writes it.
    var description: String {
        switch self {
        case .text(let text): SettingValue.quoted(text)
        case .integer(let number): String(number)
        case .boolean(let flag): String(flag)
        case .list(let texts): "[" + texts.map(SettingValue.quoted).joined(separator: ", ") + "]"
        }
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\t": quoted += "\\t"
            case "\u{0}"..."\u{1F}", "\u{7F}":
                let hex = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}

/// One key: its name, what it takes, what it means, and where in ``Configuration`` it goes. The default is what
/// `Configuration()` has there.
struct Setting: Sendable {
    enum Kind: Sendable, Equatable {
        case text
        /// As text, and shown by nothing.
        case secret
        /// `host:port`; 0 as the port only where any free one will do.
        case address(anyPort: Bool)
        case path
        case integer(ClosedRange<Int>)
        case boolean
        case choice([String])
        case texts
        case addresses
    }

    let section: String
    let name: String
    let kind: Kind
    /// What it means, for the file that `wolfscale init` writes; one sentence, unit included.
    let doc: String
    /// What to write in that file after a `#` when there is no default.
    let example: String
    let read: @Sendable (Configuration) -> SettingValue?
    /// Gets a value that fits ``kind``.
    let write: @Sendable (inout Configuration, SettingValue) -> Void

    var key: String { "\(section).\(name)" }
    /// `WOLFSCALE_SECTION_KEY`.
    var variable: String { "WOLFSCALE_\(section.uppercased())_\(name.uppercased())" }
    var fallback: SettingValue? { read(Configuration()) }

    /// What a fitting value is, in words.
    var wanted: String {
        switch kind {
        case .text, .secret: "a text in quotes"
        case .address(let anyPort): "an address as \"host:port\"" + (anyPort ? "" : " with a port from 1 to 65535")
        case .path: "a path in quotes"
        case .integer(let range): "an integer from \(range.lowerBound) to \(range.upperBound)"
        case .boolean: "true or false"
        case .choice(let choices): "one of " + choices.map { "\"\($0)\"" }.joined(separator: ", ")
        case .texts: "a list of texts, as [\"…\", \"…\"]"
        case .addresses: "a list of addresses, as [\"db1:7654\", \"db2:7654\"]"
        }
    }

    func accepts(_ value: SettingValue) -> Bool {
        switch (kind, value) {
        case (.text, .text), (.secret, .text), (.boolean, .boolean), (.texts, .list): true
        case (.path, .text(let path)): !path.isEmpty
        case (.address(let anyPort), .text(let text)): PeerAddress(text).map { anyPort || $0.port != 0 } ?? false
        case (.addresses, .list(let texts)): texts.allSatisfy { PeerAddress($0).map { $0.port != 0 } ?? false }
        case (.integer(let range), .integer(let number)): range.contains(number)
        case (.choice(let choices), .text(let text)): choices.contains(text)
        case (.text, _), (.secret, _), (.boolean, _), (.texts, _), (.path, _), (.address, _), (.addresses, _),
            (.integer, _), (.choice, _):
            false
        }
    }

    /// Reads the text of an environment variable; nil when it does not fit.
    func parse(_ text: String) -> SettingValue? {
        let value: SettingValue?
        switch kind {
        case .text, .secret, .address, .path, .choice: value = .text(text)
        case .integer: value = Int(text).map { .integer($0) }
        case .boolean:
            switch text.lowercased() {
            case "true", "1", "yes", "on": value = .boolean(true)
            case "false", "0", "no", "off": value = .boolean(false)
            default: value = nil
            }
        case .texts, .addresses:
            value = .list(
                text.split(separator: ",").map {
                    String($0.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
                })
        }
        return value.flatMap { accepts($0) ? $0 : nil }
    }
}
