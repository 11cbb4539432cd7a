import MariaDBClient
import Testing

@testable import Gateway

@Suite("Write requests and their statements") struct WriteRequestTests {
    private func request(_ form: WriteRequest.Form, _ body: String) throws -> WriteRequest {
        try WriteRequest(form, body: Array(body.utf8))
    }

    @Test("An insert of the seed's shape")
    func insert() throws {
        guard
            case .insert(let insert) = try request(
                .insert, #"{"table": "users", "values": {"id": 1, "name": "Alice"}}"#)
        else { return }
        let statement = WriteStatement(insert)
        #expect(statement.sql == "INSERT INTO `users` (`id`, `name`) VALUES (?, ?)")
        #expect(statement.parameters == [1, "Alice"])
    }

    @Test("An update; a null in where_key is IS NULL")
    func update() throws {
        let body = #"{"table": "a.b c", "set": {"x": null, "y": true}, "where_key": {"k": null, "l": 2, "m": "x"}}"#
        guard case .update(let update) = try request(.update, body) else { return }
        let statement = WriteStatement(update)
        #expect(statement.sql == "UPDATE `a`.`b c` SET `x` = ?, `y` = ? WHERE `k` IS NULL AND `l` = ? AND `m` = ?")
        #expect(statement.parameters == [.null, 1, 2, "x"])
    }

    @Test("A delete; an insert of defaults")
    func others() throws {
        guard case .delete(let delete) = try request(.delete, #"{"table": "t", "where_key": {"id": 1}}"#),
            case .insert(let insert) = try request(.insert, #"{"table": "t", "values": {}}"#)
        else { return }
        #expect(WriteStatement(delete).sql == "DELETE FROM `t` WHERE `id` = ?")
        #expect(WriteStatement(insert).sql == "INSERT INTO `t` () VALUES ()")
    }

    @Test(
        "Values keep their types",
        arguments: [
            ("null", SQLValue.null), ("true", .int64(1)), ("false", .int64(0)), ("7", .int64(7)), ("-7", .int64(-7)),
            ("9007199254740993", .int64(9_007_199_254_740_993)), ("9223372036854775807", .int64(.max)),
            ("18446744073709551615", .uint64(.max)), ("18446744073709551616", .decimal("18446744073709551616")),
            ("1.10", .decimal("1.10")), ("1e3", .double(1000)), (#""x""#, .string("x")),
            (#"[1, {"a": 0.10}]"#, .string(#"[1,{"a":0.10}]"#)), (#"{"a": "b"}"#, .string(#"{"a":"b"}"#)),
            (#"{"$binary": "AP8="}"#, .bytes([0, 255])),
        ])
    func values(_ json: String, _ expected: SQLValue) throws {
        #expect(try SQLValue(JSONParser.parse(Array(json.utf8)), field: "f") == expected)
    }

    @Test(
        "What is wrong is named",
        arguments: [
            ("insert", "x", "not JSON"), ("insert", "[]", "an array"), ("insert", "{}", "'table'"),
            ("insert", #"{"table": "t"}"#, "'values'"), ("insert", #"{"table": 1, "values": {}}"#, "'table'"),
            ("insert", #"{"table": "t", "values": []}"#, "'values'"),
            ("insert", #"{"table": "", "values": {}}"#, "table"),
            ("insert", #"{"table": "t", "values": {"a": 1, "A": 2}}"#, "twice"),
            ("insert", #"{"table": "t", "values": {"a": 1, "a": 2}}"#, "twice"),
            ("insert", #"{"table": "t", "values": {"a`b": 1}}"#, "U+60"),
            ("insert", #"{"table": "a.b.c", "values": {}}"#, "a.b.c"),
            ("insert", #"{"table": "t;x", "values": {}}"#, "U+3B"),
            ("insert", #"{"table": "t", "values": {"a.b": 1}}"#, "U+2E"),
            ("insert", #"{"table": "t", "values": {"a": {"$binary": "?"}}}"#, "$binary"),
            ("insert", #"{"table": "t", "values": {}, "extra": 1}"#, "'extra'"),
            ("insert", #"{"table": "t", "values": {"a": 1e999}}"#, "values.a"),
            ("update", #"{"table": "t", "set": {}, "where_key": {"a": 1}}"#, "'set'"),
            ("update", #"{"table": "t", "set": {"a": 1}, "where_key": {}}"#, "'where_key'"),
            ("update", #"{"table": "t", "set": {"a": 1}}"#, "'where_key'"),
            ("delete", #"{"table": "t", "where_key": {}}"#, "'where_key'"),
            ("delete", #"{"table": "t"}"#, "'where_key'"),
            ("delete", #"{"table": "t", "where_key": {"a": [1]}}"#, "where_key.a"),
            ("delete", #"{"table": "t", "where_key": {"a": {}}}"#, "where_key.a"),
            ("delete", #"{"table": "t", "where": {"a": 1}}"#, "'where'"), ("ddl", #"{"ddl": 1}"#, "'ddl'"),
        ])
    func wrong(_ form: String, _ body: String, _ named: String) throws {
        let form = try #require(WriteRequest.Form(rawValue: form))
        let problem = #expect(throws: Problem.self) { try request(form, body) }
        #expect(problem?.status == 400)
        #expect(problem?.detail.contains(named) == true, "\(problem?.detail ?? "")")
    }

    @Test("Names: 64 characters, letters of the first plane")
    func names() throws {
        let long = String(repeating: "ü", count: 64)
        #expect(try Identifier(long, field: "f").quoted == "`\(long)`")
        for name in [long + "x", "😀", " a", "a ", "a\u{0}", "a/b", "a\\b", "a'b", "a(b)", "a\nb"] {
            #expect(throws: Problem.self) { try Identifier(name, field: "f") }
        }
    }

    @Test(
        "DDL: one statement of the five kinds",
        arguments: [
            ("ALTER TABLE users ADD COLUMN email VARCHAR(255)", nil),
            ("create table t (a int);", "create table t (a int)"),
            ("  /* why */ -- because\n DROP TABLE t ; # end", "  /* why */ -- because\n DROP TABLE t "),
            ("RENAME TABLE a TO b", nil), ("TRUNCATE t", nil), ("CREATE TABLE t (a TEXT DEFAULT ';')", nil),
            ("CREATE TABLE `a;b` (c INT COMMENT \"x;y\\\";z\")", nil),
            ("CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END", nil),
            ("DROP TABLE IF EXISTS t; ;;", "DROP TABLE IF EXISTS t"),
        ])
    func ddl(_ text: String, _ expected: String?) throws {
        #expect(try DDLStatement(text).sql == expected ?? text)
    }

    @Test(
        "DDL: anything else is refused",
        arguments: [
            "", ";", "INSERT INTO t VALUES (1)", "SELECT 1", "SET GLOBAL read_only=0", "/*! DROP TABLE t */",
            "'CREATE'",
            "CREATE TABLE a (b INT); DROP TABLE c", "CREATE TABLE a (b INT);/*!DROP TABLE c*/",
            "-- CREATE TABLE a (b INT)",
            "CREATE TEMPORARY TABLE t (a INT)", "create or replace temporary table t (a int)", "DROP TEMPORARY TABLE t",
            "BEGIN; CREATE TABLE a (b INT)", "GRANT ALL ON *.* TO x", "KILL 5", "`CREATE` TABLE",
        ])
    func notDDL(_ text: String) {
        let problem = #expect(throws: Problem.self) { try DDLStatement(text) }
        #expect(problem?.status == 400)
    }
}
