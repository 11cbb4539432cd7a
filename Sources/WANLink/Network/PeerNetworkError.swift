/// What can go wrong for a caller of ``PeerNetwork``: what happened, and what to do about it.
public struct PeerNetworkError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: Sendable, Hashable {
        case cannotBind
        case badAddress
        case cannotConnect
        /// The other side answered with a reason, which is ``PeerNetworkError/message``.
        case refused
        case timeout
        case connectionLost
        case tooLarge
        case closed
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
