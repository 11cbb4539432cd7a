import ClusterCore
import Foundation
import GRDB
import NIOCore

/// Which node of which cluster this is.
public struct Identity: Hashable, Sendable {
    public var clusterName: String
    public var clusterID: String
    public var nodeID: String
    public var number: NodeNumber
    public var clusterSecret: [UInt8]

    public init(clusterName: String, clusterID: String, nodeID: String, number: NodeNumber, clusterSecret: [UInt8]) {
        self.clusterName = clusterName
        self.clusterID = clusterID
        self.nodeID = nodeID
        self.number = number
        self.clusterSecret = clusterSecret
    }
}

extension StateStore {
    /// Term zero and no vote when none was ever saved.
    public func loadHardState() throws(StateStoreError) -> HardState {
        try read { db in
            guard let row = try Row.fetchOne(db, sql: "SELECT term, voted_for FROM hard_state") else {
                return HardState()
            }
            let vote: Int64? = row["voted_for"]
            return HardState(term: Term(UInt64(stored: row["term"])), votedFor: try vote.map { try self.number($0) })
        }
    }

    /// Durable on return.
    public func save(_ state: HardState) throws(StateStoreError) {
        try write { db in
            try db.cachedStatement(sql: "INSERT OR REPLACE INTO hard_state (id, term, voted_for) VALUES (1, ?, ?)")
                .execute(arguments: [
                    Int64(stored: state.term.rawValue), state.votedFor.map { Int64($0.rawValue) },
                ])
        }
    }

    /// Nil before the node was made or joined.
    public func loadIdentity() throws(StateStoreError) -> Identity? {
        try read { db in
            guard let row = try Row.fetchOne(db, sql: "SELECT * FROM identity") else { return nil }
            let secret: Data = row["cluster_secret"]
            return Identity(
                clusterName: row["cluster_name"], clusterID: row["cluster_id"], nodeID: row["node_id"],
                number: try self.number(row["number"]), clusterSecret: [UInt8](secret))
        }
    }

    /// Durable on return.
    public func save(_ identity: Identity) throws(StateStoreError) {
        try write { db in
            try db.execute(
                sql: "INSERT OR REPLACE INTO identity VALUES (1, ?, ?, ?, ?, ?)",
                arguments: [
                    identity.clusterName, identity.clusterID, identity.nodeID, Int64(identity.number.rawValue),
                    Data(identity.clusterSecret),
                ])
        }
    }

    private func number(_ value: Int64) throws -> NodeNumber {
        guard let raw = UInt16(exactly: value), let number = NodeNumber(rawValue: raw) else {
            throw StateStoreError.nonsense(path: path, what: "\(value) is no node's number")
        }
        return number
    }
}

extension StateStore {
    /// How many memberships are kept.
    public static let membershipsMax = 16

    /// Keeps a membership under the LSN of its entry (zero for one that came from outside the log). Durable on return.
    public func save(_ membership: StoredMembership) throws(StateStoreError) {
        try write { db in
            try db.execute(
                sql: "INSERT OR REPLACE INTO membership VALUES (?, ?)",
                arguments: [Int64(stored: membership.lsn.rawValue), Data(membership.body.readableBytesView)])
            try db.execute(
                sql: """
                    DELETE FROM membership WHERE lsn NOT IN (SELECT lsn FROM membership ORDER BY lsn DESC LIMIT ?)
                    """, arguments: [Self.membershipsMax])
        }
    }

    /// Forgets memberships of entries that were cut. Durable on return.
    public func removeMemberships(after lsn: LSN) throws(StateStoreError) {
        try write { db in
            try db.execute(sql: "DELETE FROM membership WHERE lsn > ?", arguments: [Int64(stored: lsn.rawValue)])
        }
    }

    /// All kept, ascending.
    public func memberships() throws(StateStoreError) -> [StoredMembership] {
        try read { db in
            try Row.fetchAll(db, sql: "SELECT lsn, body FROM membership ORDER BY lsn").map { row in
                let body: Data = row["body"]
                return StoredMembership(lsn: LSN(UInt64(stored: row["lsn"])), body: ByteBuffer(bytes: body))
            }
        }
    }
}
