/// Everything that is wrong with a configuration, so that it can be mended in one go.
struct ConfigurationError: Error, Equatable, CustomStringConvertible {
    struct Problem: Equatable, Sendable, CustomStringConvertible {
        /// The file, the environment variable, or nil.
        var source: String?
        /// 1 is the first.
        var line: Int?
        var message: String

        var description: String {
            let place = [source, line.map(String.init)].compactMap { $0 }.joined(separator: ":")
            return place.isEmpty ? message : "\(place): \(message)"
        }
    }

    var problems: [Problem]

    init(_ problems: [Problem]) { self.problems = problems }
    init(_ message: String) { self.problems = [Problem(source: nil, line: nil, message: message)] }

    var description: String { problems.map(\.description).joined(separator: "\n") }
}
