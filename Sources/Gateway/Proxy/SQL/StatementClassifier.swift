/// Decides from a statement's text where it may run. Conservative: what is not certainly a read without side effects goes to the
/// leader. No grammar: the first word tells the kind, and the words and signs after it can only make the answer stricter.
struct StatementClassifier {
    private var scanner: SQLLexer
    private let bytes: UnsafeRawBufferPointer
    /// The last token, so that `name(` is known for a call.
    private var last: (kind: SQLToken.Kind, keyword: Keyword?)?

    static func summarize(_ bytes: UnsafeRawBufferPointer, dialect: SQLDialect) -> StatementSummary {
        var classifier = StatementClassifier(bytes, dialect: dialect)
        return classifier.run()
    }

    private init(_ bytes: UnsafeRawBufferPointer, dialect: SQLDialect) {
        self.bytes = bytes
        scanner = SQLLexer(bytes, dialect: dialect)
    }

    private mutating func run() -> StatementSummary {
        guard var summary = statement() else { return StatementSummary(verb: .other, route: .leader) }
        while endedBySemicolon, let another = statement() {
            summary.isSingle = false
            summary.route = max(summary.route, another.route)
            summary.effects.formUnion(another.effects)
            summary.consistency = another.consistency ?? summary.consistency
            summary.after = another.after ?? summary.after
            switch (summary.verb, another.verb) {
            case (.select, .select): break
            // In one command with others these can't be followed step by step.
            default: summary.verb = .other
            }
            if summary.verb == .other { summary.route = max(summary.route, .anywhere) }
        }
        if !summary.isSingle, summary.route == .asBefore || summary.verb == .other { summary.route = .leader }
        return summary
    }

    private var endedBySemicolon = false

    /// The next token of this statement; nil at its end.
    private mutating func advance() -> (token: SQLToken, keyword: Keyword?)? {
        guard let token = scanner.next() else {
            endedBySemicolon = false
            return nil
        }
        if token.kind == .symbol(UInt8(ascii: ";")) {
            endedBySemicolon = true
            return nil
        }
        let keyword = token.kind == .word ? Keyword.of(bytes[token.range]) : nil
        return (token, keyword)
    }

    private mutating func statement() -> StatementSummary? {
        last = nil
        var first = advance()
        while first == nil, endedBySemicolon { first = advance() }
        while case .symbol(UInt8(ascii: "("))? = first?.token.kind { first = advance() }
        guard let first else { return nil }
        guard first.token.kind == .word, let keyword = first.keyword else {
            return rest(StatementSummary(verb: .other, route: .leader, effects: [.opaque, .writes]))
        }
        switch keyword {
        case .select, .with, .values: return query()
        case .set: return setStatement()
        case .show: return show()
        case .describe, .explain: return rest(StatementSummary(verb: .show, route: .leader))
        case .use, .help: return rest(StatementSummary(verb: .other, route: .anywhere))
        case .begin: return rest(StatementSummary(verb: .begin, route: .leader, effects: .endsTransaction))
        case .start: return start()
        case .commit: return rest(StatementSummary(verb: .commit, route: .leader))
        case .rollback: return rest(StatementSummary(verb: .rollback, route: .leader))
        case .savepoint, .release: return rest(StatementSummary(verb: .other, route: .leader))
        case .insert, .update, .delete, .replace:
            return rest(StatementSummary(verb: .atomicWrite, route: .leader, effects: .writes))
        case .truncate, .pureFunction:
            return rest(StatementSummary(verb: .atomicWrite, route: .leader, effects: [.writes, .endsTransaction]))
        case .create, .alter, .drop, .rename: return definition()
        case .kill: return kill()
        case .do: return rest(StatementSummary(verb: .other, route: .leader, effects: .serverState))
        case .lock:
            return rest(
                StatementSummary(
                    verb: .other, route: .leader, effects: [.serverState, .tableLocks, .endsTransaction, .writes]))
        case .unlock: return rest(StatementSummary(verb: .unlockTables, route: .leader))
        case .prepare, .handler, .xa:
            return rest(StatementSummary(verb: .other, route: .leader, effects: [.serverState, .writes]))
        case .deallocate: return rest(StatementSummary(verb: .other, route: .leader))
        default: return rest(StatementSummary(verb: .other, route: .leader, effects: [.opaque, .writes]))
        }
    }

    /// Takes what is left, noting what may stand anywhere.
    private mutating func rest(_ start: StatementSummary) -> StatementSummary {
        var summary = start
        while let (token, keyword) = advance() { note(token, keyword, &summary) }
        return summary
    }

