import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The congestion control of a connection.
public struct Congestion: Sendable, Equatable {
    /// As the kernel names it.
    public var name: String
    /// Why the wanted one could not be had; nil when it could, or none was asked for.
    public var refusal: String?
}

/// How the links' sockets are set up.
enum SocketTuning {
    /// Large reads, so that a batch mostly comes in one and can be passed on as a slice of it.
    static let readBuffers = AdaptiveRecvByteBufferAllocator(minimum: 4_096, initial: 65_536, maximum: 512 << 10)

    /// What the kernel may hold unsent: the rest stays here, where it is counted, and can be left unsent when the
    /// connection breaks.
    private static let unsentBytesMax = 256 << 10

    /// On the loop, for a connected channel.
    static func tune(_ channel: any Channel, _ limits: PeerConnection.Limits, sendsBulk: Bool) -> Congestion? {
        #if os(Linux)
            guard let provider = channel as? any SocketOptionProvider else { return nil }
            if sendsBulk { set(provider, SocketOption.unsentLow, CInt(unsentBytesMax)) }
            var refusal: String?
            if let wanted = limits.congestion, let code = set(provider, SocketOption.congestion, CongestionName(wanted))
            {
                refusal = "\(wanted): \(explain(code))"
            }
            guard let name: CongestionName = get(provider, SocketOption.congestion) else { return nil }
            return Congestion(name: name.text, refusal: refusal)
        #else
            return nil
        #endif
    }

    #if os(Linux)
        /// By number: glibc's headers lag behind the kernel's.
        private enum SocketOption {
            static let congestion: CInt = 13
            static let unsentLow: CInt = 25
        }

        /// - Returns: the error's number; nil when it was set.
        @discardableResult
        private static func set<Value: Sendable>(
            _ provider: any SocketOptionProvider, _ option: CInt, _ value: Value
        ) -> CInt? {
            var failure: CInt?
            provider.unsafeSetSocketOption(
                level: NIOBSDSocket.OptionLevel(rawValue: CInt(IPPROTO_TCP)),
                name: NIOBSDSocket.Option(rawValue: option), value: value
            ).assumeIsolated().whenFailure { failure = ($0 as? IOError)?.errnoCode ?? EINVAL }
            return failure
        }

        private static func get<Value: Sendable>(_ provider: any SocketOptionProvider, _ option: CInt) -> Value? {
            var value: Value?
            let future: EventLoopFuture<Value> = provider.unsafeGetSocketOption(
                level: NIOBSDSocket.OptionLevel(rawValue: CInt(IPPROTO_TCP)),
                name: NIOBSDSocket.Option(rawValue: option))
            future.assumeIsolated().whenSuccess { value = $0 }
            return value
        }

        private static func explain(_ code: CInt) -> String {
            switch code {
            case EPERM: "not allowed to this process; see net.ipv4.tcp_allowed_congestion_control"
            case ENOENT: "this kernel does not have it; see net.ipv4.tcp_available_congestion_control"
            default: "system error \(code)"
            }
        }
    #endif
}

/// TCP_CA_NAME_MAX bytes, with zeros after the name.
private struct CongestionName: Sendable {
    private var bytes: (UInt64, UInt64) = (0, 0)

    init(_ text: String) {
        withUnsafeMutableBytes(of: &bytes) { $0.copyBytes(from: text.utf8.prefix(15)) }
    }

    var text: String {
        withUnsafeBytes(of: bytes) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}
