import CLinux
import Foundation
import Glibc
import Synchronization

/// Sites as network namespaces with nothing between them but emulated lines, so that TCP itself meets delay, a bottleneck
/// with its queue, and loss. Two, if not more are asked for: home and away.
///
/// ```
/// namespace 1 ── TUN ── PacketRelay (a thread of this process) ── TUN ── namespace 2
///     └───────────── veth ── the caller's namespace ── veth ───────────────┘      for clients and tests, not for the sites
/// ```
///
/// Rates and bytes are those of IP packets. Each site has its own line outwards; with more than two it is shared by the others.
public final class PacketWAN: HostNetwork {
    /// Counted from 1.
    public struct Site: Hashable, Sendable {
        public let number: Int
        public static let home = Site(number: 1)
        public static let away = Site(number: 2)
    }

    /// Why there can be none on this machine; nil when there can.
    public static var obstacle: String? {
        if geteuid() != 0 { return "network namespaces and TUN devices need root" }
        if access("/dev/net/tun", R_OK | W_OK) != 0 { return "this kernel has no /dev/net/tun" }
        if access("/usr/sbin/ip", X_OK) != 0 { return "there is no ip command (Debian: iproute2)" }
        return nil
    }

    private static let namePrefix = "wswan"
    private static let sitesMax = 8
    private static let made = Mutex(0)

    private let namespaces: [NetworkNamespace]
    private let subnet: String
    private let relay: PacketRelay

    /// - Parameters:
    ///   - line: Of every site, outwards.
    ///   - congestion: As in ``setCongestion(_:)``; nil: what the machine does.
    ///   - coalescing: By how much a packet may be late at most, so that others go with it and the line takes less of the processor.
    public init(
        _ line: Line, sites: Int = 2, congestion: String? = nil, coalescing: Duration = .zero, seed: UInt64 = 1,
        mtu: Int = 1_500
    ) throws {
        if let obstacle = Self.obstacle { throw LabError(obstacle) }
        precondition((2...Self.sitesMax).contains(sites), "\(sites) sites; there can be 2 to \(Self.sitesMax)")
        NetworkNamespace.sweep(prefix: Self.namePrefix)
        let number = Self.nextNumber()
        subnet = "10.\(Int.random(in: 128...254)).\(Int.random(in: 0...255))"
        var made: [NetworkNamespace] = []
        var tuns: [Int32] = []
        do {
            for site in 1...sites {
                let namespace = try NetworkNamespace(name: "\(Self.namePrefix)\(getpid())-\(number)s\(site)")
                made.append(namespace)
                let device = "wl\(getpid() % 10_000_000)n\(number % 100)s\(site)"
                tuns.append(try Self.connect(site, namespace, subnet, device: device, mtu: mtu))
            }
        } catch {
            for tun in tuns { close(tun) }
            for namespace in made { namespace.remove() }
            throw error
        }
        namespaces = made
        relay = PacketRelay(
            sites: tuns, mtu: mtu, line: line, coalescing: UInt64(coalescing / .nanoseconds(1)), seed: seed)
        guard let congestion else { return }
        do { try setCongestion(congestion) } catch {
            remove()
            throw error
        }
    }

    private static func nextNumber() -> Int {
        made.withLock { number in
            number += 1
            return number
        }
    }

    private static func connect(
        _ site: Int, _ namespace: NetworkNamespace, _ subnet: String, device: String, mtu: Int
    ) throws -> Int32 {
        let tun = wolfscale_open_tun(device)
        guard tun >= 0 else { throw LabError("/dev/net/tun: errno \(errno)") }
        do {
            try NetworkNamespace.ip("link set \(device) netns \(namespace.name)")
            try namespace.ip("link set \(device) name wan0")
            try namespace.ip("link set wan0 mtu \(mtu) txqueuelen 4000 up")
            // The sites are .1 to .14, on the line.
            try namespace.ip("addr add \(subnet).\(site)/28 dev wan0")
            // To us: a /30 each, and by it the address that the site has on the line.
            let ours = site * 16
            try NetworkNamespace.ip("link add \(device) type veth peer name eth0 netns \(namespace.name)")
            try NetworkNamespace.ip("addr add \(subnet).\(ours + 1)/30 dev \(device)")
            try NetworkNamespace.ip("link set \(device) up")
            try namespace.ip("addr add \(subnet).\(ours + 2)/30 dev eth0")
            try namespace.ip("link set eth0 up")
            try NetworkNamespace.ip("route add \(subnet).\(site) via \(subnet).\(ours + 2)")
        } catch {
            close(tun)
            throw error
        }
        return tun
    }

    public func namespace(_ site: Site) -> NetworkNamespace { namespaces[site.number - 1] }
    /// The site's one address: over the line from the others, directly from the caller's namespace.
    public func address(_ site: Site) -> String { "\(subnet).\(site.number)" }
    /// In front of a command line, to run it there.
    public func prefix(_ site: Site) -> [String] { namespace(site).prefix }

    // MARK: While it runs

    /// Changes the lines that lead from these sites, all if none is named. Black holes are closed by it.
    public func set(_ line: Line, from sites: Site...) {
        for site in numbers(sites) { relay.set(line, from: site) }
    }

    public func line(from site: Site) -> Line { relay.line(from: site.number) }

    /// Swallows everything that comes from these sites, all if none is named, or ends that, and leaves the lines as they are.
    public func setBlackHole(_ swallows: Bool, from sites: Site...) {
        for site in numbers(sites) {
            var line = relay.line(from: site)
            line.swallows = swallows
            relay.set(line, from: site)
        }
    }

    private func numbers(_ sites: [Site]) -> [Int] {
        sites.isEmpty ? Array(1...namespaces.count) : sites.map(\.number)
    }

    /// What TCP uses over the lines (`cubic`, `bbr`), for connections made from now on, unless a program chooses for its own
    /// sockets. What was learnt about the lines by earlier ones is forgotten.
    ///
    /// It hangs on the route: a namespace takes its default from the machine when it is made, and it can't be set inside.
    public func setCongestion(_ name: String) throws {
        for (index, namespace) in namespaces.enumerated() {
            try namespace.ip("route replace \(subnet).0/28 dev wan0 src \(subnet).\(index + 1) congctl \(name)")
            try namespace.ip("tcp_metrics flush")
        }
    }

    /// Of what has left a site.
    public func counters(from site: Site) -> LineCounters { relay.counters(from: site.number) }

    /// Ends the lines and removes the namespaces. What ran inside must have been ended before.
    public func remove() {
        relay.stop()
        for namespace in namespaces { namespace.remove() }
    }

    // MARK: As a network of hosts

    public func address(_ host: Int) -> String { address(Site(number: host)) }
    public func prefix(_ host: Int) -> [String] { prefix(Site(number: host)) }
    public func isolate(_ host: Int, _ direction: IsolationDirection) {
        setBlackHole(direction != .inward, from: Site(number: host))
        relay.setDeaf(direction != .outward, host)
    }
    public func heal(_ host: Int) {
        setBlackHole(false, from: Site(number: host))
        relay.setDeaf(false, host)
    }
}
