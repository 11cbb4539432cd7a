import ClusterCore

/// A node of the simulation: its Raft while it runs, its disk for ever.
final class SimulatedNode {
    let index: Int
    let number: NodeNumber
    var disk = SimulatedDisk()
    var clock: SimulatedClock
    var seed: UInt64

    /// nil while it is down.
    var raft: Raft?
    /// The log as Raft sees it: what is synced and what is not yet.
    var log = SimulatedLog()
    /// Counts the starts; what was meant for an earlier life is dropped.
    var life = 0
    /// Committed batches are compared with the ledger up to here.
    var checked = LSN.zero
    var isPaused = false
    /// Durability reports come in the order of the syncs.
    var lastReport: UInt64 = 0
    /// Peers to which an append waits for the link or the disk.
    var waitingLinks: Set<NodeNumber> = []

    init(index: Int, seed: UInt64, clock: SimulatedClock) {
        self.index = index
        number = NodeNumber(UInt16(index + 1))
        self.seed = seed
        self.clock = clock
    }

    func start(_ time: UInt64) throws {
        life += 1
        seed &+= 0x1234_5678_9ABC_DEF1
        log = disk.synced
        let configuration = RaftConfiguration(
            node: number, electionTimeoutMin: .milliseconds(150), electionTimeoutMax: .milliseconds(300),
            heartbeatInterval: .milliseconds(30), seed: seed)
        raft = Raft(
            configuration: configuration, hardState: disk.hardState,
            log: try LogSummary(base: log.base, runs: log.termRuns, last: log.last),
            memberships: disk.memberships, committed: log.base.lsn, now: clock.local(time))
        checked = log.base.lsn
        lastReport = 0
        isPaused = false
        waitingLinks.removeAll()
    }
}
