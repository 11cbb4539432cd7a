/// How one column's values lie in a row image. The raw values are on the wire between members.
struct ColumnForm: Hashable, Sendable {
    enum Kind: UInt8, Sendable {
        /// `width` bytes, least significant first where it is a number.
        case little = 0
        /// `width` bytes, most significant first.
        case big = 1
        /// A length of `width` bytes, least significant first, and so many bytes.
        case variable = 2
    }

    var kind: Kind
    /// In bytes; of the length when the column is variable.
    var width: UInt8

    static let lengthWidthMax: UInt8 = 4

    init(_ kind: Kind, _ width: Int) {
        self.kind = kind
        self.width = UInt8(truncatingIfNeeded: width)
    }

    /// Nil for what no sender writes.
    init?(kind: UInt8, width: UInt8) {
        guard let kind = Kind(rawValue: kind), width > 0 else { return nil }
        if kind == .variable, !(1...ColumnForm.lengthWidthMax).contains(width) { return nil }
        self.kind = kind
        self.width = width
    }
}

extension ColumnForm {
    /// Takes a column's metadata off the front of `metadata`, as MariaDB's `table_def` reads it (sql/rpl_utility.cc), and tells
    /// from it and the type how long a value is (`calc_field_size`, sql/log_event_server.cc). Nil when it can't be told.
    init?(type: UInt8, metadata: inout ArraySlice<UInt8>) {
        switch type {
        case 1, 13: self.init(.little, 1)  // TINY, YEAR
        case 2: self.init(.little, 2)  // SHORT
        case 9, 10, 11, 14: self.init(.little, 3)  // INT24, DATE, TIME, NEWDATE
        case 3, 7: self.init(.little, 4)  // LONG, TIMESTAMP
        case 8, 12: self.init(.little, 8)  // LONGLONG, DATETIME
        case 4, 5:  // FLOAT, DOUBLE
            guard let width = metadata.popFirst(), width == 4 || width == 8 else { return nil }
            self.init(.little, Int(width))
        case 17, 18, 19:  // TIMESTAMP2, DATETIME2, TIME2
            guard let decimals = metadata.popFirst(), decimals <= 6 else { return nil }
            self.init(.big, [4, 5, 3][Int(type) - 17] + (Int(decimals) + 1) / 2)
        case 246:  // NEWDECIMAL
            guard let precision = metadata.popFirst(), let scale = metadata.popFirst(), scale <= precision,
                (1...65).contains(precision)
            else { return nil }
            self.init(.big, Self.decimalBytes(Int(precision - scale)) + Self.decimalBytes(Int(scale)))
        case 16:  // BIT
            guard let bits = metadata.popFirst(), let bytes = metadata.popFirst(), bits < 8, bytes <= 8,
                bits + bytes > 0
            else {
                return nil
            }
            self.init(.big, Int(bytes) + (bits > 0 ? 1 : 0))
        case 15:  // VARCHAR
            guard let low = metadata.popFirst(), let high = metadata.popFirst() else { return nil }
            _ = low
            self.init(.variable, high == 0 ? 1 : 2)
        case 249...252, 255:  // TINY_, MEDIUM_, LONG_BLOB, BLOB, GEOMETRY
            guard let width = metadata.popFirst(), (1...Self.lengthWidthMax).contains(width) else { return nil }
            self.init(.variable, Int(width))
        case 247, 248, 254:  // ENUM, SET, STRING: the true type and the length share two bytes
            guard let first = metadata.popFirst(), let second = metadata.popFirst() else { return nil }
            if first == 247 || first == 248 {
                guard (1...8).contains(second) else { return nil }
                self.init(.little, Int(second))
            } else {
                self.init(.variable, first & 0x30 == 0x30 ? 1 : 2)
            }
        default: return nil
        }
    }

    /// Nine decimal digits take four bytes, fewer take what they need.
    private static func decimalBytes(_ digits: Int) -> Int {
        digits / 9 * 4 + [0, 1, 1, 2, 2, 3, 3, 4, 4][digits % 9]
    }
}
