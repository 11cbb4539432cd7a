import Foundation
import LabSupport
import MariaDBClient

/// What one run takes: bytes both ways, time, and how busy line and machine are.
struct WANWatch {
    private let wan: PacketWAN
    private let line: WANLine
    private let bytesBefore: (outward: Int, inward: Int)
    private var begun = 0.0
    private var busyBefore = MachineUsage.now
    private(set) var wireBytes = 0
    private(set) var lossDropped = 0
    private(set) var receiveSeconds = 0.0
    private(set) var applySeconds = 0.0
    private(set) var lineFillPercent = 0.0
    private(set) var cpuPercent = 0.0

    init(wan: PacketWAN, line: WANLine) {
        self.wan = wan
        self.line = line
        bytesBefore = (wan.counters(from: .home).bytes, wan.counters(from: .away).bytes)
    }

    private var outward: Int { wan.counters(from: .home).bytes - bytesBefore.outward }

    /// The clock runs from the first 64 KiB on: neither the start of a process nor a connection is what is compared.
    mutating func begin() throws {
        try Lab.eventually("bytes flow", within: .seconds(60), every: .milliseconds(2)) { outward >= 64 << 10 }
        begun = Workload.now
        busyBefore = MachineUsage.now
    }

    mutating func received() {
        receiveSeconds = Workload.now - begun
        wireBytes = outward + wan.counters(from: .away).bytes - bytesBefore.inward
        lineFillPercent = Double(outward) * 8 / (line.megabits * 1_000_000) / receiveSeconds * 100
        cpuPercent = MachineUsage.now.percentBusy(since: busyBefore)
    }

    mutating func applied() { applySeconds = Workload.now - begun }
}

/// The machine's CPU time since it started, in ticks.
struct MachineUsage {
    var busy = 0.0
    var total = 0.0

    static var now: MachineUsage {
        guard let text = FileManager.default.contents(atPath: "/proc/stat").map({ String(decoding: $0, as: UTF8.self) })
        else { return MachineUsage() }
        let fields = text.prefix { $0 != "\n" }.split(separator: " ").dropFirst().compactMap { Double($0) }
        let total = fields.prefix(8).reduce(0, +)
        // idle and iowait
        return MachineUsage(busy: total - fields.dropFirst(3).prefix(2).reduce(0, +), total: total)
    }

    func percentBusy(since before: MachineUsage) -> Double {
        total > before.total ? (busy - before.busy) / (total - before.total) * 100 : 0
    }
}

/// How long ago the leader had what the follower has now, sampled every few milliseconds.
final class LagSampler: @unchecked Sendable {
    private let leader: LabNode
    private let follower: any WANFollower
    private let lock = NSLock()
    private var stopped = false
    private var lags: [Double] = []
    private let finished = DispatchSemaphore(value: 0)

    init(leader: LabNode, follower: any WANFollower) {
        self.leader = leader
        self.follower = follower
    }

    func start() {
        Thread { [self] in
            do { try sample() } catch { progress("the lag can't be sampled: \(error)") }
            finished.signal()
        }.start()
    }

    func stop() -> [Double] {
        lock.withLock { stopped = true }
        finished.wait()
        return lags
    }

    private func sample() throws {
        let session = try leader.administrator()
        var history: [(time: Double, sequence: UInt64)] = []
        while !lock.withLock({ stopped }) {
            history.append((Workload.now, try ReplicatedLoad.sequence(session)))
            let applied = try follower.appliedSequence()
            // The first moment at which the leader had more than is applied: since then the follower is behind.
            let missing = history.first { $0.sequence > applied }
            lags.append(missing.map { Workload.now - $0.time } ?? 0)
            usleep(5_000)
        }
    }
}
