import LabSupport
import MariaDBWire
import NIOCore
import Testing

@testable import Gateway

/// A server leaves out definitions of columns that it has told; what it has told is not what the other one has.
@Suite("Definitions of columns are left out for clients that have them", .serialized) struct CachedMetadataTests {
    @Test("Two databases whose tables differ, and a failover", arguments: [Capabilities(), .deprecateEOF])
    func twoDatabases(more: Capabilities) async throws {
        let leader = try await SharedServer.server()
        try await ProxyFixture.makeAccounts(leader)
        try await MariaDBServer.withServer(id: 12, options: SharedServer.options) { replica in
            try await ProxyFixture.makeAccounts(replica)
            for server in [leader, replica] {
                // More rows than packets have numbers.
                try await server.sql(
                    """
                    CREATE OR REPLACE TABLE shop.cm (a INT, server INT);
                    INSERT INTO shop.cm SELECT 1, @@server_id FROM seq_1_to_300
                    """)
            }
            try await ProxyFixture.with(leader: leader, replica: replica) {
                $0.readConsistency = .eventual
            } _: { fixture in
                var client = try await StatementClient(port: fixture.port, more: more)
                try await client.prepare("SELECT * FROM shop.cm")
                try await client.expect(.leftOut, "12")
                try await client.query("BEGIN")
                try await client.expect(.leftOut, "7")
                // Longer definitions, as after an ALTER TABLE that a replica has yet to apply.
                try await client.query("ALTER TABLE shop.cm MODIFY a VARCHAR(400)")
                try await client.query("BEGIN")
                try await client.expect(.told, "7")
                try await client.expect(.leftOut, "7")
                try await client.query("COMMIT")
                try await client.expect(.told, "12")
                try await client.expect(.leftOut, "12")
                try await client.query("BEGIN")
                try await client.expect(.told, "7")
                try await client.expect(.leftOut, "7")
                try await client.query("COMMIT")

                fixture.proxy.update(ProxyFixture.view(leader: nil, epoch: 0))
                fixture.proxy.update(ProxyFixture.view(leader: replica, epoch: 2))
                // A statement may still meet the old leader, which lives.
                let asked = client
                try await MariaDBServer.eventually("the client is at the next leader") {
                    try await asked.value("SELECT @@server_id") == "12"
                }
                try await client.query("BEGIN")
                try await client.expect(.told, "12")
                try await client.expect(.leftOut, "12")
                try await client.query("COMMIT")
                try await client.prepare("SELECT a, server FROM shop.cm")
                try await client.expect(.leftOut, "12")
            }
        }
    }

    @Test("A statement without columns when it was prepared, and one that fails")
    func unknownColumns() async throws {
        let server = try await SharedServer.server()
        try await ProxyFixture.makeAccounts(server)
        try await server.sql(
            "USE shop; CREATE OR REPLACE PROCEDURE cmp() SELECT 1, 2, @@server_id; CREATE OR REPLACE TABLE cmf (a INT)")
        try await ProxyFixture.with(leader: server, replica: server) {
            $0.readConsistency = .eventual
        } _: { fixture in
            var client = try await StatementClient(port: fixture.port)
            try await client.prepare("CALL shop.cmp()")
            for _ in 0..<2 { try await client.expect(.told, "7", rows: 1, thenOK: true) }
            try await client.prepare("SELECT (SELECT 1 UNION SELECT a), 7 FROM shop.cmf")
            try await client.expect(.leftOut, "7", rows: 0)
            try await client.query("INSERT INTO shop.cmf VALUES (5)")
            await #expect(throws: LabError.self) { try await client.expect(.leftOut, "7", rows: 1) }
            try await client.query("DELETE FROM shop.cmf")
            try await client.expect(.leftOut, "7", rows: 0)
        }
    }
}

/// A client of one prepared statement with cached metadata, which reads rows by the definitions that it was told last, like libmariadb.
private struct StatementClient {
    enum Definitions { case told, leftOut }

    private let connection: RawClient
    private let deprecatesEOF: Bool
    private var statement: UInt32 = 0
    private var definitions: [[UInt8]] = []

