import MariaDBClient

/// One INSERT, REPLACE, UPDATE or DELETE in the client's own words, with a value for each `?`: what may stand in a
/// transaction of `POST /write/transaction`. It can't end the transaction, leave anything in the session, or write files.
struct DMLStatement: Sendable, Hashable {
    let sql: String
    let parameters: [SQLValue]

    init(_ sql: String, parameters: [SQLValue]) throws(Problem) {
        if let reason = DMLStatement.refusal(sql, dialect: []) { throw .badRequest(reason) }
        let marks = SQLText(sql, dialect: []).parameterCount
        guard marks == parameters.count else {
            throw .badRequest("The statement has \(marks) '?', and 'params' has \(parameters.count) values.")
        }
        self.sql = sql
        self.parameters = parameters
    }

    /// Why `sql` may not be executed in somebody's transaction; nil when it may.
    /// - Parameter dialect: the session's, on which it depends where a string ends.
    static func refusal(_ sql: String, dialect: SQLDialect) -> String? {
        let text = SQLText(sql, dialect: dialect)
        guard let verb = text.firstWord else { return "The field 'sql' holds no statement." }
        if let reason = reasons[verb] { return "\(verb) is not possible here: \(reason)." }
        guard verbs.contains(verb) else {
            return "The field 'sql' takes INSERT, REPLACE, UPDATE or DELETE; it begins with '\(verb.prefix(40))'."
        }
        guard text.summary.isSingle else {
            return "The field 'sql' takes one statement; put the others in operations of their own."
        }
        if text.summary.effects.contains(.userVariables) {
            return "User variables (@…) would outlive the request; send values in 'params'."
        }
        if text.summary.effects.contains(.serverState) {
            return "A lock by name would outlive the request; a row locked by the transaction does not."
        }
        if text.summary.effects.contains(.opaque) {
            return "The statement has an executable comment, or a string, name or comment without its end."
        }
        if let word = text.words.first(where: { ["RETURNING", "OUTFILE", "DUMPFILE"].contains($0) }) {
            return word == "RETURNING"
                ? "RETURNING is not possible here: an operation answers its counts only."
                : "INTO \(word) is not possible here."
        }
        return nil
    }

    private static let verbs: Set<String> = ["INSERT", "REPLACE", "UPDATE", "DELETE"]

    private static let reasons: [String: String] = {
        var reasons: [String: String] = [:]
        for verb in ["BEGIN", "START", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "XA"] {
            reasons[verb] = "the request is the transaction; it is committed when all operations succeeded"
        }
        for verb in ["CREATE", "ALTER", "DROP", "RENAME", "TRUNCATE"] {
            reasons[verb] = "it would commit what came before it; send it to POST /write/ddl"
        }
        for verb in [
            "LOCK", "UNLOCK", "FLUSH", "GRANT", "REVOKE", "ANALYZE", "OPTIMIZE", "CHECK", "REPAIR", "LOAD", "INSTALL",
            "UNINSTALL", "CHANGE", "RESET", "STOP", "KILL", "SHUTDOWN", "CACHE", "PURGE", "BACKUP",
        ] {
            reasons[verb] = "it is no change of rows, and may commit what came before it"
        }
        for verb in ["SET", "USE", "PREPARE", "EXECUTE", "DEALLOCATE", "HANDLER"] {
            reasons[verb] = "it would change the session, which other requests use afterwards"
        }
        for verb in ["CALL", "DO"] { reasons[verb] = "what it does can't be seen beforehand; a procedure may commit" }
        for verb in ["SELECT", "WITH", "VALUES", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "TABLE"] {
            reasons[verb] = "read with POST /query; a condition belongs into WHERE, with 'expect_rows'"
        }
        return reasons
    }()
}

/// A statement's text as the proxy's classifier and lexer see it.
struct SQLText {
    let summary: StatementSummary
    /// In capitals, in order; quoted names and strings are none.
    private(set) var words: [String] = []
    /// How many `?` stand for a value.
    private(set) var parameterCount = 0

    var firstWord: String? { words.first }

    init(_ sql: String, dialect: SQLDialect) {
        var sql = sql
        var words: [String] = []
        var marks = 0
        summary = sql.withUTF8 { utf8 in
            let bytes = UnsafeRawBufferPointer(utf8)
            var lexer = SQLLexer(bytes, dialect: dialect)
            while let token = lexer.next() {
                if token.kind == .symbol(UInt8(ascii: "?")) { marks += 1 }
                guard token.kind == .word else { continue }
                words.append(String(decoding: bytes[token.range], as: UTF8.self).uppercased())
            }
            return StatementClassifier.summarize(bytes, dialect: dialect)
        }
        self.words = words
        parameterCount = marks
    }
}

extension SQLDialect {
    /// - Parameter sqlMode: as in `@@sql_mode`.
    init(sqlMode: String) {
        self = []
        let modes = sqlMode.uppercased().split(separator: ",")
        if modes.contains("ANSI_QUOTES") { insert(.ansiQuotes) }
        if modes.contains("NO_BACKSLASH_ESCAPES") { insert(.noBackslashEscapes) }
    }
}
