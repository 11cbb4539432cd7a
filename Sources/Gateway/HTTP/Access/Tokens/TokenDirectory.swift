import Foundation
import Synchronization

/// The tokens that count at this moment: the agent keeps it told, requests look into it.
public final class TokenDirectory: Sendable {
    private let book: Mutex<TokenBook>

    public init(_ book: TokenBook = TokenBook()) { self.book = Mutex(book) }

    public func use(_ book: TokenBook) { self.book.withLock { $0 = book } }

    public var isEmpty: Bool { book.withLock { $0.isEmpty } }
    /// By role, those that are good.
    public func counts(at now: Date = Date()) -> [APIRole: Int] {
        let records = book.withLock { $0.records }.filter { $0.state(at: now) == .active }
        return Dictionary(grouping: records, by: \.role).mapValues(\.count)
    }

    func verdict(on token: IssuedToken, now: Date) -> TokenBook.Verdict {
        book.withLock { $0 }.verdict(on: token, now: now)
    }
}
