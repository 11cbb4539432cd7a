/// Finds the lines of keys in a TOML file, which the parser does not tell: good enough for `key = value` under
/// `[section]`.
struct LineFinder {
    private var found: [String: [Int]] = [:]

    init(_ text: String) {
        var section = ""
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let line = line.drop { $0 == " " || $0 == "\t" }
            if line.hasPrefix("[") {
                section = line.drop { $0 == "[" }.prefix { $0 != "]" }.filter { $0 != " " && $0 != "\"" }
                found[section, default: []].append(index + 1)
            } else if !line.hasPrefix("#"), let equals = line.firstIndex(of: "=") {
                let name = line[..<equals].filter { $0 != " " && $0 != "\t" && $0 != "\"" }
                found[section.isEmpty ? name : "\(section).\(name)", default: []].append(index + 1)
            }
        }
    }

    /// - Parameter key: `section`, or `section.name`.
    func line(of key: String, occurrence: Int = 0) -> Int? {
        let lines = found[key] ?? key.lastIndex(of: ".").flatMap { found[String(key[..<$0])] } ?? []
        return lines.indices.contains(occurrence) ? lines[occurrence] : lines.last
    }
}
