import MariaDBClient

/// What an insert must know of its table.
struct TableMetadata: Sendable, Hashable {
    /// The primary key when it is a single column.
    var key: String?
    /// Whether that column is a BIGINT that nothing fills in by itself: then an insert without it gets a Snowflake.
    var wantsSnowflake: Bool

    /// Reads it from the server; a table that does not exist has no key.
    init(_ table: TableName, _ session: SQLSession) throws(SQLError) {
        let schema: SQLValue = table.schema.map { .string($0.name) } ?? .null
        let columns = try session.execute(
            """
            SELECT COLUMN_NAME, DATA_TYPE, EXTRA, COLUMN_DEFAULT, IS_GENERATED FROM information_schema.COLUMNS \
            WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ? AND COLUMN_KEY = 'PRI'
            """, [schema, .string(table.table.name)]
        ).rows
        guard columns.count == 1, let column = columns.first else {
            key = nil
            wantsSnowflake = false
            return
        }
        key = column[0]
        wantsSnowflake =
            column[1]?.lowercased() == "bigint" && column[2]?.lowercased().contains("auto_increment") != true
            && column[3] == nil && column[4]?.uppercased() != "ALWAYS"
    }
}
