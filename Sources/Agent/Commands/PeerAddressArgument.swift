import WANLink

enum PeerAddressArgument {
    /// Whether `text` is `host:port` with a port to dial.
    static func isValid(_ text: String) -> Bool { PeerAddress(text).map { $0.port != 0 } ?? false }
}
