import CMariaDB

extension SQLSession {
    /// Runs one statement in the text protocol and reads all of its answer. Of several result sets (CALL) the first is
    /// returned, with the counters of the last answer.
    @discardableResult
    public func query(_ sql: String) throws(SQLError) -> SQLResult {
        var result = SQLResult()
        var isFirst = true
        try run(sql) { set throws(SQLError) in
            guard isFirst, let set else { return }
            isFirst = false
            result.columns = SQLSession.columnNames(of: set)
            let count = Int(mysql_num_fields(set))
            try self.forEachRow(of: set) { row throws(SQLError) in
                result.rows.append((0..<count).map { row[$0] })
            }
        } counters: { handle, hasRows in
            result.affectedRows = hasRows ? 0 : mysql_affected_rows(handle)
            result.lastInsertID = mysql_insert_id(handle)
            result.warnings = Int(mysql_warning_count(handle))
            result.trackedVariables.merge(self.trackedVariables(of: handle)) { _, last in last }
        }
        return result
    }

    /// Runs one statement and hands over its rows one by one as they arrive, without holding the result. The server is
    /// held back while `row` works. Only the first result set's rows are handed over.
    /// - Returns: the columns' names.
    @discardableResult
    public func stream(
        _ sql: String, row body: (borrowing SQLRow) throws(SQLError) -> Void
    ) throws(SQLError) -> [String] {
        var columns: [String] = []
        var isFirst = true
        try run(sql) { set throws(SQLError) in
            guard isFirst, let set else { return }
            isFirst = false
            columns = SQLSession.columnNames(of: set)
            try self.forEachRow(of: set, body)
        } counters: { _, _ in
        }
        return columns
    }

    /// Sends `sql` and goes through its answers. `result` gets each result set, or nil for an answer without one.
    private func run(
        _ sql: String, result body: (UnsafeMutablePointer<MYSQL_RES>?) throws(SQLError) -> Void,
        counters: (_ handle: UnsafeMutablePointer<MYSQL>, _ hasRows: Bool) -> Void
    ) throws(SQLError) {
        let handle = try openHandle()
        let began = ContinuousClock.now
        var text = sql
        let sent = text.withUTF8 { utf8 in
            utf8.withMemoryRebound(to: CChar.self) { mysql_real_query(handle, $0.baseAddress, UInt($0.count)) }
        }
        guard sent == 0 else { throw failure(of: handle, since: began) }
        var firstError: SQLError?
        repeat {
            let set = mysql_use_result(handle)
            if set == nil, mysql_field_count(handle) > 0 { throw failure(of: handle, since: began) }
            do {
                if firstError == nil { try body(set) }
            } catch {
                firstError = error
            }
            // Freeing reads what the body left of the result, so that the session stays usable.
            if let set { mysql_free_result(set) }
            counters(handle, set != nil)
            let next = mysql_next_result(handle)
            if next > 0 { throw firstError ?? failure(of: handle, since: began) }
            if next < 0 { break }
        } while true
        if let firstError { throw firstError }
    }

    private func forEachRow(
        of set: UnsafeMutablePointer<MYSQL_RES>, _ body: (borrowing SQLRow) throws(SQLError) -> Void
    ) throws(SQLError) {
        let handle = try openHandle()
        let count = Int(mysql_num_fields(set))
        let began = ContinuousClock.now
        while let fields = mysql_fetch_row(set) {
            guard let lengths = mysql_fetch_lengths(set) else { break }
            try body(SQLRow(fields: fields, lengths: lengths, count: count))
        }
        if mysql_errno(handle) != 0 { throw failure(of: handle, since: began) }
    }

    static func columnNames(of set: UnsafeMutablePointer<MYSQL_RES>) -> [String] {
        guard let fields = mysql_fetch_fields(set) else { return [] }
        return (0..<Int(mysql_num_fields(set))).map { index in
            fields[index].name.map { String(cString: $0) } ?? ""
        }
    }
}
