/// One statement that only reads, as far as its text tells; the server makes sure of it (START TRANSACTION READ ONLY).
struct ReadStatement: Sendable, Hashable {
    let sql: String
    /// Where the proxy would send it.
    let route: StatementRoute

    init(_ sql: String, parameterCount: Int) throws(Problem) {
        if let reason = ReadStatement.refusal(sql, dialect: []) { throw .badRequest(reason) }
        let text = SQLText(sql, dialect: [])
        guard text.parameterCount == parameterCount else {
            throw .badRequest(
                "The statement has \(text.parameterCount) '?', and 'params' has \(parameterCount) values.")
        }
        self.sql = sql
        route = text.summary.route
    }

    /// Why `sql` may not be executed by `POST /query`; nil when it may.
    /// - Parameter dialect: the session's, on which it depends where a string ends.
    static func refusal(_ sql: String, dialect: SQLDialect) -> String? {
        let text = SQLText(sql, dialect: dialect)
        guard let verb = text.firstWord else { return "The field 'sql' holds no statement." }
        guard verbs.contains(verb) else {
            return
                "POST /query takes statements that read: SELECT, WITH, VALUES, SHOW, DESCRIBE, EXPLAIN; it begins with "
                + "'\(verb.prefix(40))'. Changes go to POST /write/…"
        }
        let effects = text.summary.effects
        guard text.summary.isSingle else { return "The field 'sql' takes one statement." }
        if effects.contains(.opaque) {
            return "The statement has an executable comment, or a string, name or comment without its end."
        }
        if effects.contains(.writes) {
            return "INTO, and taking values from sequences, is not possible here: it writes."
        }
        if effects.contains(.userVariables) {
            return "Each query has a session of its own, without user variables; use 'params'."
        }
        if effects.contains(.serverState) { return "A lock by name would end with the query." }
        for (first, second) in zip(text.words, text.words.dropFirst()) {
            switch (first, second) {
            case ("FOR", "UPDATE"), ("FOR", "SHARE"), ("LOCK", "IN"):
                return
                    "Locks would end with the query. Put the condition into an UPDATE of POST /write/transaction, with "
                    + "'expect_rows'."
            default: continue
            }
        }
        return nil
    }

    private static let verbs: Set<String> = ["SELECT", "WITH", "VALUES", "SHOW", "DESCRIBE", "DESC", "EXPLAIN"]
}
