import CMariaDB

extension SQLSession {
    /// Prepares `sql`, binds the values, and hands over the rows one by one as they arrive, each value as the server carries it.
    /// The server is held back while `row` works.
    /// - Parameters:
    ///   - columns: called once before the rows; not for a statement without a result set.
    ///   - row: returns whether it wants more. If not, the connection is cut, since the rest would have to be read: the session is
    ///     lost.
    /// - Returns: whether there was a result set.
    @discardableResult
    public func rows(
        _ sql: String, _ parameters: [SQLValue], columns: ([SQLColumn]) throws(SQLError) -> Void,
        row: (borrowing SQLBoundRow) throws(SQLError) -> Bool
    ) throws(SQLError) -> Bool {
        let began = ContinuousClock.now
        let (statement, bound) = try prepared(sql, parameters)
        defer { mysql_stmt_close(statement) }
        guard mysql_stmt_execute(statement) == 0 else { throw failure(of: statement, since: began) }
        withExtendedLifetime(bound) {}
        guard let metadata = mysql_stmt_result_metadata(statement) else { return false }
        var described: [SQLColumn] = []
        if let fields = mysql_fetch_fields(metadata) {
            described = (0..<Int(mysql_num_fields(metadata))).map { SQLColumn(fields[$0]) }
        }
        mysql_free_result(metadata)
        let current = SQLBoundRow(described, statement)
        guard mysql_stmt_bind_result(statement, current.binds.baseAddress) == 0 else {
            throw failure(of: statement, since: began)
        }
        do throws(SQLError) {
            try columns(described)
            while true {
                switch mysql_stmt_fetch(statement) {
                case 0, MYSQL_DATA_TRUNCATED:
                    if try row(current) { continue }
                    discard()
                    return true
                case MYSQL_NO_DATA: return true
                default: throw failure(of: statement, since: began)
                }
            }
        } catch {
            // What is left of the result would have to be read first.
            if error.kind != .server { discard() }
            throw error
        }
    }

    /// Cuts the connection; the session is not used again.
    public func discard() {
        isLost = true
        interrupt()
    }
}

/// One row of a streamed result, in the server's binary form; valid only inside the callback that receives it.
public struct SQLBoundRow: ~Copyable {
    /// Room for each value. A longer one is fetched once its length is known.
    private static let room = 128

    public let columns: [SQLColumn]
    let binds: UnsafeMutableBufferPointer<MYSQL_BIND>
    private let statement: UnsafeMutablePointer<MYSQL_STMT>
    private let buffer: UnsafeMutableRawBufferPointer
    private let lengths: UnsafeMutableBufferPointer<UInt>
    private let nulls: UnsafeMutableBufferPointer<my_bool>

    init(_ columns: [SQLColumn], _ statement: UnsafeMutablePointer<MYSQL_STMT>) {
        let count = columns.count
        self.columns = columns
        self.statement = statement
        binds = .allocate(capacity: count)
        buffer = .allocate(byteCount: max(1, count) * SQLBoundRow.room, alignment: 8)
        lengths = .allocate(capacity: count)
        nulls = .allocate(capacity: count)
        binds.initialize(repeating: MYSQL_BIND())
        lengths.initialize(repeating: 0)
        nulls.initialize(repeating: 0)
        for (index, column) in columns.enumerated() {
            let (type, size) =
                switch column.kind {
                case .integer: (MYSQL_TYPE_LONGLONG, 8)
                case .float: (MYSQL_TYPE_FLOAT, 4)
                case .double: (MYSQL_TYPE_DOUBLE, 8)
                case .bits, .binary, .geometry: (MYSQL_TYPE_BLOB, SQLBoundRow.room)
                case .decimal, .time, .text, .json: (MYSQL_TYPE_STRING, SQLBoundRow.room)
                }
            binds[index].buffer_type = type
            binds[index].buffer = buffer.baseAddress.map { $0 + index * SQLBoundRow.room }
            binds[index].buffer_length = UInt(size)
            binds[index].length = lengths.baseAddress.map { $0 + index }
            binds[index].is_null = nulls.baseAddress.map { $0 + index }
            if case .integer(isUnsigned: true, _) = column.kind { binds[index].is_unsigned = 1 }
        }
    }

    deinit {
        binds.deallocate()
        buffer.deallocate()
        lengths.deallocate()
        nulls.deallocate()
    }

    public func isNull(_ index: Int) -> Bool { nulls[index] != 0 }

    /// Of a column of integers: the 64 bits, signed or not.
    public func integer(_ index: Int) -> UInt64 {
        buffer.load(fromByteOffset: index * SQLBoundRow.room, as: UInt64.self)
    }
    public func float(_ index: Int) -> Float { buffer.load(fromByteOffset: index * SQLBoundRow.room, as: Float.self) }
    public func double(_ index: Int) -> Double {
        buffer.load(fromByteOffset: index * SQLBoundRow.room, as: Double.self)
    }

    /// The bytes of any other value.
    public func withBytes<Result>(_ index: Int, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        let length = Int(lengths[index])
        guard length > SQLBoundRow.room else {
            let start = index * SQLBoundRow.room
            return body(UnsafeRawBufferPointer(rebasing: buffer[start..<start + length]))
        }
        let whole = UnsafeMutableRawBufferPointer.allocate(byteCount: length, alignment: 1)
        defer { whole.deallocate() }
        var bind = MYSQL_BIND()
        bind.buffer_type = binds[index].buffer_type
        bind.buffer = whole.baseAddress
        bind.buffer_length = UInt(length)
        _ = mysql_stmt_fetch_column(statement, &bind, UInt32(index), 0)
        return body(UnsafeRawBufferPointer(whole))
    }
}
