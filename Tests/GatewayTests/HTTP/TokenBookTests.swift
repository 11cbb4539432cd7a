import ClusterCore
import Foundation
import Testing

@testable import Gateway

@Suite("Issued tokens") struct TokenBookTests {
    static let now = Date(timeIntervalSince1970: 1_800_000_000)

    @Test("A token's text is read back, and nothing else is")
    func format() throws {
        for _ in 0..<200 {
            let token = IssuedToken()
            let read = try #require(IssuedToken(token.text))
            #expect(read.id == token.id && read.text == token.text && read.digest == token.digest)
            #expect(!"\(token)".contains(token.text.suffix(43)))
        }
        let text = IssuedToken().text
        for wrong in [
            "", "wolfscale_", String(text.dropLast()), text + "x", text.uppercased(), "x" + text.dropFirst(),
            text.replacingOccurrences(of: "wolfscale_", with: "wolfscale-"), String(text.dropLast()) + "é",
            String(text.dropLast()) + "+",
        ] { #expect(IssuedToken(wrong) == nil, "\(wrong)") }
        #expect(Set((0..<1_000).map { _ in IssuedToken().id }).count == 1_000)
    }

    @Test("Only the bearer of the whole secret is let in, until it ends or is revoked")
    func verdicts() throws {
        var book = TokenBook()
        let (token, record) = try book.create(
            name: "app", role: .write, expires: Self.now.addingTimeInterval(60), now: Self.now)
        #expect(book.verdict(on: token, now: Self.now) == .good(record))
        #expect(book.verdict(on: token, now: Self.now.addingTimeInterval(60)) == .expired(record))
        #expect(book.verdict(on: IssuedToken(), now: Self.now) == .unknown)
        let stolenID = try #require(IssuedToken("wolfscale_\(token.id)_\(IssuedToken().text.suffix(43))"))
        #expect(book.verdict(on: stolenID, now: Self.now) == .unknown)
        #expect(!String(decoding: try book.encoded(), as: UTF8.self).contains(token.text.suffix(43)))

        #expect(throws: TokenBook.Refusal.nameTaken("app")) {
            try book.create(name: "app", role: .read, expires: nil, now: Self.now)
        }
        #expect(throws: TokenBook.Refusal.unknown("other")) { try book.revoke("other", now: Self.now) }
        let revoked = try book.revoke("app", now: Self.now)
        #expect(revoked.map(\.digest) == [nil])
        #expect(book.verdict(on: token, now: Self.now) == .revoked(revoked[0]))
        #expect(throws: TokenBook.Refusal.unknown("app")) { try book.revoke("app", now: Self.now) }
        _ = try book.create(name: "app", role: .read, expires: nil, now: Self.now)
    }

    @Test("Names are bounded", arguments: ["", "a b", "é", String(repeating: "a", count: 65), "a/b", "a\"b"])
    func names(_ name: String) {
        var book = TokenBook()
        #expect(throws: TokenBook.Refusal.invalidName(name)) {
            try book.create(name: name, role: .read, expires: nil, now: Self.now)
        }
    }

    @Test("The number of tokens is bounded; what is long expired makes room")
    func bounds() throws {
        var book = TokenBook()
        for number in 0..<TokenBook.recordsMax {
            _ = try book.create(
                name: "t\(number)", role: .read, expires: Self.now.addingTimeInterval(60), now: Self.now)
        }
        #expect(throws: TokenBook.Refusal.full) {
            try book.create(name: "more", role: .read, expires: nil, now: Self.now)
        }
        let later = Self.now.addingTimeInterval(61 + TokenBook.rememberedSeconds)
        _ = try book.create(name: "more", role: .read, expires: nil, now: later)
        #expect(book.records.map(\.name) == ["more"])
    }

    /// Members change their books, and tell each other in any order, any number of times.
    @Test(
        "Members agree in the end, and what one revoked is good nowhere", arguments: [UInt64(1), 2, 3, 4, 5, 6, 7, 8])
    func merging(seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        var books = [TokenBook(), TokenBook(), TokenBook()]
        var revoked: [IssuedToken] = []
        var issued: [IssuedToken] = []
        var now = Self.now
        for step in 0..<200 {
            now += Double.random(in: 0...100, using: &generator)
            let at = Int.random(in: 0..<3, using: &generator)
            switch Int.random(in: 0..<6, using: &generator) {
            case 0, 1:
                let role = try #require(APIRole.allCases.randomElement(using: &generator))
                issued.append(try books[at].create(name: "t\(step)", role: role, expires: nil, now: now).token)
            case 2:
                guard let token = issued.randomElement(using: &generator),
                    case .good = books[at].verdict(on: token, now: now)
                else { continue }
                _ = try books[at].revoke(token.id, now: now)
                revoked.append(token)
            default:
                let to = Int.random(in: 0..<3, using: &generator)
                let sent = try TokenBook(books[at].encoded(), now: now)
                #expect(sent == books[at])
                books[to].merge(sent.records, now: now)
            }
        }
        for from in 0..<3 { for to in 0..<3 { books[to].merge(books[from].records, now: now) } }
        for from in 0..<3 { for to in 0..<3 { books[to].merge(books[from].records, now: now) } }
        #expect(books[0] == books[1] && books[1] == books[2], "seed \(seed)")
        #expect(Set(books.map(\.fingerprint)).count == 1)
        let dead = Set(revoked.map(\.id))
        for token in issued {
            let verdict = books[0].verdict(on: token, now: now)
            if dead.contains(token.id) {
                guard case .revoked = verdict else {
                    Issue.record("seed \(seed): a revoked token came back")
                    continue
                }
            } else {
                guard case .good = verdict else {
                    Issue.record("seed \(seed): a good token was lost")
                    continue
                }
            }
        }
    }

    @Test(
        "What is no list of tokens is refused, never a crash", arguments: ["", "[]", "{}", "{\"tokens\": 7}", "\u{0}"])
    func garbage(_ text: String) { #expect(throws: (any Error).self) { try TokenBook(Data(text.utf8), now: Self.now) } }
}
