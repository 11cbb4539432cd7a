import Foundation
import Glibc
import Synchronization

/// TCP ports of loopback for the servers of tests.
///
/// A server binds its port some time after the test chose it. In between nobody else may get it: no outgoing
/// connection (the ports lie below the kernel's ephemeral range), no other test of this process (``mine``), and no
/// test of another process, which the lock on one byte of a common file keeps off until this process ends.
public enum FreePort {
    private static let range = 10_000..<32_000
    private static let mine = Mutex<Set<Int>>([])
    private static let claims = open("/tmp/wolfscale-test-ports-\(getuid())", O_RDWR | O_CREAT | O_CLOEXEC, 0o666)

    /// A port that nobody listens on and that no other test has been given.
    ///
    /// - Throws: ``LabError`` when none is found.
    public static func take() throws -> Int { try take(inARow: 1) }

    /// The first of `count` such ports in a row.
    public static func take(inARow count: Int) throws -> Int {
        for _ in 0..<200 {
            let first = Int.random(in: range.lowerBound...range.upperBound - count)
            if (first..<first + count).allSatisfy(claim) { return first }
        }
        throw LabError("no \(count) free ports in a row between \(range.lowerBound) and \(range.upperBound)")
    }

    private static func claim(_ port: Int) -> Bool {
        mine.withLock { mine in !mine.contains(port) && isFree(port) && lock(port) && mine.insert(port).inserted }
    }

    private static func lock(_ port: Int) -> Bool {
        var byte = flock()
        byte.l_type = Int16(F_WRLCK)
        byte.l_whence = Int16(SEEK_SET)
        byte.l_start = off_t(port)
        byte.l_len = 1
        return fcntl(claims, F_SETLK, &byte) == 0
    }

    /// Whether nobody listens on that port of loopback now.
    private static func isFree(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(INADDR_LOOPBACK).bigEndian
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
