import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// An IPv4 or IPv6 address, numeric. What IPv6 says of an IPv4 address (`::ffff:10.0.0.1`) is that IPv4 address.
public struct IPAddress: Hashable, Sendable {
    /// 4 or 16, in network order.
    public let bytes: [UInt8]

    private static let characters = Set("0123456789abcdefABCDEF:.".utf8)
    private static let textBytesMax = 45
    private static let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]

    /// - Precondition: 4 or 16 bytes.
    init(bytes: [UInt8]) {
        precondition(bytes.count == 4 || bytes.count == 16, "an address of \(bytes.count) bytes")
        self.bytes = bytes.count == 16 && bytes.starts(with: Self.mapped) ? Array(bytes.suffix(4)) : bytes
    }

    /// nil for what is no numeric address: a name, or one with a zone.
    public init?(_ text: String) {
        // The system's own parser takes zones, and whatever follows a zero.
        let allowed = text.utf8.allSatisfy { Self.characters.contains($0) }
        guard allowed, text.utf8.count <= Self.textBytesMax else { return nil }
        do { self.init(try SocketAddress(ipAddress: text, port: 0)) } catch { return nil }
    }

    /// nil for the path of a Unix socket.
    public init?(_ address: SocketAddress) {
        switch address {
        case .v4(let address): self.init(bytes: withUnsafeBytes(of: address.address.sin_addr) { Array($0) })
        case .v6(let address): self.init(bytes: withUnsafeBytes(of: address.address.sin6_addr) { Array($0) })
        case .unixDomainSocket: return nil
        }
    }

    public var isIPv4: Bool { bytes.count == 4 }

    /// As IPv6 has it.
    var wide: [UInt8] { isIPv4 ? Self.mapped + bytes : bytes }
}

extension IPAddress: CustomStringConvertible {
    public var description: String {
        do {
            return try SocketAddress(packedIPAddress: ByteBuffer(bytes: bytes), port: 0).ipAddress ?? "unknown"
        } catch { return "unknown" }
    }
}

/// A range of addresses: `10.0.0.0/8`, `fd00::/8`, a single address, or `*` for all.
public struct IPNetwork: Hashable, Sendable {
    private let base: IPAddress?
    private let prefixBits: Int

    public init?(_ text: String) {
        if text == "*" {
            (base, prefixBits) = (nil, 0)
            return
        }
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = IPAddress(String(parts[0])) else { return nil }
        var bits = address.bytes.count * 8
        if parts.count == 2 {
            guard let given = UInt8(parts[1]), String(given) == parts[1], Int(given) <= bits else { return nil }
            bits = Int(given)
        }
        (base, prefixBits) = (address, bits)
    }

    public func contains(_ address: IPAddress) -> Bool {
        guard let base else { return true }
        guard base.bytes.count == address.bytes.count else { return false }
        let whole = prefixBits / 8
        guard base.bytes.prefix(whole) == address.bytes.prefix(whole) else { return false }
        let rest = prefixBits % 8
        return rest == 0 || (base.bytes[whole] ^ address.bytes[whole]) >> (8 - UInt8(rest)) == 0
    }
}
