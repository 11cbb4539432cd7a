/// Cuts a statement into tokens the way MariaDB's lexer does (sql/sql_lex.cc), for ASCII-compatible character sets.
///
/// It knows no grammar. It never reads past its bytes, whatever they are.
struct SQLLexer {
    private let bytes: UnsafeRawBufferPointer
    private let dialect: SQLDialect
    private(set) var position = 0

    init(_ bytes: UnsafeRawBufferPointer, dialect: SQLDialect) {
        self.bytes = bytes
        self.dialect = dialect
    }

    /// The next token; nil at the end.
    mutating func next() -> SQLToken? {
        if let broken = skipBlanks() { return broken }
        guard position < bytes.count else { return nil }
        let start = position
        let byte = bytes[start]
        switch byte {
        case UInt8(ascii: "'"): return quoted(byte, .string)
        case UInt8(ascii: "\""): return quoted(byte, dialect.contains(.ansiQuotes) ? .quotedName : .string)
        case UInt8(ascii: "`"): return quoted(byte, .quotedName)
        case UInt8(ascii: "@"): return variable()
        case UInt8(ascii: "0")...UInt8(ascii: "9"): return numberOrWord()
        case _ where Self.isWordByte(byte): return word()
        default:
            position += 1
            return SQLToken(kind: .symbol(byte), range: start..<position)
        }
    }

    func peek(_ offset: Int = 0) -> UInt8? { position + offset < bytes.count ? bytes[position + offset] : nil }

    /// Skips space and comments; returns a token only for what is none of them after all.
    private mutating func skipBlanks() -> SQLToken? {
        while let byte = peek() {
            switch byte {
            case 0x09...0x0D, 0x20: position += 1
            case UInt8(ascii: "#"): skipLine()
            case UInt8(ascii: "-"):
                // Two hyphens begin a comment only before a space or control character, or at the end.
                guard peek(1) == UInt8(ascii: "-"), (peek(2) ?? 0x20) <= 0x20 else { return nil }
                skipLine()
            case UInt8(ascii: "/"):
                guard peek(1) == UInt8(ascii: "*") else { return nil }
                if let token = skipComment() { return token }
            case UInt8(ascii: "*"):
                // The end of an executable comment, whose inside is scanned as a part of the statement.
                guard executableDepth > 0, peek(1) == UInt8(ascii: "/") else { return nil }
                executableDepth -= 1
                position += 2
            default: return nil
            }
        }
        return nil
    }

    private var executableDepth = 0

    private mutating func skipLine() {
        while let byte = peek(), byte != 0x0A { _ = byte; position += 1 }
    }

    private mutating func skipComment() -> SQLToken? {
        let start = position
        let isExecutable =
            peek(2) == UInt8(ascii: "!") || (peek(2) == UInt8(ascii: "M") && peek(3) == UInt8(ascii: "!"))
        if isExecutable {
            executableDepth += 1
            position += peek(2) == UInt8(ascii: "!") ? 3 : 4
            while let byte = peek(), (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position += 1 }
            return SQLToken(kind: .executableComment, range: start..<position)
        }
        position += 2
        while let byte = peek() {
            if byte == UInt8(ascii: "*"), peek(1) == UInt8(ascii: "/") {
                position += 2
                return nil
            }
            position += 1
        }
        return SQLToken(kind: .broken, range: start..<position)
    }

    private mutating func quoted(_ quote: UInt8, _ kind: SQLToken.Kind) -> SQLToken {
        let start = position
        position += 1
        let escapes = kind == .string && !dialect.contains(.noBackslashEscapes)
        while let byte = peek() {
            if byte == quote {
                position += 1
                guard peek() == quote else { return SQLToken(kind: kind, range: start..<position) }
            } else if byte == UInt8(ascii: "\\"), escapes {
                position += 1
            }
            position += 1
        }
        position = min(position, bytes.count)
        return SQLToken(kind: .broken, range: start..<position)
    }

    private mutating func variable() -> SQLToken {
        let start = position
        position += 1
        if peek() == UInt8(ascii: "@") {
            position += 1
            while let byte = peek(), Self.isWordByte(byte) || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "`") {
                position += 1
            }
            return SQLToken(kind: .systemVariable, range: start..<position)
        }
        switch peek() {
        case UInt8(ascii: "'"), UInt8(ascii: "\""), UInt8(ascii: "`"):
            let name = quoted(bytes[position], .string)
            return SQLToken(kind: name.kind == .broken ? .broken : .userVariable, range: start..<position)
        default:
            while let byte = peek(), Self.isWordByte(byte) || byte == UInt8(ascii: ".") { position += 1 }
            return SQLToken(kind: .userVariable, range: start..<position)
        }
    }

    /// `12`, `1.5e3`, `0x1F`, and names that begin with a digit.
    private mutating func numberOrWord() -> SQLToken {
        let start = position
        var isNumber = true
        while let byte = peek() {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): position += 1
            case UInt8(ascii: ".") where isNumber: position += 1
            case UInt8(ascii: "+"), UInt8(ascii: "-"):
                let before = bytes[position - 1] | 0x20
                guard before == UInt8(ascii: "e"), Self.isExponent(bytes[start..<position]) else {
                    return SQLToken(kind: isNumber ? .number : .word, range: start..<position)
                }
                isNumber = true
                position += 1
            case _ where Self.isWordByte(byte):
                isNumber = false
                position += 1
            default: return SQLToken(kind: isNumber ? .number : .word, range: start..<position)
            }
        }
        return SQLToken(kind: isNumber ? .number : .word, range: start..<position)
    }

    private static func isExponent(_ text: Slice<UnsafeRawBufferPointer>) -> Bool {
        text.dropLast().allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: ".") }
    }

    private mutating func word() -> SQLToken {
        let start = position
        while let byte = peek(), Self.isWordByte(byte) { position += 1 }
        // A word right before a quote is a string's introducer or prefix: _utf8'…', N'…', x'…'.
        return SQLToken(kind: .word, range: start..<position)
    }

    static func isWordByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "$"), 0x80...0xFF:
            true
        default: false
        }
    }
}
