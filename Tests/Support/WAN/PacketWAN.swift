import CLinux
import Foundation
import Glibc
import Synchronization

/// Two sites as network namespaces with nothing between them but an emulated line, so that TCP itself meets delay, a
/// bottleneck with its queue, and loss.
///
/// ```
/// namespace home ── TUN ── PacketRelay (this process) ── TUN ── namespace away
///        └────────────── veth ── the caller's namespace ── veth ──────┘      for clients and tests, not for the sites
/// ```
///
/// Rates and bytes are those of IP packets.
public final class PacketWAN: Sendable {
    public enum Side: Int, Sendable, CaseIterable { case home = 1, away = 2 }

    /// Why there can be none on this machine; nil when there can.
    public static var obstacle: String? {
        if geteuid() != 0 { return "network namespaces and TUN devices need root" }
        if access("/dev/net/tun", R_OK | W_OK) != 0 { return "this kernel has no /dev/net/tun" }
        if !FileManager.default.fileExists(atPath: "/usr/sbin/ip") {
            return "there is no ip command (Debian: iproute2)"
        }
        return nil
    }

    private static let namePrefix = "wswan"
    private static let made = Mutex(0)

    private let namespaces: [NetworkNamespace]
    private let subnet: String
    private let relay: PacketRelay

    /// - Parameters:
    ///   - line: Both directions.
    ///   - congestion: What TCP uses on both sides (`cubic`, `bbr`); nil: what the machine does.
    public init(_ line: Line, congestion: String? = nil, seed: UInt64 = 1, mtu: Int = 1_500) throws {
        if let obstacle = Self.obstacle { throw LabError(obstacle) }
        NetworkNamespace.sweep(prefix: Self.namePrefix)
        let number = Self.made.withLock {
            $0 += 1; return $0
        }
        subnet = "10.\(Int.random(in: 128...254)).\(Int.random(in: 0...255))"
        var made: [NetworkNamespace] = []
        var tuns: [Int32] = []
        do {
            for side in Side.allCases {
                let namespace = try NetworkNamespace(
                    name: "\(Self.namePrefix)\(getpid())-\(number)\(side)", congestion: congestion)
                made.append(namespace)
                let device = "wl\(getpid() % 10_000_000)n\(number % 100)\(side == .home ? "h" : "a")"
                tuns.append(try Self.connect(side, namespace, subnet, device: device, mtu: mtu))
            }
        } catch {
            for tun in tuns { close(tun) }
            for namespace in made { namespace.remove() }
            throw error
        }
        namespaces = made
        relay = PacketRelay(home: tuns[0], away: tuns[1], mtu: mtu, line: line, seed: seed)
    }

    private static func connect(
        _ side: Side, _ namespace: NetworkNamespace, _ subnet: String, device: String, mtu: Int
    ) throws -> Int32 {
        let tun = wolfscale_open_tun(device)
        guard tun >= 0 else { throw LabError("/dev/net/tun: errno \(errno)") }
        do {
            let own = side.rawValue
            try NetworkNamespace.ip("link set \(device) netns \(namespace.name)")
            try namespace.ip("link set \(device) name wan0")
            try namespace.ip("link set wan0 mtu \(mtu) txqueuelen 4000 up")
            try namespace.ip("addr add \(subnet).\(own) peer \(subnet).\(3 - own) dev wan0")
            // To us: a /30 each, and by it the address that the site has on the line.
            let ours = own * 16
            try NetworkNamespace.ip("link add \(device) type veth peer name eth0 netns \(namespace.name)")
            try NetworkNamespace.ip("addr add \(subnet).\(ours + 1)/30 dev \(device)")
            try NetworkNamespace.ip("link set \(device) up")
            try namespace.ip("addr add \(subnet).\(ours + 2)/30 dev eth0")
            try namespace.ip("link set eth0 up")
            try NetworkNamespace.ip("route add \(subnet).\(own) via \(subnet).\(ours + 2)")
        } catch {
            close(tun)
            throw error
        }
        return tun
    }

    public func namespace(_ side: Side) -> NetworkNamespace { namespaces[side.rawValue - 1] }
    /// The site's one address: over the line from the other site, directly from the caller's namespace.
    public func address(_ side: Side) -> String { "\(subnet).\(side.rawValue)" }
    /// In front of a command line, to run it on that side.
    public func prefix(_ side: Side) -> [String] { namespace(side).prefix }

    // MARK: While it runs

    /// Changes the line, both directions if none is named. Black holes are closed by it.
    public func set(_ line: Line, _ direction: LineDirection? = nil) {
        for each in LineDirection.allCases where direction == nil || direction == each { relay.set(line, each) }
    }

    /// Swallows everything, or ends that, and leaves the rest of the line as it is.
    public func setBlackHole(_ swallows: Bool, _ direction: LineDirection? = nil) {
        for each in LineDirection.allCases where direction == nil || direction == each {
            var line = relay.line(each)
            line.swallows = swallows
            relay.set(line, each)
        }
    }

    public func counters(_ direction: LineDirection) -> LineCounters { relay.counters(direction) }

    /// Ends the line and removes both namespaces. What ran inside must have been ended before.
    public func remove() {
        relay.stop()
        for namespace in namespaces { namespace.remove() }
    }
}
