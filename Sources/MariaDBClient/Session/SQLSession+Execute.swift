import CMariaDB

extension SQLSession {
    /// Prepares `sql`, binds one value to each `?`, executes it and reads all of its answer. Values of the result come as
    /// text, as libmariadb converts them.
    @discardableResult
    public func execute(_ sql: String, _ parameters: [SQLValue]) throws(SQLError) -> SQLResult {
        let began = ContinuousClock.now
        let (statement, bound) = try prepared(sql, parameters)
        defer { mysql_stmt_close(statement) }
        guard mysql_stmt_execute(statement) == 0 else { throw failure(of: statement, since: began) }
        withExtendedLifetime(bound) {}
        return try result(of: statement, since: began)
    }

    /// A statement with its values bound, which must live until it was executed. To be closed by the caller.
    func prepared(
        _ sql: String, _ parameters: [SQLValue]
    ) throws(SQLError) -> (UnsafeMutablePointer<MYSQL_STMT>, SQLParameters) {
        let handle = try openHandle()
        let began = ContinuousClock.now
        guard let statement = mysql_stmt_init(handle) else { throw failure(of: handle, since: began) }
        do throws(SQLError) {
            return (statement, try prepare(statement, sql, parameters, since: began))
        } catch {
            mysql_stmt_close(statement)
            throw error
        }
    }

    private func prepare(
        _ statement: UnsafeMutablePointer<MYSQL_STMT>, _ sql: String, _ parameters: [SQLValue],
        since began: ContinuousClock.Instant
    ) throws(SQLError) -> SQLParameters {
        var text = sql
        let prepared = text.withUTF8 { utf8 in
            utf8.withMemoryRebound(to: CChar.self) { mysql_stmt_prepare(statement, $0.baseAddress, UInt($0.count)) }
        }
        guard prepared == 0 else { throw failure(of: statement, since: began) }
        let wanted = Int(mysql_stmt_param_count(statement))
        guard wanted == parameters.count else {
            throw SQLError(
                kind: .client, message: "the statement has \(wanted) parameters, \(parameters.count) values were given")
        }
        let bound = SQLParameters(parameters)
        if wanted > 0, mysql_stmt_bind_param(statement, bound.binds.baseAddress) != 0 {
            throw failure(of: statement, since: began)
        }
        return bound
    }

    func failure(
        of statement: UnsafeMutablePointer<MYSQL_STMT>, since began: ContinuousClock.Instant
    ) -> SQLError {
        // What goes wrong between two rows is noted at the connection only.
        if mysql_stmt_errno(statement) == 0, let handle = statement.pointee.mysql {
            return failure(of: handle, since: began)
        }
        return failure(
            errno: mysql_stmt_errno(statement), sqlState: String(cString: mysql_stmt_sqlstate(statement)),
            message: String(cString: mysql_stmt_error(statement)), since: began)
    }

    private func result(
        of statement: UnsafeMutablePointer<MYSQL_STMT>, since began: ContinuousClock.Instant
    ) throws(SQLError) -> SQLResult {
        var result = SQLResult()
        if let metadata = mysql_stmt_result_metadata(statement) {
            result.columns = SQLSession.columnNames(of: metadata)
            mysql_free_result(metadata)
            result.rows = try rows(of: statement, count: result.columns.count, since: began)
        } else {
            result.affectedRows = mysql_stmt_affected_rows(statement)
        }
        result.lastInsertID = mysql_stmt_insert_id(statement)
        result.warnings = Int(mysql_stmt_warning_count(statement))
        result.trackedVariables = trackedVariables(of: statement.pointee.mysql)
        while mysql_stmt_next_result(statement) == 0 { mysql_stmt_free_result(statement) }
        return result
    }

    private func rows(
        of statement: UnsafeMutablePointer<MYSQL_STMT>, count: Int, since began: ContinuousClock.Instant
    ) throws(SQLError) -> [[String?]] {
        let columns = ResultColumns(count: count)
        guard mysql_stmt_bind_result(statement, columns.binds.baseAddress) == 0 else {
            throw failure(of: statement, since: began)
        }
        var rows: [[String?]] = []
        while true {
            switch mysql_stmt_fetch(statement) {
            case 0, MYSQL_DATA_TRUNCATED:
                rows.append((0..<count).map { columns.text($0, of: statement) })
            case MYSQL_NO_DATA:
                return rows
            default:
                throw failure(of: statement, since: began)
            }
        }
    }
}

/// Bindings with a little room for each column. A value that needs more is fetched once its length is known, so that no
/// column needs a large buffer in advance. (Numbers must fit at the first try: libmariadb rounds them to the room given.)
private struct ResultColumns: ~Copyable {
    private static let room = 64

    let binds: UnsafeMutableBufferPointer<MYSQL_BIND>
    private let buffer: UnsafeMutableRawBufferPointer
    private let lengths: UnsafeMutableBufferPointer<UInt>
    private let nulls: UnsafeMutableBufferPointer<my_bool>

    init(count: Int) {
        binds = .allocate(capacity: count)
        buffer = .allocate(byteCount: count * ResultColumns.room, alignment: 8)
        lengths = .allocate(capacity: count)
        nulls = .allocate(capacity: count)
        binds.initialize(repeating: MYSQL_BIND())
        lengths.initialize(repeating: 0)
        nulls.initialize(repeating: 0)
        for index in 0..<count {
            binds[index].buffer_type = MYSQL_TYPE_STRING
            binds[index].buffer = buffer.baseAddress.map { $0 + index * ResultColumns.room }
            binds[index].buffer_length = UInt(ResultColumns.room)
            binds[index].length = lengths.baseAddress.map { $0 + index }
            binds[index].is_null = nulls.baseAddress.map { $0 + index }
        }
    }

    deinit {
        binds.deallocate()
        buffer.deallocate()
        lengths.deallocate()
        nulls.deallocate()
    }

    func text(_ index: Int, of statement: UnsafeMutablePointer<MYSQL_STMT>) -> String? {
        guard nulls[index] == 0 else { return nil }
        let length = Int(lengths[index])
        guard length > ResultColumns.room else {
            let start = index * ResultColumns.room
            return String(decoding: buffer[start..<start + length], as: UTF8.self)
        }
        return withUnsafeTemporaryAllocation(byteCount: length, alignment: 1) { whole in
            var bind = MYSQL_BIND()
            bind.buffer_type = MYSQL_TYPE_STRING
            bind.buffer = whole.baseAddress
            bind.buffer_length = UInt(length)
            _ = mysql_stmt_fetch_column(statement, &bind, UInt32(index), 0)
            return String(decoding: whole, as: UTF8.self)
        }
    }
}
