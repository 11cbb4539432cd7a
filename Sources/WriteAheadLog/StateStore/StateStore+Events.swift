import ClusterCore
import Foundation
import GRDB

/// Something that happened to this node or its cluster, with the reason, kept for people to read.
public struct Event: Hashable, Sendable {
    public var time: Date
    /// A short word, such as `failover`.
    public var kind: String
    public var reason: String
    public var details: [String: String]
    public var term: Term?
    public var lsn: LSN?

    public init(
        time: Date, kind: String, reason: String, details: [String: String] = [:], term: Term? = nil, lsn: LSN? = nil
    ) {
        self.time = time
        self.kind = kind
        self.reason = reason
        self.details = details
        self.term = term
        self.lsn = lsn
    }
}

extension StateStore {
    /// How many events are kept at most; the oldest go.
    public static let eventsMax = 10_000
    /// They go in steps of so many.
    private static let eventsStep = 100

    /// Not durably: an election does not wait for its own history.
    public func record(_ event: Event) throws(StateStoreError) {
        try writeRelaxed { db in
            let details = String(decoding: try JSONEncoder().encode(event.details), as: UTF8.self)
            try db.cachedStatement(
                sql: "INSERT INTO event (time_ms, kind, reason, details, term, lsn) VALUES (?, ?, ?, ?, ?, ?)"
            ).execute(arguments: [
                Int64((event.time.timeIntervalSince1970 * 1000).rounded()), event.kind, event.reason, details,
                event.term.map { Int64(stored: $0.rawValue) }, event.lsn.map { Int64(stored: $0.rawValue) },
            ])
            let newest = db.lastInsertedRowID
            if newest % Int64(Self.eventsStep) == 0 {
                let kept = Int64(Self.eventsMax - Self.eventsStep)
                try db.execute(sql: "DELETE FROM event WHERE id <= ?", arguments: [newest - kept])
            }
        }
    }

    /// The newest `count` events, oldest first.
    public func events(last count: Int) throws(StateStoreError) -> [Event] {
        try read { db in
            let rows = try Row.fetchAll(
                db, sql: "SELECT * FROM event ORDER BY id DESC LIMIT ?", arguments: [min(count, Self.eventsMax)])
            return try rows.reversed().map { row in
                let time: Int64 = row["time_ms"]
                let details: String = row["details"]
                let term: Int64? = row["term"]
                let lsn: Int64? = row["lsn"]
                return Event(
                    time: Date(timeIntervalSince1970: Double(time) / 1000), kind: row["kind"], reason: row["reason"],
                    details: try JSONDecoder().decode([String: String].self, from: Data(details.utf8)),
                    term: term.map { Term(UInt64(stored: $0)) }, lsn: lsn.map { LSN(UInt64(stored: $0)) })
            }
        }
    }
}
