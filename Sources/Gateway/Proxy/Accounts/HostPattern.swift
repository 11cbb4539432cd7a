/// The host part of an account, matched and ordered as the server does it (sql/sql_acl.cc).
struct HostPattern {
    let text: String

    /// - Parameter address: the client's, numeric. Loopback also answers to `localhost` when `resolvesLoopback`.
    func matches(_ address: String, resolvesLoopback: Bool) -> Bool {
        if text.isEmpty { return true }
        if resolvesLoopback, text.lowercased() == "localhost", address == "127.0.0.1" || address == "::1" {
            return true
        }
        if let slash = text.firstIndex(of: "/") {
            guard let network = Self.ipv4(text[..<slash]), let mask = Self.ipv4(text[text.index(after: slash)...]),
                let client = Self.ipv4(address[...])
            else { return false }
            return client & mask == network
        }
        return Self.like(Array(text.lowercased().utf8)[...], Array(address.lowercased().utf8)[...])
    }

    /// The most specific pattern first: exact hosts, then by how much stands before the first wildcard.
    var specificity: Int {
        let wildcard = Array(text.utf8).firstIndex { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "_") }
        if text.isEmpty { return 0 }
        return wildcard.map { $0 + 1 } ?? Int.max
    }

    /// `%` is any text, `_` any one byte, `\` makes the next literal.
    private static func like(_ pattern: ArraySlice<UInt8>, _ text: ArraySlice<UInt8>) -> Bool {
        guard let first = pattern.first else { return text.isEmpty }
        switch first {
        case UInt8(ascii: "%"):
            var rest = pattern
            while rest.first == UInt8(ascii: "%") { rest = rest.dropFirst() }
            if rest.isEmpty { return true }
            return text.indices.contains { like(rest, text[$0...]) }
        case UInt8(ascii: "_"): return !text.isEmpty && like(pattern.dropFirst(), text.dropFirst())
        case UInt8(ascii: "\\") where pattern.count > 1:
            let rest = pattern.dropFirst()
            return text.first == rest.first && like(rest.dropFirst(), text.dropFirst())
        default: return text.first == first && like(pattern.dropFirst(), text.dropFirst())
        }
    }

    private static func ipv4(_ text: Substring) -> UInt32? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var value: UInt32 = 0
        for part in parts {
            guard let byte = UInt8(part) else { return nil }
            value = value << 8 | UInt32(byte)
        }
        return value
    }
}
