import Crypto
import Foundation

/// All tokens of the cluster that one member knows. A value; each member keeps one, and two books merge into the same whatever the
/// order: a token is added once, revoked once, and a revoked one never comes back. So members agree without a leader.
public struct TokenBook: Sendable, Equatable {
    /// Revoked and expired ones that are still remembered included.
    public static let recordsMax = 1_000
    /// How long after its end an expired token is remembered, so that its bearer is told what is wrong.
    static let rememberedSeconds: TimeInterval = 30 * 86_400

    private var byID: [String: TokenRecord] = [:]

    public init() {}

    public var isEmpty: Bool { byID.isEmpty }
    /// By name, then by age.
    public var records: [TokenRecord] {
        byID.values.sorted { ($0.name, $0.created, $0.id) < ($1.name, $1.created, $1.id) }
    }

    // MARK: Changing it

    public enum Refusal: Error, Sendable, Equatable, CustomStringConvertible {
        case invalidName(String)
        case nameTaken(String)
        case full
        case unknown(String)

        public var description: String {
            switch self {
            case .invalidName(let name):
                "\"\(name)\" is no name for a token; wanted: 1 to 64 letters, digits, hyphens, underscores, dots"
            case .nameTaken(let name):
                "there is a token \(name) already; give this one another name, or revoke that one first"
            case .full:
                "\(TokenBook.recordsMax) tokens are known, revoked ones included; those that expire are forgotten 30 days "
                    + "later, so give tokens an end (--expires)"
            case .unknown(let name): "there is no token \(name) that is good; `wolfscale token list` shows all"
            }
        }
    }

    /// Makes a token; what is returned is the only copy of its secret.
    public mutating func create(
        name: String, role: APIRole, expires: Date?, now: Date
    ) throws(Refusal) -> (token: IssuedToken, record: TokenRecord) {
        guard TokenRecord.isValid(name: name) else { throw .invalidName(name) }
        guard !byID.values.contains(where: { $0.name == name && $0.state(at: now) == .active }) else {
            throw .nameTaken(name)
        }
        forget(now: now)
        guard byID.count < Self.recordsMax else { throw .full }
        let token = IssuedToken()
        let record = TokenRecord(
            id: token.id, name: name, role: role, digest: token.digest, created: now.wholeSeconds,
            expires: expires?.wholeSeconds)
        byID[token.id] = record
        return (token, record)
    }

    /// Revokes every good token of that name, or the one with that number.
    public mutating func revoke(_ nameOrID: String, now: Date) throws(Refusal) -> [TokenRecord] {
        let found = records.filter { ($0.name == nameOrID || $0.id == nameOrID) && $0.state(at: now) == .active }
        guard !found.isEmpty else { throw .unknown(nameOrID) }
        return found.map { record in
            var revoked = record
            (revoked.revoked, revoked.digest) = (now.wholeSeconds, nil)
            byID[record.id] = revoked
            return revoked
        }
    }

    /// Takes over what another member, or this one's file, knows.
    public mutating func merge(_ others: [TokenRecord], now: Date) {
        for other in others where !other.isForgotten(at: now) && TokenRecord.isValid(name: other.name) {
            guard let own = byID[other.id] else {
                if byID.count < Self.recordsMax || other.revoked != nil { byID[other.id] = other }
                continue
            }
            byID[other.id] = Self.merged(own, other)
        }
        forget(now: now)
    }

    /// The same for (a, b) and (b, a).
    private static func merged(_ a: TokenRecord, _ b: TokenRecord) -> TokenRecord {
        switch (a.revoked, b.revoked) {
        case (let first?, let second?): first == second ? lower(a, b) : (first < second ? a : b)
        case (_?, nil): a
        case (nil, _?): b
        case (nil, nil): lower(a, b)
        }
    }

    /// Two that differ under one number come from no `create`; any fixed choice will do.
    private static func lower(_ a: TokenRecord, _ b: TokenRecord) -> TokenRecord { a.line <= b.line ? a : b }

    private mutating func forget(now: Date) { byID = byID.filter { !$0.value.isForgotten(at: now) } }

    /// Equal at two members exactly when they know the same.
    public var fingerprint: String {
        var hash = SHA256()
        for id in byID.keys.sorted() { hash.update(data: Array((byID[id]?.line ?? "").utf8)) }
        return Hexadecimal.text(hash.finalize().prefix(16))
    }

    // MARK: Checking a bearer

    public enum Verdict: Sendable, Equatable {
        case good(TokenRecord)
        case expired(TokenRecord)
        case revoked(TokenRecord)
        case unknown
    }

    public func verdict(on token: IssuedToken, now: Date) -> Verdict {
        guard let record = byID[token.id] else { return .unknown }
        guard let digest = record.digest else { return .revoked(record) }
        guard ConstantTime.areEqual(Array(digest.utf8), Array(token.digest.utf8)) else { return .unknown }
        return record.state(at: now) == .active ? .good(record) : .expired(record)
    }
}

extension TokenBook {
    private struct Document: Codable {
        var version = 1
        var tokens: [TokenRecord]
    }

    /// As it lies in a file and goes to other members.
    public func encoded() throws -> Data {
        let encoder = JSONEncoder()
        encoder.dateEncodingStrategy = .iso8601
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(Document(tokens: records))
    }

    /// - Throws: a `DecodingError` for what is no book.
    public init(_ data: Data, now: Date) throws {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        merge(try decoder.decode(Document.self, from: data).tokens, now: now)
    }
}

extension TokenRecord {
    /// All of it in one line, for comparing.
    fileprivate var line: String {
        func text(_ date: Date?) -> String { date.map { "\(Int64($0.timeIntervalSince1970))" } ?? "-" }
        return "\(id) \(name) \(role.rawValue) \(digest ?? "-") \(text(created)) \(text(expires)) \(text(revoked))\n"
    }
}

extension Date {
    /// Files and members keep whole seconds.
    fileprivate var wholeSeconds: Date { Date(timeIntervalSince1970: timeIntervalSince1970.rounded(.down)) }
}
