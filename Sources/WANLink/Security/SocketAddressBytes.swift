import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// IP addresses as the 4 or 16 bytes that certificates have.
enum SocketAddressBytes {
    /// nil for what is no IP address.
    static func parse(_ text: String) -> [UInt8]? {
        var four: UInt32 = 0
        if inet_pton(AF_INET, text, &four) == 1 { return withUnsafeBytes(of: four) { Array($0) } }
        var sixteen: (UInt64, UInt64) = (0, 0)
        if inet_pton(AF_INET6, text, &sixteen) == 1 { return withUnsafeBytes(of: sixteen) { Array($0) } }
        return nil
    }

    static func text(_ bytes: [UInt8]) -> String? {
        do { return try SocketAddress(packedIPAddress: ByteBuffer(bytes: bytes), port: 0).ipAddress } catch {
            return nil
        }
    }
}
