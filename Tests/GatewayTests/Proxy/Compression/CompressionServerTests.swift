import ClusterCore
import Foundation
import LabSupport
import MariaDBClient
import MariaDBWire
import NIOCore
import Testing

@testable import Gateway

@Suite("Clients that compress", .serialized) struct CompressionServerTests {
    private func withProxy(
        settings: @Sendable (inout ProxyConfiguration) -> Void = { _ in },
        _ body: (ProxyFixture) async throws -> Void
    ) async throws {
        let server = try await SharedServer.server()
        try await ProxyFixture.makeAccounts(server)
        // A server alone has no replica's position to wait for.
        try await ProxyFixture.with(leader: server, replica: server) {
            $0.readConsistency = .eventual
            settings(&$0)
        } _: {
            try await body($0)
            try await $0.placeIsFree()
        }
    }

    /// What the `mariadb` program answers to that input.
    private func mariadb(_ fixture: ProxyFixture, _ arguments: [String] = [], _ input: String) async throws -> [String]
    {
        try await MariaDBServer.run(
            ["mariadb", "--no-defaults", "--compress", "--local-infile=1", "--max-allowed-packet=1G", "-N"] + arguments
                + ["-h127.0.0.1", "-P\(fixture.port)", "-uapp", "-p\(ProxyFixture.password)", "shop"],
            input: input
        ).split(separator: "\n").map(String.init)
    }

    @Test func answersAndCommandsOfAnySize() async throws {
        try await withProxy { fixture in
            // 40 MB of a command: three packets, to which libmariadb gives the number 0 each.
            let large = String(repeating: "0123456789abcdef", count: 2_500_000)
            let lines = try await mariadb(
                fixture, ["--raw"],
                """
                \\s
                CREATE OR REPLACE TABLE z (id INT AUTO_INCREMENT PRIMARY KEY, v LONGBLOB);
                INSERT INTO z (v) VALUES ('short'), ('\(large)');
                SELECT id, LENGTH(v), MD5(v) FROM z ORDER BY id;
                SELECT v FROM z WHERE id = 2;
                SELECT seq, REPEAT('y', seq % 300) FROM seq_1_to_200000;
                SELECT 'end';
                """)
            #expect(lines.contains { $0.hasPrefix("Protocol:") && $0.contains("ompressed") }, "\(lines.prefix(30))")
            let text = Array(lines.drop { !$0.hasPrefix("1\t5\t") })
            #expect(text.count == 200_004)
            #expect(text[1].hasPrefix("2\t40000000\t") && text[2] == large && text.last == "end")
            for (index, line) in text[3..<200_003].enumerated()
            where line.count != "\(index + 1)\t".count + (index + 1) % 300 {
                Issue.record("row \(index + 1): \(line)")
                break
            }
        }
    }

    @Test func answersToCommandsThatWereSentTogetherAreNumberedEachFromOne() async throws {
        try await withProxy { fixture in
            let client = try CompressingClient(port: fixture.port)
            try await client.login()
            let command = CompressingClient.compressed(CompressingClient.packet([3] + Array("DO 1".utf8)), number: 0)
            client.raw.send(command + command + command)
            for _ in 1...3 {
                let header = try await client.raw.exactly(CompressedFraming.headerBytes)
                try #require(header.count == CompressedFraming.headerBytes)
                let payload = try await client.raw.exactly(Int(header[0]))
                // An OK packet alone, not compressed.
                #expect(Array(header[1...]) == [0, 0, 1, 0, 0, 0])
                #expect(payload.count == Int(payload[0]) + PacketFraming.headerBytes && payload[4] == 0)
            }
        }
    }

    @Test func localFilesAndSeveralAnswers() async throws {
        try await withProxy { fixture in
            let folder = try Lab.makeFolder("compressed-load")
            defer { do { try FileManager.default.removeItem(atPath: folder) } catch { Issue.record(error) } }
            let file = folder + "/rows.csv"
            try (1...100_000).map { "\($0),line \($0)" }.joined(separator: "\n")
                .write(toFile: file, atomically: true, encoding: .utf8)
            let lines = try await mariadb(
                fixture, ["--delimiter=//"],
                """
                CREATE OR REPLACE TABLE zl (id INT PRIMARY KEY, v VARCHAR(40))//
                CREATE OR REPLACE PROCEDURE two() BEGIN SELECT 1; SELECT 2; END//
                SELECT COUNT(*) FROM seq_1_to_1000; SELECT seq FROM seq_1_to_1000;
                LOAD DATA LOCAL INFILE '\(file)' INTO TABLE zl FIELDS TERMINATED BY ','; SELECT COUNT(*), MAX(id) FROM zl//
                CALL two()//
                """)
            #expect(lines.count == 1_004 && Array(lines.suffix(3)) == ["100000\t100000", "1", "2"])
        }
    }

