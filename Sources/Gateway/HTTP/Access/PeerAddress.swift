import NIOCore

/// From where a request comes, as far as access is concerned.
enum PeerAddress: Sendable, Hashable {
    /// This machine: 127.0.0.0/8, ::1, or a socket file.
    case loopback
    /// Anywhere else, or unknown.
    case elsewhere

    init(_ address: SocketAddress?) {
        switch address {
        case .v4, .v6: self = PeerAddress.isLoopback(address?.ipAddress ?? "") ? .loopback : .elsewhere
        case .unixDomainSocket: self = .loopback
        case nil: self = .elsewhere
        }
    }

    /// - Parameter text: numeric, as the system prints it; an IPv4 address in IPv6 clothes begins with `::ffff:`.
    static func isLoopback(_ text: String) -> Bool {
        if text == "::1" { return true }
        let plain = text.hasPrefix("::ffff:") ? text.dropFirst(7) : text[...]
        let parts = plain.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil } && parts[0] == "127"
    }
}
