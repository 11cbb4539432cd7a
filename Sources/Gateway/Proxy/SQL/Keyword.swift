/// What a word may mean for where a statement goes. Words that are in no list are names.
enum Keyword: UInt8, Sendable {
    // Verbs, as the first word.
    case select, with, values, insert, replace, update, delete, truncate, load
    case create, alter, drop, rename
    case begin, start, commit, rollback, savepoint, release, xa
    case set, use, show, describe, explain, call, `do`, kill, help
    case prepare, execute, deallocate, lock, unlock, handler, get, flush, analyze, optimize, check, change

    // Parts that matter.
    case `for`, into, procedure, next, previous, returning, foundRowsHint, temporary, transaction, read, only, write
    case session, global, local, names, role, password, statement, isolation, level, character, `default`
    case query, connection, hard, soft, id, warnings, errors, snapshot, consistent, work, sequenceValue
    case `open`, timestamp, randomSeed, sessionTrack, namedLock

    /// A keyword that may stand before a parenthesis and is no function there.
    case beforeParenthesis
    /// A function of MariaDB without side effects, whose value does not depend on the session's history.
    case pureFunction
    /// ROW_COUNT() and its like: asks about the statement before.
    case lastStatementFunction
    /// FOUND_ROWS(): about the last one that did not fail.
    case foundRows
    /// LAST_INSERT_ID(), `@@last_insert_id`, `@@identity`: the session's own, where it writes.
    case lastInsertID

    static func of(_ bytes: some Collection<UInt8>) -> Keyword? { WordKey(bytes).flatMap { table[$0] } }

    private static let table = WordTable<Keyword>(verbs + parts + structure + functions)

    private static let verbs: [(WordKey, Keyword)] = [
        (WordKey("SELECT"), .select), (WordKey("WITH"), .with), (WordKey("VALUES"), .values),
        (WordKey("INSERT"), .insert), (WordKey("REPLACE"), .replace), (WordKey("UPDATE"), .update),
        (WordKey("DELETE"), .delete), (WordKey("TRUNCATE"), .truncate), (WordKey("LOAD"), .load),
        (WordKey("CREATE"), .create), (WordKey("ALTER"), .alter), (WordKey("DROP"), .drop),
        (WordKey("RENAME"), .rename), (WordKey("BEGIN"), .begin), (WordKey("START"), .start),
        (WordKey("COMMIT"), .commit), (WordKey("ROLLBACK"), .rollback), (WordKey("SAVEPOINT"), .savepoint),
        (WordKey("RELEASE"), .release), (WordKey("XA"), .xa), (WordKey("SET"), .set), (WordKey("USE"), .use),
        (WordKey("SHOW"), .show), (WordKey("DESC"), .describe), (WordKey("DESCRIBE"), .describe),
        (WordKey("EXPLAIN"), .explain), (WordKey("CALL"), .call), (WordKey("DO"), .do), (WordKey("KILL"), .kill),
        (WordKey("HELP"), .help), (WordKey("PREPARE"), .prepare), (WordKey("EXECUTE"), .execute),
        (WordKey("DEALLOCATE"), .deallocate), (WordKey("LOCK"), .lock), (WordKey("UNLOCK"), .unlock),
        (WordKey("HANDLER"), .handler), (WordKey("GET"), .get), (WordKey("FLUSH"), .flush),
        (WordKey("ANALYZE"), .analyze), (WordKey("OPTIMIZE"), .optimize), (WordKey("CHECK"), .check),
        (WordKey("CHANGE"), .change),
    ]

