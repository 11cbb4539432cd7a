/// What the bearer of a token may do; each role includes the ones before it.
public enum APIRole: String, Sendable, Hashable, Codable, CaseIterable, Comparable {
    /// Status and queries.
    case read
    /// Also inserts, updates, deletes, DDL and identifiers.
    case write
    /// Also members, switchovers and whatever else changes the cluster.
    case admin

    private var rank: Int {
        switch self {
        case .read: 0
        case .write: 1
        case .admin: 2
        }
    }

    public static func < (a: APIRole, b: APIRole) -> Bool { a.rank < b.rank }
}
