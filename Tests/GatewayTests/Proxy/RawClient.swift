import Glibc
import LabSupport
import MariaDBWire
import NIOCore
import NIOPosix

/// A client that can say anything. It waits on threads of its own: the few that run Swift's tasks must stay free for those
/// who are to answer it.
final class RawClient: Sendable {
    private let descriptor: Int32

    private static let threads: NIOThreadPool = {
        let pool = NIOThreadPool(numberOfThreads: 4)
        pool.start()
        return pool
    }()

    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { throw LabError("connect: errno \(errno)") }
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        // What a proxy never takes is to fail a test, not to hold it up for ever.
        limit.tv_sec = 30
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { Glibc.close(descriptor) }

    /// What was sent and the proxy's kernel has not taken.
    var unsentBytes: Int {
        var count: CInt = 0
        return ioctl(descriptor, UInt(TIOCOUTQ), &count) == 0 ? Int(count) : 0
    }

    func send(_ bytes: [UInt8]) { _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }

    /// What came, at most `count` bytes; empty when the other side has closed.
    func receive(_ count: Int = 4_096) async throws -> [UInt8] {
        try await Self.threads.runIfActive { [self] in
            var bytes = [UInt8](repeating: 0, count: count)
            let got = recv(descriptor, &bytes, count, 0)
            return got > 0 ? Array(bytes.prefix(got)) : []
        }
    }

    /// The next `count` bytes; fewer when the other side closes or nothing more comes.
    func exactly(_ count: Int) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let more = try await receive(count - bytes.count)
            if more.isEmpty { break }
            bytes += more
        }
        return bytes
    }

    /// One COM_QUERY, however long the proxy makes it wait.
    func queryWaiting(_ statement: [UInt8]) async throws {
        try await Self.threads.runIfActive { [self] in packet([3] + statement, sequence: 0) }
    }

    func packet(_ payload: [UInt8], sequence: UInt8) {
        let count = payload.count
        send([UInt8(count & 0xFF), UInt8(count >> 8 & 0xFF), UInt8(count >> 16), sequence] + payload)
    }

    /// Logs in as one who needs no password.
    func login(as user: String = "bare", with more: Capabilities = []) async throws {
        _ = try await receive()
        let basic: Capabilities = [.protocol41, .secureConnection, .pluginAuthentication, .lengthEncodedAuthentication]
        var response = HandshakeResponse(
            capabilities: basic.union(more),
            user: user, authentication: [], plugin: "mysql_native_password")
        response.packetBytesMax = 1 << 24
        var payload = ByteBuffer()
        response.write(to: &payload)
        packet(Array(buffer: payload), sequence: 1)
        let answer = try await receive()
        guard answer.count > 4, answer[4] == 0 else { throw LabError("login refused: \(answer)") }
    }

    /// Whether a statement's answer contains that text; reads until it does, or nothing more comes.
    func isAnswered(_ statement: String, with text: String) async throws -> Bool {
        packet([3] + Array(statement.utf8), sequence: 0)
        var answer = ""
        while !answer.contains(text) {
            let more = try await receive()
            if more.isEmpty { return false }
            answer += String(decoding: more, as: UTF8.self)
        }
        return true
    }
}