    private static let parts: [(WordKey, Keyword)] = [
        (WordKey("FOR"), .for), (WordKey("INTO"), .into), (WordKey("PROCEDURE"), .procedure),
        (WordKey("NEXT"), .next), (WordKey("PREVIOUS"), .previous), (WordKey("RETURNING"), .returning),
        (WordKey("SQL_CALC_FOUND_ROWS"), .foundRowsHint), (WordKey("TEMPORARY"), .temporary),
        (WordKey("TRANSACTION"), .transaction), (WordKey("READ"), .read), (WordKey("ONLY"), .only),
        (WordKey("WRITE"), .write), (WordKey("SESSION"), .session), (WordKey("GLOBAL"), .global),
        (WordKey("LOCAL"), .local), (WordKey("NAMES"), .names), (WordKey("ROLE"), .role),
        (WordKey("PASSWORD"), .password), (WordKey("STATEMENT"), .statement), (WordKey("ISOLATION"), .isolation),
        (WordKey("LEVEL"), .level), (WordKey("CHARACTER"), .character), (WordKey("CHARSET"), .character),
        (WordKey("DEFAULT"), .default), (WordKey("QUERY"), .query), (WordKey("CONNECTION"), .connection),
        (WordKey("HARD"), .hard), (WordKey("SOFT"), .soft), (WordKey("ID"), .id), (WordKey("WARNINGS"), .warnings),
        (WordKey("ERRORS"), .errors), (WordKey("SNAPSHOT"), .snapshot),
        (WordKey("CONSISTENT"), .consistent), (WordKey("WORK"), .work), (WordKey("NEXTVAL"), .sequenceValue),
        (WordKey("CURRVAL"), .sequenceValue), (WordKey("LASTVAL"), .sequenceValue),
        (WordKey("SETVAL"), .sequenceValue),
        (WordKey("OPEN"), .open), (WordKey("TIMESTAMP"), .timestamp),
        (WordKey("RAND_SEED1"), .randomSeed), (WordKey("RAND_SEED2"), .randomSeed),
        (WordKey("SESSION_TRACK_SYSTEM_VARIABLES"), .sessionTrack),
        (WordKey("SESSION_TRACK_SCHEMA"), .sessionTrack), (WordKey("SESSION_TRACK_STATE_CHANGE"), .sessionTrack),
        (WordKey("SESSION_TRACK_TRANSACTION_INFO"), .sessionTrack),
        (WordKey("GET_LOCK"), .namedLock),
        (WordKey("WARNING_COUNT"), .lastStatementFunction), (WordKey("ERROR_COUNT"), .lastStatementFunction),
        (WordKey("FOUND_ROWS"), .foundRows), (WordKey("ROW_COUNT"), .lastStatementFunction),
        (WordKey("LAST_INSERT_ID"), .lastInsertID), (WordKey("IDENTITY"), .lastInsertID),
    ]

    private static let structure: [(WordKey, Keyword)] = [
        "ALL", "AND", "ANY", "AS", "BETWEEN", "BINARY", "BY", "CASE", "CROSS", "DISTINCT", "DISTINCTROW", "DIV", "ELSE",
        "END", "ESCAPE", "EXCEPT", "EXISTS", "FORCE", "FROM", "GROUP", "HAVING", "IGNORE", "IN", "INDEX", "INNER",
        "INTERSECT", "INTERVAL", "IS", "JOIN", "KEY", "LATERAL", "LIKE", "LIMIT", "MATCHED", "NATURAL",
        "NOT", "OFFSET", "ON", "OR", "ORDER", "OVER", "PARTITION", "RECURSIVE", "REGEXP", "RLIKE", "ROWS", "RANGE",
        "SEPARATOR", "SOME", "STRAIGHT_JOIN", "THEN", "UNION", "USING", "WHEN", "WHERE", "XOR", "AGAINST", "ROW",
        "CHAR", "VARCHAR", "DECIMAL", "NUMERIC", "DOUBLE", "FLOAT", "SIGNED", "UNSIGNED", "PRIMARY", "COLUMNS", "PATH",
    ].map { (WordKey($0), .beforeParenthesis) }

    private static let functions: [(WordKey, Keyword)] = PureFunctions.names.map { (WordKey($0), .pureFunction) }
}