    init(port: Int, more: Capabilities = []) async throws {
        connection = try RawClient(port: port)
        deprecatesEOF = more.contains(.deprecateEOF)
        let wanted: Capabilities = [
            .cachedMetadata, .multiResults, .preparedMultiResults, .transactions,
        ]
        try await connection.login(with: wanted.union(more))
    }

    /// The next packet, which must have that number.
    private func packet(_ number: inout UInt8) async throws -> ByteBuffer {
        let header = try await connection.exactly(4)
        guard header.count == 4 else { throw LabError("nothing more comes") }
        guard header[3] == number else { throw LabError("packet \(header[3]), wanted \(number)") }
        number &+= 1
        let payload = try await connection.exactly(Int(header[0]) | Int(header[1]) << 8 | Int(header[2]) << 16)
        if payload.first == 0xFF {
            throw LabError("error: \(String(decoding: payload.dropFirst(9), as: UTF8.self))")
        }
        return ByteBuffer(bytes: payload)
    }

    func query(_ text: String) async throws {
        connection.packet([Command.query] + Array(text.utf8), sequence: 0)
        var number: UInt8 = 1
        _ = try await packet(&number)
    }

    func value(_ text: String) async throws -> String? {
        connection.packet([Command.query] + Array(text.utf8), sequence: 0)
        var number: UInt8 = 1
        _ = try await packet(&number)
        _ = try await columns(1, &number)
        var row = try await packet(&number)
        _ = try await packet(&number)
        return row.readLengthEncodedString()
    }

    private func columns(_ count: Int, _ number: inout UInt8) async throws -> [[UInt8]] {
        var found: [[UInt8]] = []
        for _ in 0..<count { found.append(Array(buffer: try await packet(&number))) }
        if count > 0, !deprecatesEOF { _ = try await packet(&number) }
        return found
    }

    mutating func prepare(_ text: String) async throws {
        connection.packet([Command.prepare] + Array(text.utf8), sequence: 0)
        var number: UInt8 = 1
        var head = try await packet(&number)
        head.moveReaderIndex(forwardBy: 1)
        statement = head.readInteger(endianness: .little) ?? 0
        let count = head.readInteger(endianness: .little, as: UInt16.self) ?? 0
        definitions = try await columns(Int(count), &number)
    }

    /// Executes it, and expects every row to be as the client's definitions say, the last value the number of a server.
    mutating func expect(
        _ wanted: Definitions, _ server: String, rows: Int = 300, thenOK: Bool = false,
        at location: SourceLocation = #_sourceLocation
    ) async throws {
        var command = ByteBuffer(bytes: [Command.execute])
        command.writeInteger(statement, endianness: .little)
        command.writeBytes([0, 1, 0, 0, 0])
        connection.packet(Array(buffer: command), sequence: 0)
        var number: UInt8 = 1
        var head = try await packet(&number)
        let count = Int(head.readInteger(as: UInt8.self) ?? 0)
        let follow = head.readInteger(as: UInt8.self) == 1
        #expect(follow == (wanted == .told), sourceLocation: location)
        if follow {
            definitions = try await columns(count, &number)
        } else if !deprecatesEOF {
            _ = try await packet(&number)
        }
        #expect(definitions.count == count, sourceLocation: location)
        let types = definitions.map(Self.type)
        var found = 0
        while true {
            var row = try await packet(&number)
            if row.readInteger(as: UInt8.self) == 0xFE { break }
            row.moveReaderIndex(forwardBy: (types.count + 2 + 7) / 8)
            var values: [String] = []
            for type in types { values.append(Self.value(type, &row)) }
            guard row.readableBytes == 0, values.last == server else {
                throw LabError("values \(values), \(row.readableBytes) bytes left")
            }
            found += 1
        }
        #expect(found == rows, sourceLocation: location)
        // The procedure's own.
        if thenOK { _ = try await packet(&number) }
    }

    private static func type(_ definition: [UInt8]) -> UInt8 { definition[definition.count - 6] }

    private static func value(_ type: UInt8, _ row: inout ByteBuffer) -> String {
        switch type {
        case 0x03: "\(row.readInteger(endianness: .little, as: Int32.self) ?? -1)"
        case 0x08: "\(row.readInteger(endianness: .little, as: Int64.self) ?? -1)"
        default: row.readLengthEncodedString() ?? "?"
        }
    }
}
