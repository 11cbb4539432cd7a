import ClusterCore
import Gateway
import NIOCore
import Probes
import WANLink
import WriteAheadLog

/// Makes what the proxy knows of the cluster out of what the node knows, and tells it when that changes.
@NodeLoop
final class ProxyTopology {
    /// Whose database takes writes: a new key is a new epoch, and sessions move.
    private struct Key: Equatable {
        var leader: NodeNumber
        var term: Term
        var address: BackendAddress
    }

    private unowned let node: Node
    private let proxy: MySQLProxy
    private var key: Key?
    private var epoch: UInt64 = 0
    private var told: ProxyView?
    /// Since when no leader is known.
    private var leaderlessSince: ClusterCore.Instant?

    init(node: Node, proxy: MySQLProxy) {
        self.node = node
        self.proxy = proxy
    }

    func refresh() {
        let view = view
        guard view != told else { return }
        told = view
        proxy.update(view)
    }

    /// Tells the proxy until when reads at the leader may count on its being the leader.
    func renewLease() {
        let now = Consensus.now
        let left = node.consensus.raft.leaderKnownUntil.map { $0.duration(since: now) } ?? .zero
        proxy.trustLeader(for: .nanoseconds(Int64(min(left, .seconds(3_600)) / .nanoseconds(1))))
    }

    private var view: ProxyView {
        var view = ProxyView(reason: reason)
        if let now = leader {
            if now != key {
                key = now
                epoch += 1
            }
            view.leader = ProxyView.Leader(address: now.address, epoch: epoch)
            view.reason = ""
            leaderlessSince = nil
        } else {
            leaderlessSince = leaderlessSince ?? Consensus.now
        }
        view.replicas = replica.map { [ProxyView.Replica(address: $0)] } ?? []
        return view
    }

    private var leader: Key? {
        let raft = node.consensus.raft
        if raft.role == .leader {
            guard case .primary = node.driver?.tenure.state else { return nil }
            return Key(leader: node.identity.number, term: raft.term, address: local)
        }
        guard let number = raft.leader, let report = node.reports[number]?.content, report.database == "primary",
            report.term == raft.term, let member = raft.membership[number]
        else { return nil }
        return Key(leader: number, term: raft.term, address: address(of: member, report))
    }

    /// Another machine's database is reached through that machine's agent if so configured; then it may listen on loopback only.
    private func address(of member: Member, _ report: PeerReport) -> BackendAddress {
        if node.configuration.proxy.tunnel { return .member(member.number.rawValue) }
        guard let sql = report.sql.flatMap({ PeerAddress($0) }) else { return .member(member.number.rawValue) }
        let isElsewhere = PeerAddress(member.address).map { !$0.isLoopback } ?? true
        return sql.isLoopback && isElsewhere
            ? .member(member.number.rawValue) : .tcp(host: sql.host, port: sql.port)
    }

    private var local: BackendAddress {
        let address = node.configuration.localSQL
        guard let socket = node.configuration.socketPath else { return .tcp(host: address.host, port: address.port) }
        return .local(socket: socket, host: address.host, port: address.port)
    }

    private var replica: BackendAddress? {
        guard case .replica = node.driver?.tenure.state, node.consensus.raft.role != .leader else { return nil }
        let bound = node.configuration.proxy.maxStalenessSeconds
        guard bound > 0 else { return local }
        var behind = node.driver?.monitor?.channel?.secondsBehind.map { Duration.seconds($0) } ?? .zero
        if let leaderlessSince { behind += Consensus.now.duration(since: leaderlessSince) }
        return behind <= .seconds(bound) ? local : nil
    }

    private var reason: String {
        let raft = node.consensus.raft
        guard let number = raft.leader else { return "no member is leader" }
        let id = raft.membership[number]?.id ?? "\(number)"
        return "\(id) leads, and its database is not writable yet"
    }
}
