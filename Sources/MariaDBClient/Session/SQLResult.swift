/// What one statement gave, wholly in memory. For results of unknown size use ``SQLSession/stream(_:row:)``.
public struct SQLResult: Sendable, Hashable {
    /// The columns' names; empty for a statement without a result set.
    public var columns: [String]
    /// The values as text, in the order of `columns`; nil is NULL. Bytes that are not UTF-8 are replaced.
    public var rows: [[String?]]
    public var affectedRows: UInt64
    /// The first AUTO_INCREMENT value that the statement made; 0 when it made none.
    public var lastInsertID: UInt64
    public var warnings: Int
    /// System variables that the server says changed, of those that the session tracks (`session_track_system_variables`).
    public var trackedVariables: [String: String]

    public init(
        columns: [String] = [], rows: [[String?]] = [], affectedRows: UInt64 = 0, lastInsertID: UInt64 = 0,
        warnings: Int = 0, trackedVariables: [String: String] = [:]
    ) {
        self.columns = columns
        self.rows = rows
        self.affectedRows = affectedRows
        self.lastInsertID = lastInsertID
        self.warnings = warnings
        self.trackedVariables = trackedVariables
    }

    /// The first value of the first row; nil when there is none or it is NULL.
    public var scalar: String? { rows.first?.first ?? nil }

    /// The rows as dictionaries by column name, NULL values left out. Of columns with one name the last is kept.
    public var dictionaries: [[String: String]] {
        rows.map { row in
            var entry: [String: String] = [:]
            for (name, value) in zip(columns, row) { entry[name] = value }
            return entry
        }
    }
}

/// One row of a streamed result; valid only inside the callback that receives it.
public struct SQLRow: ~Copyable {
    let fields: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    let lengths: UnsafeMutablePointer<UInt>
    public let count: Int

    /// The value's bytes; nil is NULL.
    /// - Precondition: `index` is below `count`.
    public func bytes(_ index: Int) -> UnsafeRawBufferPointer? {
        precondition(index >= 0 && index < count, "column \(index) of a row of \(count)")
        guard let field = fields[index] else { return nil }
        return UnsafeRawBufferPointer(start: field, count: Int(lengths[index]))
    }

    /// The value as text; nil is NULL. Bytes that are not UTF-8 are replaced.
    public subscript(index: Int) -> String? { bytes(index).map { String(decoding: $0, as: UTF8.self) } }
}
