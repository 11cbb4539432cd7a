import Foundation
import Glibc

/// Hosts as network namespaces on a bridge of their own, so that a cluster can be partitioned, one way or both. Needs root.
public final class LabNetwork: HostNetwork, @unchecked Sendable {
    private let tag: String
    private let subnet: Int
    private var namespaces: [String] = []

    public static var isAvailable: Bool { geteuid() == 0 && FileManager.default.fileExists(atPath: "/usr/sbin/nft") }

    public init(hosts: Int) throws {
        tag = "ws\(getpid() % 100_000)"
        subnet = Int(getpid()) % 250
        try ip("link add \(bridge) type bridge")
        try ip("addr add 10.213.\(subnet).254/24 dev \(bridge)")
        try ip("link set \(bridge) up")
        for host in 1...hosts {
            let name = "\(tag)n\(host)"
            try ip("netns add \(name)")
            namespaces.append(name)
            try ip("link add \(tag)v\(host) type veth peer name eth0 netns \(name)")
            try ip("link set \(tag)v\(host) master \(bridge) up")
            try ip("-n \(name) addr add \(address(host))/24 dev eth0")
            try ip("-n \(name) link set eth0 up")
            try ip("-n \(name) link set lo up")
        }
    }

    private var bridge: String { tag + "br" }
    /// Hosts are counted from 1.
    public func address(_ host: Int) -> String { "10.213.\(subnet).\(host)" }
    public func prefix(_ host: Int) -> [String] { ["/usr/sbin/ip", "netns", "exec", namespaces[host - 1]] }

    /// Cuts a host off from the other hosts; clients outside still reach it.
    public func isolate(_ host: Int, _ direction: IsolationDirection) throws {
        let peers = (1...namespaces.count).filter { $0 != host }.map(address).joined(separator: ", ")
        var rules = "table inet lab {\n"
        if direction != .outward {
            rules += "chain i { type filter hook input priority 0; ip saddr { \(peers) } drop; }\n"
        }
        if direction != .inward {
            rules += "chain o { type filter hook output priority 0; ip daddr { \(peers) } drop; }\n"
        }
        rules += "}\n"
        try heal(host)
        try Lab.run("/usr/sbin/ip", ["netns", "exec", namespaces[host - 1], "/usr/sbin/nft", "-f", "-"], input: rules)
    }

    public func heal(_ host: Int) throws {
        try Lab.run("/usr/sbin/ip", ["netns", "exec", namespaces[host - 1], "/usr/sbin/nft", "flush", "ruleset"])
    }

    public func remove() {
        for name in namespaces { _ = try? Lab.run("/usr/sbin/ip", ["netns", "del", name], expecting: nil) }
        _ = try? Lab.run("/usr/sbin/ip", ["link", "del", bridge], expecting: nil)
    }

    private func ip(_ arguments: String) throws {
        try Lab.run("/usr/sbin/ip", arguments.split(separator: " ").map(String.init))
    }
}
