import NIOConcurrencyHelpers
import NIOCore

/// Accounts as last read, for a few seconds: a burst of logins asks the database once.
final class AccountCache: Sendable {
    private struct Entry {
        var accounts: [ProxyAccount]
        var read: NIODeadline
    }

    private let source: any ProxyAccountSource
    private let entries = NIOLockedValueBox<[String: Entry]>([:])
    private static let keep = TimeAmount.seconds(5)
    /// A refused login reads again, but not more often than this.
    private static let refresh = TimeAmount.milliseconds(250)
    private static let entriesMax = 1_024

    init(_ source: any ProxyAccountSource) { self.source = source }

    /// - Parameter fresh: after a refusal: what is older than a moment is read again.
    func accounts(named user: String, fresh: Bool) async throws -> (accounts: [ProxyAccount], isFresh: Bool) {
        let now = NIODeadline.now()
        let limit = fresh ? Self.refresh : Self.keep
        if let entry = entries.withLockedValue({ $0[user] }), now - entry.read < limit {
            return (entry.accounts, false)
        }
        let accounts = try await source.accounts(named: user)
        entries.withLockedValue { entries in
            if entries.count >= Self.entriesMax { entries.removeAll() }
            entries[user] = Entry(accounts: accounts, read: now)
        }
        return (accounts, true)
    }

    func serverVersion() async -> String? { await source.serverVersion() }
}
