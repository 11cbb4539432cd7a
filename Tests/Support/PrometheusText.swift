/// A strict reader of Prometheus' text format 0.0.4: what it takes, Prometheus takes.
public enum PrometheusText {
    public struct Sample: Equatable, Sendable {
        public var name: String
        public var labels: [String: String]
        public var value: Double
    }

    public struct Metrics: Sendable {
        /// By family.
        public var types: [String: String] = [:]
        public var samples: [Sample] = []

        public func samples(_ name: String) -> [Sample] { samples.filter { $0.name == name } }

        public func value(_ name: String, _ labels: [String: String] = [:]) -> Double? {
            samples.first { sample in
                sample.name == name && labels.allSatisfy { sample.labels[$0.key] == $0.value }
            }?.value
        }
    }

    /// - Throws: a ``LabError`` that shows the line.
    public static func parse(_ text: String) throws -> Metrics {
        guard text.isEmpty || text.hasSuffix("\n") else { throw LabError("the last line has no end") }
        var metrics = Metrics()
        var family = ""
        var seen: Set<String> = []
        var series: Set<String> = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: true).map(String.init) {
            func require(_ isRight: Bool, _ what: String) throws { if !isRight { throw LabError("\(what): \(line)") } }
            if line.hasPrefix("#") {
                let words = line.split(separator: " ", maxSplits: 3).map(String.init)
                try require(words.count == 4 && ["HELP", "TYPE"].contains(words[1]), "no HELP and no TYPE")
                try require(isName(words[2], colons: true), "a bad name")
                if words[1] == "HELP" {
                    try require(seen.insert(words[2]).inserted, "the family comes twice")
                    family = words[2]
                } else {
                    try require(words[2] == family && metrics.types[family] == nil, "TYPE of another family")
                    try require(["counter", "gauge", "histogram"].contains(words[3]), "an unknown type")
                    metrics.types[family] = words[3]
                }
                continue
            }
            let sample = try sample(line)
            let type = metrics.types[family] ?? ""
            let suffixes = type == "histogram" ? ["_bucket", "_sum", "_count"] : [""]
            try require(suffixes.contains { family + $0 == sample.name }, "not of \(family), a \(type)")
            if type == "counter" { try require(sample.name.hasSuffix("_total") && sample.value >= 0, "no counter") }
            let key = "\(sample.name)\(sample.labels.sorted { $0.key < $1.key })"
            try require(series.insert(key).inserted, "the series comes twice")
            metrics.samples.append(sample)
        }
        try checkHistograms(metrics)
        return metrics
    }

    private static func checkHistograms(_ metrics: Metrics) throws {
        for (name, type) in metrics.types where type == "histogram" {
            let buckets = metrics.samples.filter { $0.name == name + "_bucket" }
            let groups = Dictionary(grouping: buckets) { $0.labels.filter { $0.key != "le" } }
            for (labels, group) in groups {
                let bounds = group.compactMap {
                    $0.labels["le"].flatMap { $0 == "+Inf" ? Double.infinity : Double($0) }
                }
                guard bounds.count == group.count, bounds == bounds.sorted(), bounds.last == .infinity,
                    group.map(\.value) == group.map(\.value).sorted(),
                    metrics.value(name + "_count", labels) == group.last?.value,
                    metrics.value(name + "_sum", labels) != nil
                else { throw LabError("\(name)\(labels) is no histogram") }
            }
        }
    }

    private static func sample(_ line: String) throws -> Sample {
        var rest = line[...]
        let name = String(rest.prefix { $0 != "{" && $0 != " " })
        guard isName(name, colons: true) else { throw LabError("a bad name: \(line)") }
        rest = rest.dropFirst(name.count)
        var labels: [String: String] = [:]
        if rest.first == "{" {
            rest = rest.dropFirst()
            while true {
                let label = String(rest.prefix { $0 != "=" })
                guard isName(label, colons: false), rest.dropFirst(label.count).hasPrefix("=\"") else {
                    throw LabError("a bad label: \(line)")
                }
                rest = rest.dropFirst(label.count + 2)
                guard let value = quoted(&rest), labels.updateValue(value, forKey: label) == nil else {
                    throw LabError("a bad or second value of \(label): \(line)")
                }
                guard let next = rest.popFirst(), next == "," || next == "}" else { throw LabError("no end: \(line)") }
                if next == "}" { break }
            }
        }
        guard rest.popFirst() == " " else { throw LabError("no value: \(line)") }
        let number = rest == "+Inf" ? Double.infinity : rest == "-Inf" ? -Double.infinity : Double(rest)
        guard let number else { throw LabError("no number: \(line)") }
        return Sample(name: name, labels: labels, value: number)
    }

    /// Up to the closing quote, which is taken too.
    private static func quoted(_ rest: inout Substring) -> String? {
        var value = ""
        while let next = rest.popFirst() {
            switch next {
            case "\"": return value
            case "\\":
                switch rest.popFirst() {
                case "\\": value += "\\"
                case "\"": value += "\""
                case "n": value += "\n"
                default: return nil
                }
            default: value.append(next)
            }
        }
        return nil
    }

    private static func isName(_ text: String, colons: Bool) -> Bool {
        guard let first = text.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            return false
        }
        return text.utf8.allSatisfy {
            ($0 < 0x80 && (Character(UnicodeScalar($0)).isLetter || Character(UnicodeScalar($0)).isNumber))
                || $0 == UInt8(ascii: "_") || (colons && $0 == UInt8(ascii: ":"))
        }
    }
}
