import MariaDBClient

/// What a client asks to be written, checked as far as that is possible without the database.
enum WriteRequest: Sendable, Hashable {
    case insert(Insert)
    case update(Update)
    case delete(Delete)
    case ddl(DDLStatement)

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
    }

    /// Reads the body of `POST /write/<form>`.
    init(_ form: Form, body: [UInt8]) throws(Problem) {
        let fields = try RequestFields(body)
        switch form {
        case .insert:
            try fields.allow(["table", "values"])
            self = .insert(Insert(table: try fields.table(), values: try fields.columns("values")))
        case .update:
            try fields.allow(["table", "set", "where_key"])
            self = .update(
                Update(
                    table: try fields.table(), set: try fields.columns("set", mayBeEmpty: false),
                    whereKey: try fields.whereKey()))
        case .delete:
            try fields.allow(["table", "where_key"])
            self = .delete(Delete(table: try fields.table(), whereKey: try fields.whereKey()))
        case .ddl:
            try fields.allow(["ddl"])
            self = .ddl(try DDLStatement(try fields.string("ddl")))
        }
    }
}

/// The members of a request's body, with errors that name the field.
struct RequestFields {
    private let members: [JSONMember]

    init(_ body: [UInt8]) throws(Problem) {
        let json: JSONValue
        do {
            json = try JSONParser.parse(body)
        } catch {
            throw .badRequest("The body is not JSON: \(error.description).")
        }
        guard case .object(let members) = json else {
            throw .badRequest("The body must be a JSON object, not \(json.kindName).")
        }
        self.members = members
    }

    /// A field that nobody reads is an error: it is a misspelt one more often than not.
    func allow(_ names: [String]) throws(Problem) {
        for member in members where !names.contains(member.name) {
            throw .badRequest(
                "The field '\(member.name)' is not known here; there are \(names.joined(separator: ", ")).")
        }
    }

    func string(_ name: String) throws(Problem) -> String {
        let value = try required(name)
        guard case .string(let text) = value else {
            throw .badRequest("The field '\(name)' must be a string, not \(value.kindName).")
        }
        return text
    }

    func table() throws(Problem) -> TableName { try TableName(try string("table")) }

    func columns(_ name: String, mayBeEmpty: Bool = true) throws(Problem) -> [ColumnValue] {
        let value = try required(name)
        guard case .object(let columns) = value else {
            throw .badRequest("The field '\(name)' must be an object of columns and values, not \(value.kindName).")
        }
        if columns.isEmpty, !mayBeEmpty { throw .badRequest("The field '\(name)' must name at least one column.") }
        var values: [ColumnValue] = []
        var seen: Set<String> = []
        for member in columns {
            let column = try Identifier(member.name, field: name)
            guard seen.insert(column.name.lowercased()).inserted else {
                throw .badRequest("The field '\(name)' names the column '\(column.name)' twice.")
            }
            let value = try SQLValue(member.value, field: "\(name).\(column.name)")
            values.append(ColumnValue(column: column, value: value))
        }
        return values
    }

    /// The columns that pick the rows. Compared by value, so an object or array would compare texts: refused.
    func whereKey() throws(Problem) -> [ColumnValue] {
        if case .object(let columns) = try required("where_key") {
            for column in columns {
                switch column.value {
                case .array: throw .badRequest("where_key.\(column.name) must be a plain value, not an array.")
                case .object(let members) where members.first?.name != "$binary":
                    throw .badRequest("where_key.\(column.name) must be a plain value, not an object.")
                case .null, .bool, .number, .string, .object: break
                }
            }
        }
        return try columns("where_key", mayBeEmpty: false)
    }

    private func required(_ name: String) throws(Problem) -> JSONValue {
        guard let member = members.first(where: { $0.name == name }) else {
            throw .badRequest("The field '\(name)' is missing.")
        }
        return member.value
    }
}
