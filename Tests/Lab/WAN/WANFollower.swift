import Foundation
import Glibc
import LabSupport
import MariaDBClient

/// Who receives over the line. Positions are the leader's sequence numbers.
protocol WANFollower: AnyObject {
    /// Starts to listen.
    func begin() throws
    /// Durable away, applied or not.
    func hasReceived(_ sequence: UInt64) throws -> Bool
    func hasApplied(_ sequence: UInt64) throws -> Bool
    func appliedSequence() throws -> UInt64
    func end()
}

/// A learner's agent and its managed server.
final class WANLearner: WANFollower {
    private let node: LabNode
    private let leader: LabNode
    private var session: SQLSession?
    private var wanted: UInt64?

    init(node: LabNode, leader: LabNode) {
        self.node = node
        self.leader = leader
    }

    func begin() throws { try node.start(.again) }

    /// The sequence is the end of what was written, so it is there when the leader's whole log is.
    func hasReceived(_ sequence: UInt64) throws -> Bool {
        let last = try wanted ?? leader.status().log.committedLsn
        wanted = last
        return try node.status().log.durableLsn >= last
    }

    func hasApplied(_ sequence: UInt64) throws -> Bool { try appliedSequence() >= sequence }

    func appliedSequence() throws -> UInt64 {
        let session = try session ?? node.administrator()
        self.session = session
        return try ReplicatedLoad.sequence(session)
    }

    func end() {
        session = nil
        node.endAgent(SIGTERM)
    }
}

/// A server under native replication.
final class WANNativeReplica: WANFollower {
    private let server: NativeServer

    init(server: NativeServer) { self.server = server }

    func begin() throws { try server.session().query("START SLAVE") }
    func hasReceived(_ sequence: UInt64) throws -> Bool {
        let error = try server.replicationError()
        guard error.isEmpty else { throw LabError(error) }
        return try ReplicatedLoad.sequence(server.receivedPosition()) >= sequence
    }
    func hasApplied(_ sequence: UInt64) throws -> Bool { try appliedSequence() >= sequence }
    func appliedSequence() throws -> UInt64 { try ReplicatedLoad.sequence(server.appliedPosition()) }
    func end() { server.remove() }
}
