/// A name of a schema, table or column that may stand in a statement, quoted.
struct Identifier: Sendable, Hashable {
    static let charactersMax = 64

    let name: String

    /// - Parameter field: where the name stands in the body, for the error.
    init(_ name: some StringProtocol, field: String) throws(Problem) {
        guard !name.isEmpty else { throw .badRequest("\(field): a name is empty") }
        guard name.unicodeScalars.count <= Identifier.charactersMax else {
            throw .badRequest("\(field): the name '\(name.prefix(80))' is longer than 64 characters")
        }
        for scalar in name.unicodeScalars where !Identifier.isAllowed(scalar) {
            throw .badRequest(
                "\(field): the name '\(name)' has the character U+\(String(scalar.value, radix: 16, uppercase: true)); "
                    + "letters, digits, '_', '$', '-', '#', '@' and inner spaces are allowed")
        }
        guard name.first != " ", name.last != " " else {
            throw .badRequest("\(field): the name '\(name)' begins or ends with a space")
        }
        self.name = String(name)
    }

    /// Between backticks. A backtick is not allowed in a name, and would be doubled if it were.
    var quoted: String { "`\(name.replacing("`", with: "``"))`" }

    /// Letters are those of Unicode's first plane: MariaDB's names have no others.
    private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", "_", "$", "-", "#", "@", " ": true
        default: scalar.value > 0x7F && scalar.value <= 0xFFFF && scalar.properties.isXIDContinue
        }
    }
}

/// `table` in the configured schema, or `schema.table`.
struct TableName: Sendable, Hashable {
    let schema: Identifier?
    let table: Identifier

    init(_ text: String, field: String = "table") throws(Problem) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        switch parts.count {
        case 1:
            schema = nil
            table = try Identifier(parts[0], field: field)
        case 2:
            schema = try Identifier(parts[0], field: field)
            table = try Identifier(parts[1], field: field)
        default:
            throw .badRequest("\(field): '\(text)' is neither a table nor database.table")
        }
    }

    var quoted: String { schema.map { "\($0.quoted).\(table.quoted)" } ?? table.quoted }
}