    private mutating func note(_ token: SQLToken, _ keyword: Keyword?, _ summary: inout StatementSummary) {
        switch token.kind {
        case .userVariable: summary.effects.insert(.userVariables)
        case .executableComment, .broken: summary.effects.insert(.opaque)
        case .word: if keyword == .namedLock { summary.effects.insert(.serverState) }
        case .quotedName, .string, .number, .systemVariable, .symbol: break
        }
        last = (token.kind, keyword)
    }

    // MARK: Reads

    private mutating func query() -> StatementSummary {
        var summary = StatementSummary(verb: .select, route: .replica)
        while let (token, keyword) = advance() {
            if Self.forbidsReplica(token, keyword, after: last) { summary.route = max(summary.route, .leader) }
            switch token.kind {
            case .systemVariable:
                let variable = keywordOfVariable(token)
                // `@@warning_count` and `@@error_count` are the last statement's.
                summary.route = max(summary.route, variable == .lastStatementFunction ? .asBefore : .anywhere)
                if variable == .lastInsertID { summary.effects.insert(.lastInsertID) }
            case .symbol(UInt8(ascii: "(")):
                summary.route = max(summary.route, routeOfCall())
                if last?.keyword == .foundRows { summary.asksFoundRows = true }
                if last?.keyword == .lastInsertID { summary.effects.insert(.lastInsertID) }
            default: break
            }
            if keyword == .into || keyword == .next || keyword == .sequenceValue || token.kind == .executableComment {
                summary.effects.insert(.writes)
            }
            note(token, keyword, &summary)
        }
        return summary
    }

    private static func forbidsReplica(
        _ token: SQLToken, _ keyword: Keyword?, after last: (kind: SQLToken.Kind, keyword: Keyword?)?
    ) -> Bool {
        switch token.kind {
        case .userVariable, .executableComment, .broken: return true
        case .word: break
        case .quotedName, .string, .number, .systemVariable, .symbol: return false
        }
        switch keyword {
        case .for, .into, .procedure, .next, .previous, .returning, .foundRowsHint, .sequenceValue, .lock, .insert,
            .update, .delete, .call, .load, .handler:
            return true
        default: return false
        }
    }

    /// A parenthesis after a name is a call of a function, and only those that are known to be pure may run on a replica.
    private func routeOfCall() -> StatementRoute {
        guard let last else { return .replica }
        switch last.kind {
        case .quotedName: return .leader
        case .word:
            switch last.keyword {
            case .pureFunction, .beforeParenthesis, .select, .with, .values, .replace, .use, .timestamp, .only:
                return .replica
            case .lastStatementFunction, .foundRows: return .asBefore
            default: return .leader
            }
        case .string, .number, .userVariable, .systemVariable, .symbol, .executableComment, .broken: return .replica
        }
    }

    private func keywordOfVariable(_ token: SQLToken) -> Keyword? {
        let name = bytes[token.range].dropFirst(2)
        return Keyword.of(name.lastIndex(of: UInt8(ascii: ".")).map { name[($0 + 1)...] } ?? name)
    }

    private mutating func show() -> StatementSummary {
        var summary = StatementSummary(verb: .show, route: .anywhere)
        while let (token, keyword) = advance() {
            if keyword == .warnings || keyword == .errors { summary.route = .asBefore }
            note(token, keyword, &summary)
        }
        return summary
    }

    // MARK: Transactions and the session

    private mutating func start() -> StatementSummary {
        guard let second = advance() else { return StatementSummary(verb: .other, route: .leader) }
        guard second.keyword == .transaction else {
            return rest(StatementSummary(verb: .other, route: .leader, effects: [.opaque, .writes]))
        }
        var summary = StatementSummary(verb: .begin, route: .leader)
        var before: Keyword?
        while let (token, keyword) = advance() {
            if before == .read, keyword == .only { summary.verb = .beginReadOnly }
            before = keyword
            note(token, keyword, &summary)
        }
        if summary.effects.contains(.opaque) { summary.verb = .begin }
        if summary.verb == .begin { summary.effects.insert(.endsTransaction) }
        return summary
    }

    private mutating func definition() -> StatementSummary {
        var summary = StatementSummary(verb: .atomicWrite, route: .leader, effects: .writes)
        while let (token, keyword) = advance() {
            if keyword == .temporary { summary.effects.insert(.temporaryTable) }
            note(token, keyword, &summary)
        }
        if !summary.effects.contains(.temporaryTable) { summary.effects.insert(.endsTransaction) }
        return summary
    }

