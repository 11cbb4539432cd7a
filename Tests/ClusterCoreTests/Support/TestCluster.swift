import ClusterCore

/// A cluster whose messages are carried by hand: everything sent is delivered at once and in order, unless a node is cut off.
/// Disks sync at once, unless held back.
struct TestCluster {
    struct Node {
        var raft: Raft
        var batches: [BatchDescriptor]
        /// The end of what it reported durable.
        var isDiskHeld = false
        var notices: [RaftNotice] = []
        var committed: LSN = .zero
    }

    private(set) var nodes: [NodeNumber: Node] = [:]
    var now = ms(1)
    var cutOff: Set<NodeNumber> = []
    /// Messages that are lost whoever sends them.
    var isLost: (RaftMessage) -> Bool = { _ in false }
    private var inFlight: [(from: NodeNumber, to: NodeNumber, message: RaftMessage)] = []

    init(_ rafts: [Raft]) {
        for raft in rafts { nodes[raft.node] = Node(raft: raft, batches: TestCluster.batches(of: raft.log)) }
    }

    init(_ membership: Membership) { self.init(membership.members.map { raft($0.number.rawValue, of: membership) }) }

    /// One entry a batch, as far as a test log goes.
    private static func batches(of log: LogSummary) -> [BatchDescriptor] {
        guard log.last > log.base.lsn else { return [] }
        return (log.base.lsn.next.rawValue...log.last.rawValue).map { lsn in
            BatchDescriptor(first: LSN(lsn), count: 1, term: log.term(at: LSN(lsn)) ?? .zero, bytes: 1)
        }
    }

    subscript(number: UInt16) -> Raft { nodes[node(number)]!.raft }
    func notices(of number: UInt16) -> [RaftNotice] { nodes[node(number)]!.notices }
    func batches(of number: UInt16) -> [BatchDescriptor] { nodes[node(number)]!.batches }
    mutating func forgetNotices() { for number in nodes.keys { nodes[number]?.notices.removeAll() } }
    mutating func add(_ raft: Raft) { nodes[raft.node] = Node(raft: raft, batches: TestCluster.batches(of: raft.log)) }
    mutating func holdDisk(of number: UInt16, _ held: Bool) {
        nodes[node(number)]?.isDiskHeld = held
        if !held { syncDisk(of: node(number)) }
        settle()
    }

    var leader: UInt16? {
        nodes.values.filter { $0.raft.role == .leader }.max { $0.raft.term < $1.raft.term }?.raft.node.rawValue
    }

    mutating func handle(_ event: RaftEvent, at number: UInt16) {
        apply(event, at: node(number))
        settle()
    }

    mutating func propose(_ count: Int = 1, at number: UInt16) throws {
        let batch = try nodes[node(number)]!.raft.propose(count: count, bytes: count)
        nodes[node(number)]!.batches.append(batch)
        syncDisk(of: node(number))
        for peer in self[number].peers { pump(node(number), to: peer.peer) }
        settle()
    }

    mutating func propose(_ membership: Membership, at number: UInt16) throws {
        let effects = try nodes[node(number)]!.raft.propose(membership, bytes: 10, now: now)
        carryOut(effects, at: node(number))
        settle()
    }

    /// Lets time pass in ticks of 10 ms.
    mutating func pass(_ milliseconds: UInt64) {
        for _ in 0..<(milliseconds / 10) {
            now = Instant(nanoseconds: now.nanoseconds + 10_000_000)
            for number in nodes.keys.sorted() { apply(.tick, at: number) }
            settle()
        }
    }

    mutating func elect(_ number: UInt16) {
        handle(.campaign, at: number)
        precondition(self[number].role == .leader, "node \(number) was not elected: \(notices(of: number))")
    }

    // MARK: Carrying out

    private mutating func settle() {
        var delivered = 0
        while !inFlight.isEmpty {
            let (from, to, message) = inFlight.removeFirst()
            delivered += 1
            precondition(delivered < 10_000, "the messages never end")
            guard nodes[to] != nil, !cutOff.contains(from), !cutOff.contains(to), !isLost(message) else { continue }
            apply(.message(from: from, message), at: to)
        }
    }

    private mutating func apply(_ event: RaftEvent, at number: NodeNumber) {
        guard let effects = nodes[number]?.raft.handle(event, now: now) else { return }
        carryOut(effects, at: number)
    }

    private mutating func carryOut(_ effects: RaftEffects, at number: NodeNumber) {
        if let lsn = effects.truncateAfter { nodes[number]?.batches.removeAll { $0.last > lsn } }
        if effects.restartLogAfter != nil { nodes[number]?.batches.removeAll() }
        nodes[number]?.batches.append(contentsOf: effects.store)
        if let batch = effects.append { nodes[number]?.batches.append(batch) }
        nodes[number]?.notices.append(contentsOf: effects.notices)
        if let committed = effects.committed { nodes[number]?.committed = committed }
        for outbound in effects.messages { inFlight.append((number, outbound.to, outbound.message)) }
        for peer in effects.pump { pump(number, to: peer) }
        if effects.append != nil || !effects.store.isEmpty { syncDisk(of: number) }
    }

    private mutating func syncDisk(of number: NodeNumber) {
        guard let node = nodes[number], !node.isDiskHeld, let end = node.batches.last?.end else { return }
        apply(.durable(end), at: number)
    }

    private mutating func pump(_ number: NodeNumber, to peer: NodeNumber) {
        while let request = nodes[number]?.raft.nextAppend(to: peer) {
            let rest = nodes[number]!.batches.drop { $0.last <= request.prev.lsn }
            let batches = request.mayCarryEntries ? Array(rest.prefix(3)) : []
            inFlight.append((number, peer, request.message(carrying: batches)))
            nodes[number]!.raft.sent(request, to: peer, through: batches.last?.last ?? request.prev.lsn)
        }
    }
}
