import Foundation
import HTTPTypes
import HummingbirdTesting
import LabSupport
import MariaDBClient
import Testing

@testable import Gateway

@Suite("Values by HTTP") struct QueryTypeTests {
    private static let columns: [(name: String, type: String, shown: String, cases: [(sql: String, json: String)])] = [
        ("a", "TINYINT", "TINYINT", [("-128", "-128")]),
        ("b", "TINYINT UNSIGNED", "TINYINT UNSIGNED", [("255", "255")]),
        ("c", "SMALLINT", "SMALLINT", [("-32768", "-32768")]),
        ("d", "MEDIUMINT UNSIGNED", "MEDIUMINT UNSIGNED", [("16777215", "16777215")]),
        ("e", "INT UNSIGNED", "INT UNSIGNED", [("4294967295", "4294967295")]),
        (
            "f", "BIGINT", "BIGINT",
            [("-9223372036854775808", "-9223372036854775808"), ("9007199254740993", "9007199254740993")]
        ),
        ("g", "BIGINT UNSIGNED", "BIGINT UNSIGNED", [("18446744073709551615", "18446744073709551615")]),
        (
            "h", "DECIMAL(65,30)", "DECIMAL",
            [
                (
                    "12345678901234567890123456789012345.000000000000000000000000000001",
                    "\"12345678901234567890123456789012345.000000000000000000000000000001\""
                )
            ]
        ),
        ("i", "DECIMAL(10,2)", "DECIMAL", [("-0.10", "\"-0.10\"")]),
        ("j", "FLOAT", "FLOAT", [("0.1", "0.1"), ("3.4028234e38", "3.4028235e+38"), ("16777217", "16777216.0")]),
        (
            "k", "DOUBLE", "DOUBLE",
            [
                ("0.1", "0.1"), ("1.7976931348623157e308", "1.7976931348623157e+308"), ("5e-324", "5e-324"),
                ("0.30000000000000004", "0.30000000000000004"),
            ]
        ),
        ("l", "DATE", "DATE", [("'2024-02-29'", "\"2024-02-29\""), ("'0000-00-00'", "\"0000-00-00\"")]),
        ("m", "TIME(6)", "TIME", [("'-838:59:58.000001'", "\"-838:59:58.000001\"")]),
        (
            "n", "DATETIME(3)", "DATETIME",
            [
                ("'9999-12-31 23:59:59.999'", "\"9999-12-31 23:59:59.999\""),
                ("'2024-01-01'", "\"2024-01-01 00:00:00.000\""),
            ]
        ),
        ("o", "TIMESTAMP NULL", "TIMESTAMP", [("'2024-06-01 12:00:00'", "\"2024-06-01 12:00:00\"")]),
        ("p", "YEAR", "YEAR", [("2024", "2024")]),
        ("q", "BIT(64)", "BIT", [("0xFFFFFFFFFFFFFFFF", "18446744073709551615"), ("b'101'", "5")]),
        ("r", "BIT(1)", "BIT", [("1", "1")]),
        ("s", "CHAR(5)", "CHAR", [("'ab'", "\"ab\"")]),
        ("t", "VARCHAR(50) CHARSET latin1", "VARCHAR", [("'Grüße'", "\"Grüße\"")]),
        ("u", "LONGTEXT", "TEXT", [("'😀\\t\\\\\"\\0'", "\"😀\\t\\\\\\\"\\u0000\"")]),
        ("v", "BINARY(3)", "BINARY", [("x'00FF'", "\"AP8A\"")]),
        ("w", "VARBINARY(9)", "VARBINARY", [("x'DEADBEEF'", "\"3q2+7w==\""), ("''", "\"\"")]),
        ("x", "MEDIUMBLOB", "BLOB", [("x'0001'", "\"AAE=\"")]),
        ("y", "ENUM('one','two')", "ENUM", [("'two'", "\"two\"")]),
        ("z", "SET('x','y')", "SET", [("'x,y'", "\"x,y\"")]),
        ("aa", "JSON", "JSON", [("'{\"n\": 1.50}'", "\"{\\\"n\\\": 1.50}\"")]),
        (
            "ab", "UUID", "UUID",
            [("'123e4567-e89b-12d3-a456-426655440000'", "\"123e4567-e89b-12d3-a456-426655440000\"")]
        ),
        ("ac", "INET6", "INET6", [("'::1'", "\"::1\"")]),
        ("ad", "POINT", "POINT", [("POINT(1,2)", "\"AAAAAAEBAAAAAAAAAAAA8D8AAAAAAAAAQA==\"")]),
        ("ae", "BOOLEAN", "TINYINT", [("TRUE", "1")]), ("af", "INT(6) ZEROFILL", "INT UNSIGNED", [("42", "42")]),
    ]