    /// `KILL [HARD | SOFT] [CONNECTION | QUERY [ID]] number`
    private mutating func kill() -> StatementSummary {
        var summary = StatementSummary(verb: .other, route: .leader)
        var isQuery = false
        while let (token, keyword) = advance() {
            switch (token.kind, keyword) {
            case (.word, .query?): isQuery = true
            case (.number, _):
                guard let id = UInt64(String(decoding: bytes[token.range], as: UTF8.self)) else { return rest(summary) }
                summary.verb = .kill(query: isQuery, id: id)
                summary.idRange = token.range
            case (.word, .hard?), (.word, .soft?), (.word, .connection?): break
            default: return rest(StatementSummary(verb: .other, route: .leader))
            }
        }
        return summary
    }
}

extension StatementClassifier {
    /// `SET …`: which variables, and whether some are meant for the proxy.
    fileprivate mutating func setStatement() -> StatementSummary {
        var summary = StatementSummary(verb: .set, route: .anywhere)
        var isFirst = true
        var onlyOurs = true
        var awaited: WritableKeyPath<StatementSummary, String?>?
        var depth = 0
        while let (token, keyword) = advance() {
            switch token.kind {
            case .word where isFirst && keyword == .transaction: summary.effects.insert(.nextTransaction)
            case .word where isFirst && keyword == .statement:
                return rest(StatementSummary(verb: .other, route: .leader, effects: [.opaque, .writes]))
            case .word where isFirst && keyword == .password:
                return rest(StatementSummary(verb: .atomicWrite, route: .leader, effects: .writes))
            case .word where isFirst && (keyword == .role || keyword == .default):
                summary.effects.insert(.leaderOnly)
            case .word where keyword == .global: summary.effects.insert(.writes)
            case .word where keyword == .timestamp || keyword == .randomSeed: summary.effects.insert(.leaderOnly)
            case .word where keyword == .sessionTrack: summary.effects.insert(.tracking)
            case .systemVariable: noteAssigned(token, &summary)
            case .symbol(UInt8(ascii: "(")):
                depth += 1
                // A function may do anything; the pure ones are no exception worth the trouble.
                if last?.kind == .word || last?.kind == .quotedName { summary.route = .leader }
            case .symbol(UInt8(ascii: ")")): depth -= 1
            case .symbol(UInt8(ascii: ",")) where depth == 0: awaited = nil
            default: break
            }
            if token.kind == .userVariable, let path = Self.ownVariable(bytes[token.range]), depth == 0 {
                awaited = path
            } else if case .symbol(let sign) = token.kind, "=:,".utf8.contains(sign) {
            } else if let path = awaited {
                if case .string = token.kind {
                    summary[keyPath: path] = unquoted(token)
                } else if token.kind == .word {
                    summary[keyPath: path] = String(decoding: bytes[token.range], as: UTF8.self)
                } else {
                    onlyOurs = false
                }
                awaited = nil
            } else {
                onlyOurs = false
                if keyword == .select { summary.effects.insert(.opaque) }
                note(token, keyword, &summary)
            }
            last = (token.kind, keyword)
            isFirst = false
        }
        if onlyOurs, summary.consistency != nil || summary.after != nil { summary.verb = .proxySetting }
        if summary.effects.intersection([.writes, .userVariables, .nextTransaction, .opaque]) != [] {
            summary.route = .leader
        }
        return summary
    }

    /// `@@session.timestamp = …` and its like.
    private func noteAssigned(_ token: SQLToken, _ summary: inout StatementSummary) {
        switch keywordOfVariable(token) {
        case .timestamp, .randomSeed: summary.effects.insert(.leaderOnly)
        case .sessionTrack: summary.effects.insert(.tracking)
        default: break
        }
        let name = bytes[token.range].dropFirst(2)
        if name.count > 6, Keyword.of(name.prefix(6)) == .global { summary.effects.insert(.writes) }
    }

    private static func ownVariable(_ name: Slice<UnsafeRawBufferPointer>) -> WritableKeyPath<
        StatementSummary, String?
    >? {
        switch String(decoding: name, as: UTF8.self).lowercased() {
        case "@wolfscale_consistency": \.consistency
        case "@wolfscale_after": \.after
        default: nil
        }
    }

    private func unquoted(_ token: SQLToken) -> String {
        String(decoding: bytes[(token.range.lowerBound + 1)..<(token.range.upperBound - 1)], as: UTF8.self)
    }
}
