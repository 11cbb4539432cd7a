import CLinux
import Foundation
import Glibc

/// A network namespace of our own: a host with its own addresses on this machine. Needs root.
public final class NetworkNamespace: Sendable {
    public let name: String
    public var path: String { "/run/netns/\(name)" }
    /// In front of a command line, to run it inside.
    public var prefix: [String] { ["/usr/sbin/ip", "netns", "exec", name] }

    /// - Parameter congestion: What TCP inside uses; nil: what the machine does.
    public init(name: String, congestion: String? = nil) throws {
        self.name = name
        try CongestionControl.with(congestion) { try Self.ip("netns add \(name)") }
        try ip("link set lo up")
    }

    public func remove() { _ = try? Lab.run("/usr/sbin/ip", ["netns", "del", name], expecting: nil) }

    /// `ip` inside.
    func ip(_ arguments: String) throws { try Self.ip("-n \(name) \(arguments)") }

    static func ip(_ arguments: String) throws {
        try Lab.run("/usr/sbin/ip", arguments.split(separator: " ").map(String.init))
    }

    /// A TCP socket that lives inside, for this process to use.
    public func socket() throws -> Int32 {
        let descriptor = wolfscale_socket_in(path, AF_INET, Int32(SOCK_STREAM.rawValue))
        guard descriptor >= 0 else { throw LabError("a socket in \(name): errno \(errno)") }
        return descriptor
    }

    /// Removes what processes that were killed have left behind: namespaces named `<prefix><pid>-…` of no living process.
    static func sweep(prefix: String) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/run/netns")) ?? []
        where name.hasPrefix(prefix) {
            guard let pid = pid_t(name.dropFirst(prefix.count).prefix { $0 != "-" }), kill(pid, 0) != 0, errno == ESRCH
            else { continue }
            _ = try? Lab.run("/usr/sbin/ip", ["netns", "del", name], expecting: nil)
        }
    }
}
