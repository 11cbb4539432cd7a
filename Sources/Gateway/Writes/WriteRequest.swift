import MariaDBClient

/// What a client asks to be written, checked as far as that is possible without the database.
enum WriteRequest: Sendable, Hashable {
    case insert(Insert)
    case update(Update)
    case delete(Delete)
    case ddl(DDLStatement)
    case transaction([Operation])

    struct Insert: Sendable, Hashable {
        var table: TableName
        /// May be empty: a row of defaults.
        var values: [ColumnValue]
    }

    struct Update: Sendable, Hashable {
        var table: TableName
        /// Never empty.
        var set: [ColumnValue]
        /// Never empty.
        var whereKey: [ColumnValue]
    }

    struct Delete: Sendable, Hashable {
        var table: TableName
        /// Never empty.
        var whereKey: [ColumnValue]
    }

    /// The last part of the path: `/write/insert`.
    enum Form: String, CaseIterable {
        case insert
        case update
        case delete
        case ddl
        case transaction
    }

    /// Reads the body of `POST /write/<form>`.
    init(_ form: Form, body: JSONValue) throws(Problem) {
        let fields = try RequestFields(body)
        switch form {
        case .insert: self = .insert(try Insert(fields))
        case .update: self = .update(try Update(fields))
        case .delete: self = .delete(try Delete(fields))
        case .ddl:
            try fields.allow(["ddl"])
            self = .ddl(try DDLStatement(try fields.string("ddl")))
        case .transaction: self = .transaction(try Operation.list(fields))
        }
    }

    init(_ form: Form, body: [UInt8]) throws(Problem) { try self.init(form, body: try JSONValue(body: body)) }
}

extension WriteRequest.Insert {
    init(_ fields: RequestFields) throws(Problem) {
        try fields.allow(["table", "values"])
        self.init(table: try fields.table(), values: try fields.columns("values"))
    }
}

extension WriteRequest.Update {
    init(_ fields: RequestFields) throws(Problem) {
        try fields.allow(["table", "set", "where_key"])
        self.init(
            table: try fields.table(), set: try fields.columns("set", mayBeEmpty: false),
            whereKey: try fields.whereKey())
    }
}

extension WriteRequest.Delete {
    init(_ fields: RequestFields) throws(Problem) {
        try fields.allow(["table", "where_key"])
        self.init(table: try fields.table(), whereKey: try fields.whereKey())
    }
}
