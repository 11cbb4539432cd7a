import ClusterCore
import Gateway
import Logging
import NIOCore

/// What a node tells the others about itself twice a second, for `/cluster` and for the choice of an heir.
struct PeerReport: Codable, Sendable {
    var applied: LSN
    var last: LSN
    /// As in `/status`: the tenure's word for the database.
    var database: String
    /// Whether the database could become the primary.
    var mayLead: Bool
    /// Raft's term; missing in reports of older versions, as what follows.
    var term: Term?
    /// `host:port` of the database, as far as that is reachable from elsewhere.
    var sql: String?
    /// The leader's word on who needs entries that its log no longer has.
    var leftBehind: [NodeNumber]?
    /// How old the oldest transaction is that the database has not applied; nil when that is not known.
    var lagSeconds: Double?
    /// The leader's word on how far the members have to go that are far behind, by their numbers.
    var catchUps: [String: CatchUp]?
    /// Of a bridge's member: its site.
    var site: BridgeSiteStatus?
    /// Tells which of the HTTP API's tokens it knows.
    var tokens: String?
}

/// A report and when it came.
struct ReceivedReport: Sendable {
    var content: PeerReport
    var at: ClusterCore.Instant
}

extension Node {
    var ownReport: PeerReport {
        PeerReport(
            applied: appliedLSN, last: consensus.raft.last,
            database: driver?.tenure.state.name ?? bridge?.bridge.state.name ?? "none",
            mayLead: consensus.raft.mayLead, term: consensus.raft.term,
            sql: driver == nil ? nil : configuration.advertisedSQL,
            leftBehind: leftBehind.isEmpty ? nil : leftBehind, lagSeconds: lagSeconds, catchUps: namedCatchUps,
            site: bridge?.siteStatus(configuration.node.site), tokens: tokens?.fingerprint)
    }

    private var namedCatchUps: [String: CatchUp]? {
        let catchUps = flow.catchUps
        return catchUps.isEmpty ? nil : Dictionary(uniqueKeysWithValues: catchUps.map { ("\($0.key)", $0.value) })
    }

    /// Everything of the log through here is in the local database; a witness has none and counts what is committed.
    var appliedLSN: LSN {
        if let bridge { return bridge.isSource ? consensus.raft.committed : bridge.applied }
        guard let driver else { return consensus.raft.committed }
        if case .primary = driver.tenure.state { return consensus.raft.committed }
        return driver.monitor?.applied ?? .zero
    }

    func received(_ report: ByteBuffer, from peer: NodeNumber) {
        do {
            let received = ReceivedReport(content: try report.decodeJSON(PeerReport.self), at: Consensus.now)
            reports[peer] = received
            tokens?.heard(received.content.tokens, from: peer, now: received.at)
            onChange?()
        } catch { logger.debug("a report can't be read", metadata: ["peer": "\(peer)", "error": "\(error)"]) }
    }

    /// The voter to hand leadership to: the most caught-up one whose database could serve. Nil leaves it to Raft.
    var heir: NodeNumber? {
        consensus.raft.peers
            .filter { $0.votes && $0.state == .replicate && reports[$0.peer]?.content.database == "replica" }
            .max { $0.match < $1.match }?.peer
    }
}
