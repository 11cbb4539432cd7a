import ClusterCore
import MariaDBClient

/// Makes the statement of an insert, with a Snowflake for a key that nothing else fills.
struct InsertPlanner: Sendable {
    struct Planned: Sendable {
        var statement: WriteStatement
        var id: RowID?
        /// Whether it rests on what was remembered of the table, which may be out of date.
        var usedCache: Bool
    }

    let cluster: any ClusterInformation
    let metadata: TableMetadataCache

    /// Unknown column, no such table, and a column without a value or a default.
    static let schemaErrors: Set<UInt32> = [1054, 1146, 1364]

    func plan(
        _ insert: WriteRequest.Insert, on pool: SQLPool, by deadline: ContinuousClock.Instant
    ) async throws(Problem) -> Planned {
        let cached = metadata[insert.table]
        let table: TableMetadata
        if let cached { table = cached } else { table = try await load(insert.table, from: pool, by: deadline) }
        var insert = insert
        var id: RowID?
        if let key = table.key {
            let position = insert.values.firstIndex { $0.column.name.lowercased() == key.lowercased() }
            let given = position.map { insert.values[$0].value } ?? .null
            if given != .null {
                id = RowID(given)
            } else if table.wantsSnowflake {
                let made = try await nextID()
                let value = ColumnValue(column: try Identifier(key, field: "values"), value: .uint64(made))
                if let position { insert.values[position] = value } else { insert.values.append(value) }
                id = .number(made)
            }
        }
        return Planned(statement: WriteStatement(insert), id: id, usedCache: cached != nil)
    }

    private func load(
        _ table: TableName, from pool: SQLPool, by deadline: ContinuousClock.Instant
    ) async throws(Problem) -> TableMetadata {
        let loaded: TableMetadata
        do {
            loaded = try await pool.run(deadline: max(.zero, deadline - .now)) { session throws(SQLError) in
                try TableMetadata(table, session)
            }
        } catch {
            // Only reading so far: whatever failed, nothing was executed.
            if error.isOutcomeUnknown {
                throw .unavailable("The leader's MariaDB does not answer: \(error.description)", retryAfterSeconds: 1)
            }
            throw Problem(error)
        }
        metadata.remember(loaded, of: table)
        return loaded
    }

    private func nextID() async throws(Problem) -> UInt64 {
        do {
            return try await cluster.nextID()
        } catch {
            throw .unavailable("No identifier could be made: \(error)", retryAfterSeconds: 1)
        }
    }
}

extension RowID {
    /// The key as it was given; nil for what JSON cannot show.
    init?(_ value: SQLValue) {
        switch value {
        case .null, .bytes: return nil
        case .int64(let number): self = number < 0 ? .negative(number) : .number(UInt64(number))
        case .uint64(let number): self = .number(number)
        case .double(let number): self = .text(String(number))
        case .decimal(let text), .string(let text): self = .text(text)
        }
    }
}
