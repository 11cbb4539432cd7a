/// Why a certificate, a key or a token cannot be used: what is wrong, and what to do about it.
public struct SecurityError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: Sendable, Hashable {
        /// The bytes are not what they should be.
        case malformed
        case keyMismatch
        case foreignAuthority
        case notAnAuthority
        case expired
        case notYetValid
        case wrongName
        case badRequest
        case badToken
    }

    public var code: Code
    public var message: String
    /// Empty when there is nothing particular to do.
    public var remedy: String

    public init(_ code: Code, _ message: String, remedy: String = "") {
        self.code = code
        self.message = message
        self.remedy = remedy
    }

    public var description: String { remedy.isEmpty ? message : "\(message); \(remedy)" }
}
