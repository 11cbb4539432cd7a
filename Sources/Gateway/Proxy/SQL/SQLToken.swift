/// A piece of a statement, as ranges of its bytes; comments and space are never tokens.
struct SQLToken {
    enum Kind: Equatable {
        /// An unquoted word: a keyword or a name.
        case word
        /// A name in backticks, or in double quotes under ANSI_QUOTES.
        case quotedName
        case string
        case number
        /// `@name`, `@'name'`.
        case userVariable
        /// `@@name`; `@@session.name` is one token.
        case systemVariable
        case symbol(UInt8)
        /// Where an executable comment (`/*! … */`, `/*M! … */`) begins: what follows depends on the server's version.
        case executableComment
        /// A string, name or comment without its end.
        case broken
    }

    var kind: Kind
    var range: Range<Int>
}

/// What the meaning of quotes and backslashes depends on; the server tells it with every answer.
struct SQLDialect: OptionSet, Hashable {
    let rawValue: UInt8
    static let ansiQuotes = SQLDialect(rawValue: 1)
    static let noBackslashEscapes = SQLDialect(rawValue: 2)
}
