import CLinux
import Foundation
import Glibc

/// Bytes from one socket to another, to measure a line: one connection that sends as fast as TCP lets it.
public enum Transfer {
    public struct Result: Sendable {
        public var bytes: Int
        public var seconds: Double
        public var megabitsPerSecond: Double { Double(bytes) * 8 / seconds / 1_000_000 }
    }

    /// A listening socket.
    ///
    /// - Returns: its port.
    public static func listen(_ descriptor: Int32) throws -> Int {
        var address = address("0.0.0.0", 0)
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard bound == 0, Glibc.listen(descriptor, 16) == 0 else { throw LabError("listen: errno \(errno)") }
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        return Int(in_port_t(bigEndian: address.sin_port))
    }

    public static func accept(_ descriptor: Int32) throws -> Int32 {
        guard isReadable(descriptor, within: .seconds(10)) else { throw LabError("nobody connects") }
        let accepted = Glibc.accept(descriptor, nil, nil)
        guard accepted >= 0 else { throw LabError("accept: errno \(errno)") }
        return accepted
    }

    public static func connect(_ descriptor: Int32, host: String, port: Int) throws {
        var address = address(host, port)
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { throw LabError("connect to \(host):\(port): errno \(errno)") }
    }

    /// A connection from home to away, and both of its ends.
    public static func connection(over wan: PacketWAN) throws -> (home: Int32, away: Int32) {
        let listener = try wan.namespace(.away).socket()
        defer { close(listener) }
        let port = try listen(listener)
        let home = try wan.namespace(.home).socket()
        try connect(home, host: wan.address(.away), port: port)
        return (home, try accept(listener))
    }

    private static func address(_ host: String, _ port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr(host)
        return address
    }

    /// What TCP uses on a connected socket.
    public static func congestionControl(_ descriptor: Int32) -> String {
        var name = [UInt8](repeating: 0, count: 16)
        var length = socklen_t(name.count)
        guard getsockopt(descriptor, Int32(IPPROTO_TCP), TCP_CONGESTION, &name, &length) == 0 else { return "" }
        return String(decoding: name.prefix { $0 != 0 }, as: UTF8.self)
    }

    /// Sends from `sender` for some seconds and counts what arrives at `receiver` after the first `warmUp` seconds.
    public static func run(
        from sender: Int32, to receiver: Int32, seconds: Double, warmUp: Double = 1
    ) throws -> Result {
        let finished = DispatchSemaphore(value: 0)
        let deadline = clock + warmUp + seconds
        Thread {
            let chunk = [UInt8](repeating: 0x55, count: 64 << 10)
            while clock < deadline, send(sender, chunk, chunk.count, Int32(MSG_NOSIGNAL)) > 0 {}
            shutdown(sender, Int32(SHUT_WR))
            finished.signal()
        }.start()
        defer { finished.wait() }
        var buffer = [UInt8](repeating: 0, count: 256 << 10)
        var counted = 0
        let begin = clock + warmUp
        while clock < deadline {
            guard isReadable(receiver, within: .milliseconds(100)) else { continue }
            let bytes = recv(receiver, &buffer, buffer.count, 0)
            guard bytes > 0 else { break }
            if clock >= begin { counted += bytes }
        }
        let result = Result(bytes: counted, seconds: clock - begin)
        // So that a sender that waits for room ends too.
        shutdown(receiver, Int32(SHUT_RDWR))
        shutdown(sender, Int32(SHUT_RDWR))
        return result
    }

    public static func isReadable(_ descriptor: Int32, within limit: Duration) -> Bool {
        wolfscale_wait_readable([descriptor], 1, Int64(limit / .nanoseconds(1))) == 1
    }

    private static var clock: Double { Double(PacketRelay.now) / 1e9 }
}
