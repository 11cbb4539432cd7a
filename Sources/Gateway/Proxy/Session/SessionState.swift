import ClusterCore
import MariaDBWire

/// What a client's session is, apart from any one database connection: enough to make another connection the same.
struct SessionState {
    struct Variable: Equatable {
        var value: String
        /// The ``version`` at which it changed.
        var version: UInt64
    }

    /// The default schema; nil for none.
    var schema: String?
    /// System variables that the session changed, as the server told them.
    private(set) var variables: [String: Variable] = [:]
    /// The last `SET NAMES …` or `SET CHARACTER SET …`: its collation is not told by the server.
    private(set) var names: Variable?
    /// Counts the changes of variables.
    private(set) var version: UInt64 = 0
    /// The flags of the last answer.
    var flags: ServerStatus = .autocommit
    /// What of the session lives in one server only.
    var effects: StatementEffects = []
    /// Everything that a causal read must see.
    var token = GTIDPosition()
    /// The session wrote and its GTID was not told (an answer without room for it): it must be asked for.
    var tokenIsUnknown = false
    var consistency: ReadConsistency
    var tracking: ClientTracking
    /// COM_SET_OPTION's last word; nil when the handshake's flag holds.
    var multiStatements: Bool?

    init(consistency: ReadConsistency, tracking: ClientTracking) {
        self.consistency = consistency
        self.tracking = tracking
    }

    var isInTransaction: Bool { flags.contains(.inTransaction) || !flags.contains(.autocommit) }

    var dialect: SQLDialect {
        var dialect: SQLDialect = []
        if flags.contains(.ansiQuotes) { dialect.insert(.ansiQuotes) }
        if flags.contains(.noBackslashEscapes) { dialect.insert(.noBackslashEscapes) }
        return dialect
    }

    // MARK: What the server tells

    mutating func changed(_ name: String, to value: String) {
        switch name {
        case "last_gtid": note(gtid: value)
        // Of one statement, of one server, or ours.
        case "timestamp", "insert_id", "last_insert_id", "identity", "rand_seed1", "rand_seed2", "pseudo_thread_id",
            "gtid_seq_no", "warning_count", "error_count", "in_transaction",
            "session_track_system_variables", "session_track_schema", "session_track_state_change",
            "session_track_transaction_info":
            break
        default:
            version += 1
            variables[name] = Variable(value: value, version: version)
            if name == "sql_mode", value.contains("ORACLE") { effects.insert(.leaderOnly) }
        }
    }

    mutating func note(gtid text: String) {
        guard let gtid = GTID(text) else { return }
        token.advance(to: gtid)
    }

    /// - Parameter statement: `SET NAMES …`, done by a server.
    mutating func changedNames(_ statement: String) {
        version += 1
        names = Variable(value: statement, version: version)
        for name in Self.characterSets { variables[name] = nil }
    }

    static let characterSets = [
        "character_set_client", "character_set_connection", "character_set_results", "collation_connection",
    ]

    /// COM_RESET_CONNECTION: as after a login, in the same schema.
    mutating func reset() {
        variables = [:]
        names = nil
        version += 1
        effects = []
        multiStatements = nil
        tracking.variables = ClientTracking.defaults
    }

    // MARK: What another connection must be told

    /// The statements that bring a connection from an earlier version to this one.
    ///
    /// - Parameter isReplica: a replica's connection keeps its own transaction modes.
    func statements(since version: UInt64, isReplica: Bool) -> [String] {
        var statements: [String] = []
        if let names, names.version > version { statements.append(names.value) }
        let own: Set<String> = isReplica ? ["tx_read_only", "transaction_read_only", "autocommit"] : []
        let assignments = variables.filter { $0.value.version > version && !own.contains($0.key) }
            .sorted { $0.value.version < $1.value.version }
            .map { "\($0.key)=\(Self.literal($0.key, $0.value.value))" }
        if !assignments.isEmpty { statements.append("SET SESSION " + assignments.joined(separator: ",")) }
        return statements
    }

    /// A tracked value as SQL: numbers bare, everything else as a hexadecimal literal when quotes would not do.
    static func literal(_ name: String, _ value: String) -> String {
        if value.isEmpty { return name == "character_set_results" ? "NULL" : "''" }
        if isNumber(value) { return value }
        if value.utf8.allSatisfy({ $0 != UInt8(ascii: "'") && $0 != UInt8(ascii: "\\") && $0 >= 0x20 }) {
            return "'\(value)'"
        }
        return "0x"
            + value.utf8.map { byte in
                let digits = String(byte, radix: 16)
                return digits.count == 1 ? "0" + digits : digits
            }.joined()
    }

    private static func isNumber(_ text: String) -> Bool {
        let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
        guard let first = digits.utf8.first, (0x30...0x39).contains(first) else { return false }
        return digits.utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }
            && digits.utf8.count(where: { $0 == UInt8(ascii: ".") }) <= 1
    }
}
