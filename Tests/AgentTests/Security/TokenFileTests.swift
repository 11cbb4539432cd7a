import Foundation
import Gateway
import Testing

@testable import Agent

@Suite("The file of the API's tokens") struct TokenFileTests {
    private func withFolder(_ body: (String) throws -> Void) throws {
        let folder = NSTemporaryDirectory() + "/tokens-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { do { try FileManager.default.removeItem(atPath: folder) } catch { Issue.record(error) } }
        try body(folder)
    }

    @Test("It is made with its folder, for its owner only, and holds no secret")
    func made() throws {
        try withFolder { folder in
            let file = TokenFile(dataDirectory: folder + "/data")
            #expect(try file.read().isEmpty)
            let made = try file.update { try $0.create(name: "app", role: .write, expires: nil, now: Date()) }
            #expect(try file.read() == made.book)
            #expect(AgentLock.mode(of: file.path).map { $0 & 0o777 } == 0o600)
            let text = try String(contentsOfFile: file.path, encoding: .utf8)
            #expect(!text.contains(made.value.token.text.suffix(43)))
            #expect(made.stamp == file.stamp && made.stamp != nil)
        }
    }

    @Test("Many writers at once lose nothing")
    func writers() async throws {
        let folder = NSTemporaryDirectory() + "/tokens-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { do { try FileManager.default.removeItem(atPath: folder) } catch { Issue.record(error) } }
        let file = TokenFile(dataDirectory: folder)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<8 {
                group.addTask {
                    for number in 0..<5 {
                        _ = try file.update {
                            try $0.create(name: "w\(writer).\(number)", role: .read, expires: nil, now: Date())
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try file.read().records.count == 40)
    }

    @Test("One that cannot be read is said, and not overwritten")
    func broken() throws {
        try withFolder { folder in
            let file = TokenFile(dataDirectory: folder)
            _ = try file.update { try $0.create(name: "app", role: .write, expires: nil, now: Date()) }
            try "{".write(toFile: file.path, atomically: true, encoding: .utf8)
            let error = #expect(throws: AgentError.self) { try file.read() }
            #expect(error?.description.contains("is no list of tokens") == true)
            #expect(throws: AgentError.self) {
                try file.update { try $0.create(name: "b", role: .read, expires: nil, now: Date()) }
            }
            #expect(try String(contentsOfFile: file.path, encoding: .utf8) == "{")
        }
    }

    @Test("A token of the cluster's in api.token_file is the commands', not the secret that opens everything")
    func issuedTokenInTheTokenFile() throws {
        try withFolder { folder in
            var configuration = Configuration()
            configuration.api.tokenFile = folder + "/token"
            let token = IssuedToken()
            try (token.text + "\n").write(toFile: folder + "/token", atomically: true, encoding: .utf8)
            #expect(try configuration.apiToken() == token.text)
            #expect(try configuration.apiSecret() == nil)
            try "a plain secret\n".write(toFile: folder + "/token", atomically: true, encoding: .utf8)
            #expect(try configuration.apiSecret() == "a plain secret")
        }
    }
}
