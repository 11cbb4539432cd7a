import MariaDBClient

/// The members of a request's body, with errors that name the field.
struct RequestFields {
    let members: [JSONMember]

    /// - Parameter place: what the object is, for the error.
    init(_ json: JSONValue, place: String = "The body") throws(Problem) {
        guard case .object(let members) = json else {
            throw .badRequest("\(place) must be a JSON object, not \(json.kindName).")
        }
        self.members = members
    }

    /// Nil when the field is missing or null.
    subscript(name: String) -> JSONValue? {
        guard let member = members.first(where: { $0.name == name }), member.value != .null else { return nil }
        return member.value
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
                case .object(let members) where !SQLValue.isBinary(members):
                    throw .badRequest("where_key.\(column.name) must be a plain value, not an object.")
                case .null, .bool, .number, .string, .object: break
                }
            }
        }
        return try columns("where_key", mayBeEmpty: false)
    }

    /// Nil when the field is missing or null.
    func optionalString(_ name: String) throws(Problem) -> String? {
        guard let value = self[name] else { return nil }
        guard case .string(let text) = value else {
            throw .badRequest("The field '\(name)' must be a string, not \(value.kindName).")
        }
        return text
    }

    /// A whole number within `range`; nil when the field is missing or null.
    func optionalInteger<Number: FixedWidthInteger & Sendable>(
        _ name: String, in range: ClosedRange<Number>
    ) throws(Problem) -> Number? {
        guard let value = self[name] else { return nil }
        guard case .number(let digits) = value, let number = Number(digits), range.contains(number) else {
            throw .badRequest(
                "The field '\(name)' must be a whole number from \(range.lowerBound) to \(range.upperBound).")
        }
        return number
    }

    /// One of the words that `Choice` has; nil when the field is missing or null.
    func optionalChoice<Choice: RawRepresentable<String> & CaseIterable>(
        _ name: String, as type: Choice.Type
    ) throws(Problem) -> Choice? {
        guard let text = try optionalString(name) else { return nil }
        guard let choice = Choice(rawValue: text) else {
            let words = type.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
            throw .badRequest("The field '\(name)' must be one of \(words), not \"\(text.prefix(40))\".")
        }
        return choice
    }

    /// The values for the `?` of `sql`; none when the field is missing or null.
    func parameters(_ name: String) throws(Problem) -> [SQLValue] {
        guard let value = self[name] else { return [] }
        guard case .array(let elements) = value else {
            throw .badRequest("The field '\(name)' must be an array, not \(value.kindName).")
        }
        guard elements.count <= RequestFields.parametersMax else {
            throw .badRequest("One statement takes at most \(RequestFields.parametersMax) values in '\(name)'.")
        }
        var values: [SQLValue] = []
        for (index, element) in elements.enumerated() {
            values.append(try SQLValue(element, field: "\(name)[\(index)]"))
        }
        return values
    }

    /// The protocol counts parameters in 16 bits.
    static let parametersMax = 65_535

    func required(_ name: String) throws(Problem) -> JSONValue {
        guard let member = members.first(where: { $0.name == name }) else {
            throw .badRequest("The field '\(name)' is missing.")
        }
        return member.value
    }
}
