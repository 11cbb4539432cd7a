/// Where a statement may run, from the most to the least strict.
enum StatementRoute: Int, Comparable, Sendable {
    /// A read without side effects: the local replica may answer it.
    case replica
    /// Without effects on data, but its answer may differ between members: the leader answers; without a leader any may.
    case anywhere
    /// It asks about the statement before it: where that one ran.
    case asBefore
    case leader

    static func < (one: StatementRoute, other: StatementRoute) -> Bool { one.rawValue < other.rawValue }
}

/// What a statement does to its session beyond its answer, as far as it matters to a proxy.
struct StatementEffects: OptionSet, Hashable, Sendable {
    let rawValue: UInt32

    /// Names a user variable (`@x`).
    static let userVariables = StatementEffects(rawValue: 1 << 0)
    static let temporaryTable = StatementEffects(rawValue: 1 << 1)
    /// HANDLER OPEN, GET_LOCK, PREPARE … FROM: state that lives in one server's session only.
    static let serverState = StatementEffects(rawValue: 1 << 2)
    /// CALL and whatever else may have done any of these unseen.
    static let opaque = StatementEffects(rawValue: 1 << 3)
    /// SET TRANSACTION: concerns the next transaction only, so the next statement must follow it.
    static let nextTransaction = StatementEffects(rawValue: 1 << 4)
    /// The session's reads must stay with the leader from now on: state that the proxy can't copy (SET timestamp, SET ROLE).
    static let leaderOnly = StatementEffects(rawValue: 1 << 5)
    /// Changes what the server tracks for the client.
    static let tracking = StatementEffects(rawValue: 1 << 6)
    /// May change rows or definitions; one that names the reason for a GTID.
    static let writes = StatementEffects(rawValue: 1 << 7)
    /// LOCK TABLES: until they are unlocked the server judges every statement by them.
    static let tableLocks = StatementEffects(rawValue: 1 << 8)
    /// Commits the transaction before it, whatever that was: BEGIN, LOCK TABLES, definitions.
    static let endsTransaction = StatementEffects(rawValue: 1 << 9)
    /// Asks for the number that the session's last insert was given.
    static let lastInsertID = StatementEffects(rawValue: 1 << 10)
}

/// What kind of statement a command is; of several the first counts, and ``StatementSummary/isSingle`` is false.
enum StatementVerb: Equatable, Sendable {
    case select
    /// INSERT, UPDATE, DELETE, REPLACE, and definitions of data: one statement that is done wholly or not at all.
    case atomicWrite
    case begin
    case beginReadOnly
    case commit
    case rollback
    case unlockTables
    case set
    case show
    case kill(query: Bool, id: UInt64)
    /// Only `SET @wolfscale_… = …`: meant for the proxy.
    case proxySetting
    case other
}

/// What the proxy knows of a command's text. Made by ``StatementClassifier``.
struct StatementSummary: Equatable, Sendable {
    var verb: StatementVerb
    var route: StatementRoute
    var effects: StatementEffects = []
    var isSingle = true
    /// FOUND_ROWS(): a statement that failed leaves what it tells as it was.
    var asksFoundRows = false
    /// `SET @wolfscale_consistency = …`.
    var consistency: String?
    /// `SET @wolfscale_after = …`.
    var after: String?
    /// For KILL: where in the text the number stands.
    var idRange: Range<Int>?

    /// Whether the next transaction has come with it for certain, whatever tables it is about.
    var endsWaitForTransaction: Bool {
        switch verb {
        case .atomicWrite, .begin, .beginReadOnly, .commit, .rollback: isSingle
        case .select, .unlockTables, .set, .show, .kill, .proxySetting, .other: false
        }
    }

    /// For what was not looked at: too long, or in a character set in which quotes can't be told by their bytes.
    static let unknown = StatementSummary(verb: .other, route: .leader, effects: [.opaque, .writes], isSingle: false)
}
