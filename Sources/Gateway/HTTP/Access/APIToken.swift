import Foundation

/// A secret that is compared in constant time and never printed.
public struct APIToken: Sendable, CustomStringConvertible {
    public struct FileError: Error, Sendable, CustomStringConvertible {
        public let description: String
    }

    static let lengthMin = 16

    private let bytes: [UInt8]

    /// - Precondition: `secret` is not empty.
    public init(_ secret: String) {
        precondition(!secret.isEmpty, "an empty secret would let everyone in")
        bytes = Array(secret.utf8)
    }

    /// Reads `api.token_file`: one line, at least 16 characters.
    public init(file path: String) throws(FileError) {
        let content: String
        do {
            content = try String(contentsOfFile: path, encoding: .utf8)
        } catch {
            throw FileError(description: "api.token_file: cannot read \(path): \(error.localizedDescription)")
        }
        let secret = content.trimmingCharacters(in: .whitespacesAndNewlines)
        guard secret.utf8.count >= APIToken.lengthMin, secret.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw FileError(
                description: "api.token_file: \(path) must hold one line of at least \(APIToken.lengthMin) "
                    + "printable characters; `openssl rand -hex 32` makes one")
        }
        self.init(secret)
    }

    public var description: String { "***" }

    /// Takes the same time wherever the first difference lies; a difference in length may show.
    func matches(_ candidate: some StringProtocol) -> Bool { ConstantTime.areEqual(bytes, Array(candidate.utf8)) }
}
