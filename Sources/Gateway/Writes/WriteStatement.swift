import MariaDBClient

/// SQL with a `?` for each value. Values never become part of the text.
struct WriteStatement: Sendable, Hashable {
    var sql: String
    var parameters: [SQLValue]

    init(sql: String, parameters: [SQLValue]) {
        self.sql = sql
        self.parameters = parameters
    }

    init(_ insert: WriteRequest.Insert) {
        let columns = insert.values.map(\.column.quoted).joined(separator: ", ")
        let marks = Array(repeating: "?", count: insert.values.count).joined(separator: ", ")
        sql = "INSERT INTO \(insert.table.quoted) (\(columns)) VALUES (\(marks))"
        parameters = insert.values.map(\.value)
    }

    init(_ update: WriteRequest.Update) {
        let set = update.set.map { "\($0.column.quoted) = ?" }.joined(separator: ", ")
        sql = "UPDATE \(update.table.quoted) SET \(set) WHERE \(WriteStatement.condition(update.whereKey))"
        parameters = update.set.map(\.value) + WriteStatement.bound(update.whereKey)
    }

    init(_ delete: WriteRequest.Delete) {
        sql = "DELETE FROM \(delete.table.quoted) WHERE \(WriteStatement.condition(delete.whereKey))"
        parameters = WriteStatement.bound(delete.whereKey)
    }

    /// - Precondition: `key` is not empty, or the statement would mean every row.
    private static func condition(_ key: [ColumnValue]) -> String {
        precondition(!key.isEmpty, "a where_key without columns")
        return key.map { $0.value == .null ? "\($0.column.quoted) IS NULL" : "\($0.column.quoted) = ?" }
            .joined(separator: " AND ")
    }

    private static func bound(_ key: [ColumnValue]) -> [SQLValue] { key.map(\.value).filter { $0 != .null } }
}
