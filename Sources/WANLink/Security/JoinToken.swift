import Crypto
import FoundationEssentials

/// What lets one new node in: it names the cluster's authority, so that the new node knows whom it talks to, and carries a
/// secret, so that the cluster knows the new node. Both ends keep it off the disk; the issuer keeps ``digest``.
///
/// As text: `wolfscale-` and, in base64 for URLs, 32 bytes SHA-256 of the authority's certificate, 24 bytes secret, and
/// the first 4 bytes of SHA-256 of these 56, against slips of the hand.
public struct JoinToken: Sendable, Hashable {
    /// SHA-256 of the certificate (DER) of the authority that signed the issuing node's certificate.
    public let authority: [UInt8]
    public let secret: [UInt8]

    static let prefix = "wolfscale-"
    private static let authorityBytes = 32
    private static let secretBytes = 24
    private static let checkBytes = 4

    /// Makes one with a new secret.
    ///
    /// - Parameter authority: a fingerprint, 32 bytes.
    public init(authority: [UInt8]) {
        precondition(authority.count == Self.authorityBytes, "a fingerprint of \(authority.count) bytes")
        self.authority = authority
        var generator = SystemRandomNumberGenerator()
        secret = (0..<Self.secretBytes).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }

    /// Reads what somebody typed or pasted.
    public init(_ text: String) throws(SecurityError) {
        let whole = Self.authorityBytes + Self.secretBytes + Self.checkBytes
        guard text.hasPrefix(Self.prefix), text.utf8.count == Self.prefix.utf8.count + (whole * 4 + 2) / 3,
            let bytes = Self.decode(text.dropFirst(Self.prefix.count)), bytes.count == whole,
            Self.check(bytes.dropLast(Self.checkBytes)) == Array(bytes.suffix(Self.checkBytes))
        else {
            throw SecurityError(
                .badToken, "this is no token, or a part of it is missing",
                remedy: "give the whole line that `wolfscale cert token` printed")
        }
        authority = Array(bytes.prefix(Self.authorityBytes))
        secret = Array(bytes.dropFirst(Self.authorityBytes).prefix(Self.secretBytes))
    }

    public var text: String {
        let bytes = authority + secret
        let base64 = Data(bytes + Self.check(bytes)).base64EncodedString()
        return Self.prefix + String(base64.map { $0 == "+" ? "-" : $0 == "/" ? "_" : $0 })
    }

    /// What the issuer keeps of the secret: SHA-256 in hexadecimal.
    public var digest: String { Self.digest(of: secret) }

    public static func digest(of secret: [UInt8]) -> String {
        SHA256.hash(data: secret).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private static func check(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        Array(SHA256.hash(data: Array(bytes)).prefix(checkBytes))
    }

    private static func decode(_ text: Substring) -> [UInt8]? {
        Data(base64Encoded: String(text.map { $0 == "-" ? "+" : $0 == "_" ? "/" : $0 })).map { [UInt8]($0) }
    }
}

/// Never shows the secret.
extension JoinToken: CustomStringConvertible {
    public var description: String { Self.prefix + "…" }
}