    @Test("Every type is carried exactly, with its name and NULL")
    func types() async throws {
        let definition = Self.columns.map { "`\($0.name)` \($0.type) NULL" }.joined(separator: ", ")
        try await withLeader("v_types", tables: ["CREATE TABLE t (id INT PRIMARY KEY, \(definition)) CHARSET utf8mb4"])
        { client, _, runner in
            var id = 0
            for column in Self.columns {
                for (sql, json) in column.cases + [("NULL", "null")] {
                    id += 1
                    try await runner.query(
                        "SET STATEMENT sql_mode = '' FOR INSERT INTO t (id, `\(column.name)`) VALUES (\(id), \(sql))")
                    let answer = try await client.query(
                        "SELECT `\(column.name)` FROM t WHERE id = ?", "\"params\": [\(id)]")
                    let encoding =
                        ["BINARY", "VARBINARY", "BLOB", "POINT"].contains(column.shown) ? #","encoding":"base64""# : ""
                    #expect(
                        answer.text.contains(#"{"name":"\#(column.name)","type":"\#(column.shown)"\#(encoding)}"#),
                        "\(column.type): \(answer.text)")
                    #expect(answer.text.contains("\"rows\":[[\(json)]]"), "\(column.type) \(sql): \(answer.text)")
                }
            }
        }
    }

    @Test("Columns of 64 bits as strings, and JSON as values, by choice")
    func choices() async throws {
        try await withLeader("v_choices", tables: ["CREATE TABLE t (a BIGINT, b INT, c BIT(8), d JSON)"]) {
            client, _, runner in
            try await runner.query(#"INSERT INTO t VALUES (1, 2, 3, '{"n":  9007199254740993, "a": [1.10, null]}')"#)
            let strings = try await client.query("SELECT * FROM t", #""big_integers": "string", "json": "nested""#)
            #expect(
                strings.text.contains(#""rows":[["1",2,"3",{"n":9007199254740993,"a":[1.10,null]}]]"#),
                "\(strings.text)")
            #expect(
                try await client.query("SELECT a FROM t", path: "/query?big_integers=string").text.contains(#"[["1"]]"#)
            )
            #expect(
                try await client.query(
                    "SELECT a FROM t", #""big_integers": "number""#, path: "/query?big_integers=string"
                ).text.contains("[[1]]"))
            // MariaDB takes what strict JSON does not.
            try await runner.query(#"UPDATE t SET d = '{"a": 1, "a": 2}'"#)
            let odd = try await client.query("SELECT d FROM t", #""json": "nested""#)
            #expect(odd.text.contains(#"[["{\"a\": 1, \"a\": 2}"]]"#), "\(odd.text)")
        }
    }

    @Test(
        "What goes in as JSON comes out the same, by row operations and by parameters",
        arguments: [
            ("BIGINT", "-9223372036854775808", "-9223372036854775808"),
            ("BIGINT UNSIGNED", "18446744073709551615", "18446744073709551615"),
            ("BIGINT", "\"9007199254740993\"", "9007199254740993"),
            (
                "DECIMAL(65,30)", "1234567890123456789.000000000000000000000000000001",
                "\"1234567890123456789.000000000000000000000000000001\""
            ),
            (
                "DECIMAL(65,0)", "\"12345678901234567890123456789012345678901234567890123456789012345\"",
                "\"12345678901234567890123456789012345678901234567890123456789012345\""
            ),
            ("DOUBLE", "1e-7", "1e-07"), ("DOUBLE", "0.1", "0.1"), ("DOUBLE", "2.5e300", "2.5e+300"),
            ("BOOLEAN", "true", "1"), ("BIT(9)", "257", "257"),
            ("LONGBLOB", #"{"base64": "AP8AJyJcYA=="}"#, #""AP8AJyJcYA==""#),
            ("VARBINARY(9)", #"{"$binary": ""}"#, #""""#),
            ("JSON", #"{"base64": "x", "b": 1}"#, #""{\"base64\":\"x\",\"b\":1}""#),
            ("JSON", "[1, 2.50]", #""[1,2.50]""#),
            ("TEXT", #""\u0000😀'\"\\`""#, #""\u0000😀'\"\\`""#),
            ("DATETIME(6)", #""2024-02-29 01:02:03.000004""#, #""2024-02-29 01:02:03.000004""#),
            ("UUID", #""123e4567-e89b-12d3-a456-426655440000""#, #""123e4567-e89b-12d3-a456-426655440000""#),
        ])
    func roundTrip(_ type: String, _ value: String, _ shown: String) async throws {
        try await withLeader("v_round", tables: ["CREATE TABLE t (id INT PRIMARY KEY, v \(type)) CHARSET utf8mb4"]) {
            client, _, _ in
            let body = """
                {"operations": [{"insert": {"table": "t", "values": {"id": 1, "v": \(value)}}},
                {"sql": "INSERT INTO t VALUES (?, ?)", "params": [2, \(value)]}]}
                """
            let written = try await client.post("/write/transaction", body)
            #expect(written.status == .ok, "\(written.text)")
            let answer = try await client.query("SELECT v FROM t ORDER BY id")
            #expect(answer.text.contains("\"rows\":[[\(shown)],[\(shown)]]"), "\(answer.text)")
        }
    }

    @Test(
        "Numbers that no column could hold exactly are refused, and so is bad base64",
        arguments: [
            "1." + String(repeating: "1", count: 65), "1e999", #"{"base64": "?"}"#, #"{"base64": 7}"#,
        ])
    func inexact(_ value: String) throws {
        #expect(throws: Problem.self) {
            try WriteRequest(.insert, body: Array(#"{"table": "t", "values": {"a": \#(value)}}"#.utf8))
        }
    }
}
