/// One statement that changes the schema.
struct DDLStatement: Sendable, Hashable {
    static let verbs: Set<String> = ["CREATE", "ALTER", "DROP", "RENAME", "TRUNCATE"]

    /// Without a semicolon at its end.
    let sql: String

    /// Checks the verb and that nothing follows a semicolon. The server takes one statement at a time whatever is sent; this
    /// check is here to say so clearly.
    init(_ text: String) throws(Problem) {
        var scanner = SQLScanner(text)
        let first = scanner.nextWord()
        guard let verb = first?.uppercased(), DDLStatement.verbs.contains(verb) else {
            throw .badRequest(
                "The field 'ddl' takes one CREATE, ALTER, DROP, RENAME or TRUNCATE statement; it begins with "
                    + "'\(first ?? "")'.")
        }
        var end = text.endIndex
        var isCompound = false
        var previous = verb
        while let token = scanner.next() {
            switch token {
            case .semicolon(let index):
                if !isCompound { end = min(end, index) }
                continue
            case .word(let word):
                let word = word.uppercased()
                if word == "TEMPORARY", ["CREATE", "REPLACE", "DROP"].contains(previous) {
                    throw .badRequest("A temporary table lives in one session only, and this one ends here.")
                }
                if word == "BEGIN" { isCompound = true }
                previous = word
            case .other:
                previous = ""
            }
            if end < text.endIndex {
                throw .badRequest("The field 'ddl' takes one statement; something follows the first semicolon.")
            }
        }
        sql = String(text[..<end])
    }
}

/// Goes through SQL text by words and marks, past comments, strings and quoted names.
struct SQLScanner {
    enum Token: Hashable {
        case word(Substring)
        case semicolon(String.Index)
        /// An operator, a string, a quoted name, or an executable comment (`/*! … */`).
        case other
    }

    private let text: String
    private var index: String.Index

    init(_ text: String) {
        self.text = text
        index = text.startIndex
    }

    /// The next token if it is a word.
    mutating func nextWord() -> Substring? {
        if case .word(let word)? = next() { return word }
        return nil
    }

    /// Nil at the end.
    mutating func next() -> Token? {
        skipBlanks()
        guard index < text.endIndex else { return nil }
        let start = index
        let character = text[index]
        switch character {
        case ";":
            advance()
            return .semicolon(start)
        case "'", "\"", "`":
            skipQuoted(character)
            return .other
        case _ where SQLScanner.isWordPart(character):
            while index < text.endIndex, SQLScanner.isWordPart(text[index]) { advance() }
            return .word(text[start..<index])
        default:
            if rest.hasPrefix("/*") { skip(past: "*/") } else { advance() }
            return .other
        }
    }

    private var rest: Substring { text[index...] }

    private mutating func advance() { index = text.index(after: index) }

    private static func isWordPart(_ character: Character) -> Bool {
        character.isLetter || character.isNumber || character == "_" || character == "$"
    }

    /// Blanks and comments, executable comments excepted.
    private mutating func skipBlanks() {
        while index < text.endIndex {
            if text[index].isWhitespace {
                advance()
            } else if text[index] == "#" || startsDashComment {
                while index < text.endIndex, !text[index].isNewline { advance() }
            } else if rest.hasPrefix("/*"), !rest.hasPrefix("/*!"), !rest.hasPrefix("/*M!") {
                skip(past: "*/")
            } else {
                return
            }
        }
    }

    /// `--` begins a comment only before a blank or at the end.
    private var startsDashComment: Bool {
        guard rest.hasPrefix("--") else { return false }
        return rest.dropFirst(2).first.map { $0.isWhitespace } ?? true
    }

    private mutating func skip(past end: String) {
        while index < text.endIndex, !rest.hasPrefix(end) { advance() }
        if index < text.endIndex { index = text.index(index, offsetBy: end.count) }
    }

    /// A doubled quote stands for itself; so does what follows a backslash, but not between backticks.
    private mutating func skipQuoted(_ quote: Character) {
        advance()
        while index < text.endIndex {
            let character = text[index]
            advance()
            if character == "\\", quote != "`", index < text.endIndex {
                advance()
            } else if character == quote {
                guard index < text.endIndex, text[index] == quote else { return }
                advance()
            }
        }
    }
}
