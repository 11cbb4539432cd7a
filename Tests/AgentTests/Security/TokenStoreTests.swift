import Foundation
import Testing
import WANLink

@testable import Agent

@Suite struct TokenStoreTests {
    private let token = JoinToken(authority: [UInt8](repeating: 7, count: 32))
    private let now = Date(timeIntervalSince1970: 1_800_000_000)

    private func withStore(_ body: (TokenStore) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("wolfscale-\(UUID().uuidString)")
            .path
        defer { do { try FileManager.default.removeItem(atPath: folder) } catch { Issue.record(error) } }
        try body(TokenStore(folder: folder + "/tls/tokens"))
    }

    @Test func aTokenIsGoodOnce() throws {
        try withStore { store in
            #expect(!store.isAwaiting(now: now))
            try store.add(token, expires: now + 60, node: nil, now: now)
            #expect(store.isAwaiting(now: now))
            func redeem(_ node: String, _ key: String) throws -> String? {
                try store.redeem(secret: token.secret, node: node, key: key, isMember: false, now: now)
            }
            #expect(try redeem("a", "k1") == nil)
            #expect(try redeem("b", "k2")?.contains("used already") == true)
            #expect(try redeem("a", "k2")?.contains("used already") == true)
            // Its answer may have been lost.
            #expect(try redeem("a", "k1") == nil)
            let file = try #require(FileManager.default.contentsOfDirectory(atPath: store.folder).first)
            let text = try String(contentsOfFile: store.folder + "/" + file, encoding: .utf8)
            #expect(!text.contains(token.text.suffix(30)))
            let mode = try FileManager.default.attributesOfItem(atPath: store.folder + "/" + file)[.posixPermissions]
            #expect(mode as? Int == 0o600)
        }
    }

    @Test func whatIsNotInOrderIsRefused() throws {
        try withStore { store in
            try store.add(token, expires: now + 60, node: nil, now: now)
            #expect(
                try store.redeem(secret: token.secret, node: "a", key: "k", isMember: false, now: now + 61)?
                    .contains("has expired") == true)
            #expect(
                try store.redeem(secret: token.secret, node: "a", key: "k", isMember: true, now: now)?
                    .contains("a is a member already") == true)
            let other = JoinToken(authority: token.authority)
            #expect(
                try store.redeem(secret: other.secret, node: "a", key: "k", isMember: false, now: now)?
                    .contains("does not know the token") == true)
            try store.add(other, expires: now + 60, node: "b", now: now)
            #expect(
                try store.redeem(secret: other.secret, node: "a", key: "k", isMember: false, now: now)?
                    .contains("is for b, not for a") == true)
            #expect(try store.redeem(secret: other.secret, node: "b", key: "k", isMember: true, now: now) == nil)
            for secret in [[], [UInt8](repeating: 0, count: 24), [UInt8](repeating: 1, count: 10_000)] {
                #expect(try store.redeem(secret: secret, node: "a", key: "k", isMember: false, now: now) != nil)
            }
        }
    }

    @Test func oldOnesAreForgotten() throws {
        try withStore { store in
            try store.add(token, expires: now + 60, node: nil, now: now)
            #expect(store.isAwaiting(now: now + 3_600))
            #expect(!store.isAwaiting(now: now + 3_700))
        }
    }

    @Test func twoThatComeTogetherDoNotBothGetIn() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("wolfscale-\(UUID().uuidString)")
            .path
        defer { do { try FileManager.default.removeItem(atPath: folder) } catch { Issue.record(error) } }
        let store = TokenStore(folder: folder)
        try store.add(token, expires: now + 60, node: nil, now: now)
        let (token, now) = (token, now)
        let admitted = try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<8 {
                group.addTask {
                    try store.redeem(
                        secret: token.secret, node: "n\(number)", key: "\(number)", isMember: false, now: now)
                        == nil
                }
            }
            return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(admitted == 1)
    }

    @Test(
        arguments: [
            ("90s", 90), ("30m", 1_800), ("1h", 3_600), ("7d", 604_800), ("8d", nil), ("0s", nil), ("-1h", nil),
            ("h", nil),
            ("", nil), ("1", nil), ("99999999999999999999s", nil), ("9223372036854775807d", nil),
        ] as [(String, Int?)])
    func timesAreRead(text: String, seconds: Int?) {
        #expect(DurationArgument.seconds(text, atMost: 7 * 86_400) == seconds)
    }
}
