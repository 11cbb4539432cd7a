import Foundation
import MariaDBClient

/// A column and the value that a request gives it.
struct ColumnValue: Sendable, Hashable {
    let column: Identifier
    let value: SQLValue
}

extension SQLValue {
    /// The value to bind for a JSON value:
    /// booleans as 1 and 0; integers as integers, exact; other plain numbers as DECIMAL, exact; numbers with an exponent as
    /// DOUBLE, as in SQL; objects and arrays as their JSON text; `{"base64": "…"}` (or `{"$binary": "…"}`) as bytes. A JSON object
    /// that looks like that is to be sent as text.
    init(_ json: JSONValue, field: String) throws(Problem) {
        switch json {
        case .null: self = .null
        case .bool(let value): self = .int64(value ? 1 : 0)
        case .number(let digits): self = try SQLValue.number(digits, field: field)
        case .string(let text): self = .string(text)
        case .array: self = .string(json.text)
        case .object(let members):
            if SQLValue.isBinary(members) {
                self = try SQLValue.binary(members[0], field: field)
            } else {
                self = .string(json.text)
            }
        }
    }

    /// MariaDB's DECIMAL has 65 digits.
    private static let decimalDigitsMax = 65

    private static func number(_ digits: String, field: String) throws(Problem) -> SQLValue {
        if let number = Int64(digits) { return .int64(number) }
        if let number = UInt64(digits) { return .uint64(number) }
        let isPlain = !digits.contains { $0 == "e" || $0 == "E" }
        if isPlain {
            guard digits.count(where: \.isNumber) <= decimalDigitsMax else {
                throw .badRequest(
                    "\(field): the number \(digits.prefix(80)) has more than \(decimalDigitsMax) digits, and would be rounded; "
                        + "send it with an exponent if it may be (1.5e3), or as a string")
            }
            return .decimal(digits)
        }
        guard let number = Double(digits), number.isFinite else {
            throw .badRequest("\(field): the number \(digits.prefix(80)) is beyond any column's range")
        }
        return .double(number)
    }

    static func isBinary(_ members: [JSONMember]) -> Bool {
        members.count == 1 && (members[0].name == "base64" || members[0].name == "$binary")
    }

    private static func binary(_ member: JSONMember, field: String) throws(Problem) -> SQLValue {
        guard case .string(let text) = member.value, let data = Data(base64Encoded: text) else {
            throw .badRequest("\(field).\(member.name) must be a string in base64")
        }
        return .bytes([UInt8](data))
    }
}
