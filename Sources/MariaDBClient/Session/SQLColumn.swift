import CMariaDB

/// A column of a result set, as the server describes it.
public struct SQLColumn: Sendable, Hashable {
    /// How a value is carried.
    public enum Kind: Sendable, Hashable {
        /// `isLong`: of 64 bits.
        case integer(isUnsigned: Bool, isLong: Bool)
        /// Up to 64 bits, the first one first.
        case bits
        case float
        case double
        /// Exact digits.
        case decimal
        /// Dates and times, as the server prints them.
        case time
        case text
        /// Text that the server knows to be JSON.
        case json
        /// Bytes without a character set.
        case binary
        /// The server's own form: the SRID in four bytes, then WKB.
        case geometry
    }

    public var name: String
    /// As in a definition, without lengths: `BIGINT UNSIGNED`, `VARBINARY`, `UUID`.
    public var type: String
    public var kind: Kind

    public init(name: String, type: String, kind: Kind) {
        self.name = name
        self.type = type
        self.kind = kind
    }
}

extension SQLColumn {
    init(_ field: MYSQL_FIELD) {
        name = SQLColumn.text(field.name, field.name_length)
        let isUnsigned = field.flags & UInt32(UNSIGNED_FLAG) != 0
        // The number of the character set `binary`.
        let isBinary = field.charsetnr == 63
        let special = SQLColumn.attribute(field, MARIADB_FIELD_ATTR_DATA_TYPE_NAME)
        func integer(_ name: String, isLong: Bool = false) -> (String, Kind) {
            (isUnsigned ? name + " UNSIGNED" : name, .integer(isUnsigned: isUnsigned, isLong: isLong))
        }
        func string(_ text: String, _ bytes: String) -> (String, Kind) {
            if let special { return (special.uppercased(), .text) }
            if SQLColumn.attribute(field, MARIADB_FIELD_ATTR_FORMAT_NAME) == "json" { return ("JSON", .json) }
            if field.flags & UInt32(ENUM_FLAG) != 0 { return ("ENUM", .text) }
            if field.flags & UInt32(SET_FLAG) != 0 { return ("SET", .text) }
            return isBinary ? (bytes, .binary) : (text, .text)
        }
        (type, kind) =
            switch field.type {
            case MYSQL_TYPE_TINY: integer("TINYINT")
            case MYSQL_TYPE_SHORT: integer("SMALLINT")
            case MYSQL_TYPE_INT24: integer("MEDIUMINT")
            case MYSQL_TYPE_LONG: integer("INT")
            case MYSQL_TYPE_LONGLONG: integer("BIGINT", isLong: true)
            case MYSQL_TYPE_YEAR: ("YEAR", .integer(isUnsigned: true, isLong: false))
            case MYSQL_TYPE_BIT: ("BIT", .bits)
            case MYSQL_TYPE_FLOAT: (isUnsigned ? "FLOAT UNSIGNED" : "FLOAT", .float)
            case MYSQL_TYPE_DOUBLE: (isUnsigned ? "DOUBLE UNSIGNED" : "DOUBLE", .double)
            case MYSQL_TYPE_DECIMAL, MYSQL_TYPE_NEWDECIMAL: (isUnsigned ? "DECIMAL UNSIGNED" : "DECIMAL", .decimal)
            case MYSQL_TYPE_DATE, MYSQL_TYPE_NEWDATE: ("DATE", .time)
            case MYSQL_TYPE_TIME, MYSQL_TYPE_TIME2: ("TIME", .time)
            case MYSQL_TYPE_DATETIME, MYSQL_TYPE_DATETIME2: ("DATETIME", .time)
            case MYSQL_TYPE_TIMESTAMP, MYSQL_TYPE_TIMESTAMP2: ("TIMESTAMP", .time)
            case MYSQL_TYPE_GEOMETRY: (special?.uppercased() ?? "GEOMETRY", .geometry)
            case MYSQL_TYPE_STRING: string("CHAR", "BINARY")
            case MYSQL_TYPE_ENUM: ("ENUM", .text)
            case MYSQL_TYPE_SET: ("SET", .text)
            case MYSQL_TYPE_TINY_BLOB, MYSQL_TYPE_MEDIUM_BLOB, MYSQL_TYPE_LONG_BLOB, MYSQL_TYPE_BLOB:
                string("TEXT", "BLOB")
            case MYSQL_TYPE_NULL: ("NULL", .text)
            default: string("VARCHAR", "VARBINARY")
            }
    }

    /// What the server adds to a type: `uuid`, `inet6`, `point`; `json` as a format.
    private static func attribute(_ field: MYSQL_FIELD, _ kind: mariadb_field_attr_t) -> String? {
        var value = MARIADB_CONST_STRING()
        let missing = withUnsafePointer(to: field) { mariadb_field_attr(&value, $0, kind) }
        guard missing == 0, let start = value.str, value.length > 0 else { return nil }
        return text(start, UInt32(clamping: value.length))
    }

    private static func text(_ start: UnsafePointer<CChar>?, _ length: UInt32) -> String {
        guard let start else { return "" }
        return String(decoding: UnsafeRawBufferPointer(start: start, count: Int(length)), as: UTF8.self)
    }
}
