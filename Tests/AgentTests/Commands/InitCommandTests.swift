import ArgumentParser
import Foundation
import Testing

@testable import Agent

@Suite struct InitCommandTests {
    private func inFolder(_ body: (URL) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("wolfscale-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { do { try FileManager.default.removeItem(at: folder) } catch { Issue.record(error) } }
        try body(folder)
    }

    private func run(_ arguments: [String]) throws {
        var command = try Wolfscale.parseAsRoot(["init"] + arguments)
        try command.run()
    }

    @Test func aFileAndATokenAreWrittenForTheOwner() throws {
        try inFolder { folder in
            let file = folder.appendingPathComponent("w.toml").path
            try run(["--node-id", "db1", "--output", file, "--data-dir", folder.appendingPathComponent("data").path])
            let configuration = try ConfigurationReader.read(path: file, environment: [:])
            #expect(configuration.node.id == "db1")
            #expect(configuration.node.dataDirectory == folder.appendingPathComponent("data").path)
            #expect(try configuration.apiToken()?.count == 32)
            #expect(try configuration.databasePassword()?.count == 32)
            #expect(AgentLock.mode(of: try #require(configuration.api.tokenFile)) == 0o600)
            #expect((AgentLock.mode(of: file) ?? 0o777) & 0o027 == 0)
        }
    }

    @Test func nothingIsOverwrittenUnlessForced() throws {
        try inFolder { folder in
            let file = folder.appendingPathComponent("w.toml").path
            try run(["--node-id", "db1", "--output", file])
            let token = try ConfigurationReader.read(path: file, environment: [:]).apiToken()
            #expect(throws: CommandFailure("\(file) exists; --force overwrites it, --output writes elsewhere")) {
                try run(["--node-id", "db2", "--output", file])
            }
            #expect(try ConfigurationReader.read(path: file, environment: [:]).node.id == "db1")
            try run(["--node-id", "db2", "--output", file, "--force"])
            let configuration = try ConfigurationReader.read(path: file, environment: [:])
            #expect(configuration.node.id == "db2")
            #expect(try configuration.apiToken() == token)
        }
    }

    @Test func aBadNameIsRefusedBeforeAnythingIsWritten() throws {
        try inFolder { folder in
            let file = folder.appendingPathComponent("w.toml").path
            #expect(throws: CommandFailure.self) { try run(["--node-id", "a b", "--output", file]) }
            let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
            #expect(files.isEmpty)
        }
    }
}
