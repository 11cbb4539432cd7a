import Foundation

/// One issued token as the members keep it.
public struct TokenRecord: Sendable, Hashable, Codable {
    /// Of ``IssuedToken``; never used twice.
    public var id: String
    /// What people call it, in logs and in `wolfscale token revoke`.
    public var name: String
    public var role: APIRole
    /// SHA-256 in hexadecimal; nil once it is revoked.
    public var digest: String?
    /// Whole seconds, as all dates here.
    public var created: Date
    /// Nil for never.
    public var expires: Date?
    /// Nil while it is good.
    public var revoked: Date?

    public init(
        id: String, name: String, role: APIRole, digest: String?, created: Date, expires: Date? = nil,
        revoked: Date? = nil
    ) {
        self.id = id
        self.name = name
        self.role = role
        self.digest = digest
        self.created = created
        self.expires = expires
        self.revoked = revoked
    }

    public enum State: String, Sendable, Codable { case active, expired, revoked }

    public func state(at now: Date) -> State {
        if revoked != nil { return .revoked }
        return expires.map { $0 <= now } ?? false ? .expired : .active
    }

    /// Whether it may be forgotten: nobody could use it even if it came back from a member that was away.
    func isForgotten(at now: Date) -> Bool {
        expires.map { $0.addingTimeInterval(TokenBook.rememberedSeconds) <= now } ?? false
    }

    /// 1 to 64 letters, digits, hyphens, underscores, dots.
    public static func isValid(name: String) -> Bool {
        (1...64).contains(name.utf8.count)
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                    true
                default: false
                }
            }
    }
}
