import Foundation
import Glibc
import LabSupport
import MariaDBClient

/// Home and away with an emulated line between them: at home a cluster, away one learner for each line and native replicas made
/// as needed, all of the same leader. Only one of those away runs at a time.
final class WANSites {
    let workload: ReplicatedLoad
    let wan: PacketWAN
    let cluster: LabCluster
    let leader: LabNode
    private let learners: [WANLine: LabNode]
    /// A native replica that is stopped where the backlog begins; each run takes a copy.
    private let model: NativeServer
    private var copies = 0
    private(set) var backlog = (bytes: 0, transactions: 0)

    init(workload: ReplicatedLoad, lines: [WANLine], homeVoters: Int, link: [String], tls: Bool, seed: UInt64) throws {
        self.workload = workload
        wan = try PacketWAN(.ideal, seed: seed)
        let cluster = try LabCluster(name: "bench-wan", settings: link.isEmpty ? [:] : ["link": link], tls: tls)
        self.cluster = cluster
        do {
            for _ in 1...homeVoters { try cluster.addNode(host: wan.address(.home), prefix: wan.prefix(.home)) }
            var learners: [WANLine: LabNode] = [:]
            for line in lines where learners[line] == nil {
                learners[line] = try cluster.addNode(
                    host: wan.address(.away), prefix: wan.prefix(.away), more: ["node": ["role = \"learner\""]])
            }
            self.learners = learners
            try cluster.start(cluster.nodes.count)
            leader = try cluster.leader()
            try leader.administrator().query("CREATE USER repl@'%' IDENTIFIED BY 'repl'")
            try leader.administrator().query("GRANT REPLICATION SLAVE ON *.* TO repl@'%'")
            try workload.prepare(leader)
            try cluster.waitUntilApplied(within: .seconds(300))
            model = try NativeServer(
                like: leader, folder: cluster.folder + "/native", serverID: 9_000, prefix: wan.prefix(.away))
            try model.install()
            try model.start()
            try Self.follow(model, leader)
            try settle()
        } catch {
            cluster.remove()
            wan.remove()
            throw error
        }
    }

    func remove() {
        model.kill()
        cluster.remove()
        wan.remove()
    }

    private static func follow(_ server: NativeServer, _ leader: LabNode) throws {
        try server.follow(
            host: leader.host, port: leader.databasePort, user: "repl", password: "repl", semiSync: false)
    }

    private static func waitUntilApplied(_ server: NativeServer, _ leader: LabNode) throws {
        let wanted = try ReplicatedLoad.sequence(leader.administrator())
        try Lab.eventually("the native replica has caught up", within: .seconds(600), every: .milliseconds(100)) {
            let error = try server.replicationError()
            guard error.isEmpty else { throw LabError(error) }
            return try ReplicatedLoad.sequence(server.appliedPosition()) >= wanted
        }
    }

    /// Brings everybody away to where the leader is, and stops them there.
    private func settle() throws {
        wan.set(.ideal)
        try model.session().query("START SLAVE")
        try Self.waitUntilApplied(model, leader)
        model.stop()
        for learner in learners.values where !learner.agentIsRunning { try learner.start(.again) }
        try cluster.waitUntilApplied(within: .seconds(600))
        for learner in learners.values { learner.endAgent(SIGTERM) }
    }

    /// Written while nobody away listens.
    func writeBacklog(megabytes: Int) throws {
        try model.start()
        try settle()
        backlog = try workload.write(leader, binlogBytes: megabytes << 20)
    }

    // MARK: Followers

    /// A follower away that has what the backlog begins with, and does not listen yet.
    private func makeFollower(_ contender: WANContender, _ line: WANLine) throws -> any WANFollower {
        switch contender.kind {
        case .wolfscale:
            guard let learner = learners[line] else { throw LabError("no learner for \(line)") }
            return WANLearner(node: learner, leader: leader)
        case .native, .nativeCompressed:
            copies += 1
            let copy = try NativeServer(
                like: leader, folder: cluster.folder + "/native-\(copies)", serverID: 9_000 + copies,
                prefix: wan.prefix(.away))
            try copy.install(from: model)
            try copy.start()
            let compressed = contender.kind == .nativeCompressed ? "ON" : "OFF"
            // Both ends must agree to it.
            try leader.administrator().query("SET GLOBAL slave_compressed_protocol = \(compressed)")
            try copy.session().query("SET GLOBAL slave_compressed_protocol = \(compressed)")
            try Self.follow(copy, leader)
            return WANNativeReplica(server: copy)
        }
    }

    // MARK: Measurements

    func measureBacklog(_ contender: WANContender, _ line: WANLine) throws -> WANResult {
        wan.set(line.line)
        try wan.setCongestion(contender.hostCongestion)
        let follower = try makeFollower(contender, line)
        defer { follower.end() }
        let target = try ReplicatedLoad.sequence(leader.administrator())
        let expected = Double(backlog.bytes) * 8 / (line.megabits * 1_000_000)
        var watch = WANWatch(wan: wan, line: line)
        try follower.begin()
        try watch.begin()
        let limit = Duration.seconds(180 + expected * 12)
        try Lab.eventually("\(contender) has received the backlog", within: limit, every: .milliseconds(50)) {
            try follower.hasReceived(target)
        }
        watch.received()
        try Lab.eventually("\(contender) has applied the backlog", within: .seconds(1_200), every: .milliseconds(100)) {
            try follower.hasApplied(target)
        }
        watch.applied()
        return WANResult(
            workload: workload, line: line, contender: contender, measured: .backlog(watch, backlog),
            agentPeakMB: agentPeakMB(contender, line))
    }

    func measureSteady(_ contender: WANContender, _ line: WANLine, seconds: Int) throws -> WANResult {
        wan.set(.ideal)
        try wan.setCongestion(contender.hostCongestion)
        let follower = try makeFollower(contender, line)
        defer { follower.end() }
        try follower.begin()
        let before = try ReplicatedLoad.sequence(leader.administrator())
        try Lab.eventually("\(contender) has caught up", within: .seconds(300), every: .milliseconds(100)) {
            try follower.hasApplied(before)
        }
        wan.set(line.line)
        let lag = LagSampler(leader: leader, follower: follower)
        lag.start()
        try workload.writeSteadily(leader, perSecond: 500, seconds: seconds)
        let lags = lag.stop()
        let done = try ReplicatedLoad.sequence(leader.administrator()) - before
        return WANResult(
            workload: workload, line: line, contender: contender,
            measured: .steady(lags, perSecond: Double(done) / Double(seconds)),
            agentPeakMB: agentPeakMB(contender, line))
    }

    private func agentPeakMB(_ contender: WANContender, _ line: WANLine) -> Double? {
        guard contender.kind == .wolfscale else { return nil }
        return ([learners[line]] + cluster.nodes).compactMap { $0?.agentPID }.map(ProcessUsage.peakResidentMB).max()
    }
}
