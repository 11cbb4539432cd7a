import ClusterCore
import MariaDBClient

/// The body of `POST /query`.
struct QueryRequest: Sendable {
    /// How JSON columns are written.
    enum JSONColumns: String, CaseIterable, Sendable {
        /// As strings that hold JSON.
        case text
        /// As values; as strings where the column's text is not strict JSON (two members of one name).
        case nested
    }

    static let rowsMax: UInt64 = 1 << 53

    let statement: ReadStatement
    let parameters: [SQLValue]
    /// Nil for the node's own.
    var consistency: ReadConsistency?
    /// What the answer must hold at least; empty for nothing.
    var after: GTIDPosition
    /// The default schema; nil for `database.database`.
    var schema: Identifier?
    /// Nil for as long as the node allows.
    var timeoutMS: UInt64?
    /// Rows beyond it are left out, and the answer says so.
    var rowsMax: UInt64?
    var bigIntegers: BigIntegers?
    var jsonColumns: JSONColumns

    init(_ body: JSONValue) throws(Problem) {
        let fields = try RequestFields(body)
        try fields.allow([
            "sql", "params", "consistency", "after", "schema", "timeout_ms", "max_rows", "big_integers", "json",
        ])
        parameters = try fields.parameters("params")
        statement = try ReadStatement(try fields.string("sql"), parameterCount: parameters.count)
        consistency = try fields.optionalChoice("consistency", as: ReadConsistency.self)
        after = GTIDPosition()
        if let text = try fields.optionalString("after"), !text.isEmpty {
            guard text.utf8.count <= 1_000, let position = GTIDPosition(text) else {
                throw .badRequest("The field 'after' must be the 'gtid' of an earlier answer, as 0-1-42.")
            }
            guard consistency != .eventual else {
                throw .badRequest(
                    "'after' asks for a state that 'consistency': \"eventual\" does not wait for; use \"causal\".")
            }
            after = position
        }
        schema = try fields.optionalString("schema").map { text throws(Problem) in try Identifier(text, field: "schema")
        }
        timeoutMS = try fields.optionalInteger("timeout_ms", in: 1...86_400_000)
        rowsMax = try fields.optionalInteger("max_rows", in: 0...QueryRequest.rowsMax)
        bigIntegers = try fields.optionalChoice("big_integers", as: BigIntegers.self)
        jsonColumns = try fields.optionalChoice("json", as: JSONColumns.self) ?? .text
    }
}

extension Optional {
    /// `map` for a closure with typed errors.
    fileprivate func map<Result, Failure: Error>(
        _ transform: (Wrapped) throws(Failure) -> Result
    ) throws(Failure) -> Result? {
        guard let value = self else { return nil }
        return try transform(value)
    }
}