    @Test func insideTLS() async throws {
        let files = try TestCertificates()
        defer { files.remove() }
        try await withProxy {
            do { try $0.useTLS(certificate: files.certificate, privateKey: files.key) } catch { Issue.record(error) }
            $0.requiresTLS = true
        } _: { fixture in
            let lines = try await mariadb(
                fixture, ["--ssl-ca=\(files.ca)"], "\\s\nSELECT LENGTH(REPEAT('x', 20000000)), REPEAT('x', 300000);")
            #expect(lines.contains { $0.hasPrefix("SSL:") && $0.contains("Cipher") })
            #expect(lines.last == "20000000\t" + String(repeating: "x", count: 300_000))
        }
    }

    @Test func afterAHeaderAndAnotherLogin() async throws {
        try await withProxy {
            $0.proxyProtocolNetworks = ["127.0.0.1"].compactMap { IPNetwork($0) }
        } _: { fixture in
            let client = try CompressingClient(port: fixture.port)
            client.raw.send(Array("PROXY TCP4 127.0.0.1 127.0.0.1 40000 3306\r\n".utf8))
            try await client.login()
            client.query("SELECT CONCAT('a', USER())")
            #expect(try await client.answer(has: "abare@127.0.0.1"))
            var other: [UInt8] = [0x11] + Array("bare".utf8) + [0, 0] + Array("shop".utf8) + [0, 45, 0]
            other += Array("mysql_native_password".utf8) + [0]
            client.send(other)
            #expect(try await client.packet().first == 0)
            client.query("SELECT CONCAT('a', DATABASE())")
            #expect(try await client.answer(has: "ashop"))
        }
    }

    /// Commands that come before the answer to the one before, in a frame of their own and in one together.
    @Test func severalCommandsAtOnce() async throws {
        try await withProxy { fixture in
            let client = try CompressingClient(port: fixture.port)
            try await client.login()
            let commands = (0..<20).map { CompressingClient.packet([3] + Array("SELECT 'number \($0)'".utf8)) }
            for command in commands.prefix(10) { client.frame(command) }
            client.frame(Array(commands.suffix(10).joined()))
            for number in 0..<20 { #expect(try await client.answer(has: "number \(number)")) }
        }
    }

    @Test func theBytesOnTheWireAreFew() async throws {
        try await withProxy { fixture in
            let client = try CompressingClient(port: fixture.port)
            try await client.login()
            client.query("SELECT CONCAT(REPEAT('row of text ', 1000000), 'end')")
            #expect(try await client.answer(has: "end"))
            #expect(client.wireBytes < 100_000, "\(client.wireBytes) bytes")
        }
    }

    @Test func framesThatCantBeTakenEndTheConnection() async throws {
        try await withProxy { fixture in
            let ping = CompressingClient.packet([0x0E])
            let bad: [(frame: [UInt8], code: [UInt8])] = [
                // Not numbered from 0; no zlib stream; the ordinary protocol, which makes a frame of number 0 with noise in it.
                ([5, 0, 0, 7, 0, 0, 0] + ping, [0x84, 0x04]), ([5, 0, 0, 0, 9, 0, 0] + ping, [0x85, 0x04]),
                ([3, 0, 0, 0, 3, 1, 2, 3, 4, 5], [0x85, 0x04]),
            ]
            for (frame, code) in bad {
                let client = try CompressingClient(port: fixture.port)
                try await client.login()
                client.raw.send(frame)
                #expect(try await client.packet().prefix(3) == [0xFF] + code, "\(frame)")
                #expect(try await client.raw.receive().isEmpty)
            }
        }
    }

    /// 1.6 GB of commands in 1.6 MB of frames, while the first one still runs.
    @Test func whatIsNotTakenStaysCompressed() async throws {
        try await withProxy { fixture in
            let client = try CompressingClient(port: fixture.port)
            try await client.login()
            let bomb = CompressingClient.bomb(statementBytes: 500_000)
            // After this the proxy reads from the client in large pieces.
            var generator = SplitMix64(seed: 1)
            let noise = (0..<4_000_000).map { _ in UInt8(truncatingIfNeeded: 48 + generator.next() % 42) }
            client.send([3] + Array("DO LENGTH('".utf8) + noise + Array("')".utf8))
            #expect(try await client.packet().first == 0)
            let before = try residentBytes()
            client.query("DO SLEEP(3)")
            client.raw.send(Array(repeatElement(bomb, count: 3_200).joined()))
            #expect(try await client.packet().first == 0)
            let grown = try residentBytes() - before
            // Other suites of this process have memory too, but nothing like this.
            #expect(grown < 400 << 20, "\(grown) bytes")
            for _ in 0..<20 { #expect(try await client.packet().first == 0) }
        }
    }

    private func residentBytes() throws -> Int {
        let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
        return (Int(text.split(separator: " ")[1]) ?? 0) * 4_096
    }
}
