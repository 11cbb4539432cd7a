import ClusterCore
import Testing

@testable import Gateway

@Suite("JSON") struct JSONParserTests {
    private func parse(_ text: String) throws -> JSONValue { try JSONParser.parse(Array(text.utf8)) }

    @Test("Values of every kind, numbers with all their digits")
    func values() throws {
        let value = try parse(
            #" { "a" : [ 1, -0, 12345678901234567890123, 0.10, 1e-7, true, false, null, "" ], "b": {} } "#)
        #expect(
            value
                == .object([
                    JSONMember(
                        name: "a",
                        value: .array([
                            .number("1"), .number("-0"), .number("12345678901234567890123"), .number("0.10"),
                            .number("1e-7"), .bool(true), .bool(false), .null, .string(""),
                        ])), JSONMember(name: "b", value: .object([])),
                ]))
    }

    @Test(
        "Escapes",
        arguments: [
            (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"), (#""\u00e9\u20AC""#, "é€"), (#""\ud83d\ude00""#, "😀"),
            (#""a\u0000b""#, "a\u{0}b"), (#""ü😀""#, "ü😀"),
        ])
    func escapes(_ text: String, _ expected: String) throws { #expect(try parse(text) == .string(expected)) }

    @Test(
        "What is not JSON is refused",
        arguments: [
            "", " ", "{", "}", "[1,]", "[1 2]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{\"a\":1,\"a\":2}", "01",
            "+1",
            "1.", ".5", "1e", "-", "0x1", "NaN", "tru", "nulll", "\"", "\"\\x\"", "\"\\u12\"", "\"\\u12G4\"",
            "\"\\ud800\"",
            "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"a\nb\"", "1 2", "[1]]", "// c\n1", "\u{FEFF}1",
        ])
    func refused(_ text: String) { #expect(throws: JSONError.self) { try parse(text) } }

    @Test("Bytes that are not UTF-8 are refused, wherever they are")
    func notUTF8() {
        for bytes in [[0x22, 0xFF, 0x22], [0x22, 0xC0, 0x80, 0x22], [0xFF], [0x22, 0xED, 0xA0, 0x80, 0x22]] as [[UInt8]]
        {
            #expect(throws: JSONError.self) { try JSONParser.parse(bytes) }
        }
    }

    @Test("Depth is bounded")
    func depth() throws {
        let deep = JSONParser.depthMax
        _ = try parse(String(repeating: "[", count: deep) + String(repeating: "]", count: deep))
        #expect(throws: JSONError.self) { try parse(String(repeating: "[", count: 1_000_000)) }
        #expect(throws: JSONError.self) { try parse(String(repeating: "{\"a\":", count: deep + 1)) }
    }

    @Test("Random values survive writing and reading; random bytes never trap", arguments: [UInt64(1), 2, 3])
    func roundTrip(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        for _ in 0..<500 {
            let value = randomValue(&random, depth: 0)
            #expect(try parse(value.text) == value)
            var bytes = Array(value.text.utf8)
            for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
                bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            do { _ = try JSONParser.parse(bytes) } catch { #expect(error.offset <= bytes.count) }
        }
    }

    private func randomValue(_ random: inout SplitMix64, depth: Int) -> JSONValue {
        switch Int.random(in: 0...(depth > 4 ? 3 : 5), using: &random) {
        case 0: return .null
        case 1: return .bool(Bool.random(using: &random))
        case 2: return .number(String(Int64.random(in: .min ... .max, using: &random)) + (depth % 2 == 0 ? ".50" : ""))
        case 3: return .string(random.text())
        case 4: return .array((0..<random.count()).map { _ in randomValue(&random, depth: depth + 1) })
        default:
            let names = Set((0..<random.count()).map { _ in random.text() })
            return .object(names.sorted().map { JSONMember(name: $0, value: randomValue(&random, depth: depth + 1)) })
        }
    }
}

extension SplitMix64 {
    mutating func count() -> Int { Int.random(in: 0...5, using: &self) }

    /// Text that is hard on quoting: quotes, backslashes, NUL, comments, other planes.
    mutating func text() -> String {
        let pieces = [
            "'", "\"", "`", "\\", "\u{0}", "--", "/*", "*/", ";", "?", "%", "_", "\n", "\r", "\u{1A}", "é", "€", "😀",
            "a", "B", "0", " ", "NULL", "' OR 1=1 -- ", "\\'", "${x}", "\u{2028}",
        ]
        return (0..<count()).map { _ in pieces.randomElement(using: &self) ?? "" }.joined()
    }
}
