import Crypto

/// A token that the cluster gave out: `wolfscale_` with its public number in 16 hexadecimal digits, `_`, and 256 random bits in
/// base64url. Only its bearer has it; members keep a digest. A secret of so many random bits needs no slow hash.
public struct IssuedToken: Sendable, CustomStringConvertible {
    private static let prefix = "wolfscale_"
    private static let idLength = 16
    private static let secretLength = 43
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    /// Which record it belongs to; no secret.
    public let id: String
    private let secret: String

    /// A new one, from the system's random numbers.
    public init() {
        var generator = SystemRandomNumberGenerator()
        id = String(generator.next() as UInt64, radix: 16).leftPadded(to: Self.idLength)
        var letters = (0..<Self.secretLength).map { _ in Self.alphabet[Int.random(in: 0..<64, using: &generator)] }
        // 43 letters hold 258 bits; the last two are none of base64's.
        letters[Self.secretLength - 1] = Self.alphabet[Int.random(in: 0..<16, using: &generator) * 4]
        secret = String(decoding: letters, as: UTF8.self)
    }

    /// Nil for what was never issued by this format.
    public init?(_ text: some StringProtocol) {
        guard text.utf8.count == Self.prefix.utf8.count + Self.idLength + 1 + Self.secretLength,
            text.hasPrefix(Self.prefix)
        else { return nil }
        let parts = text.dropFirst(Self.prefix.count).split(separator: "_", maxSplits: 1)
        guard parts.count == 2, parts[0].utf8.count == Self.idLength, parts[1].utf8.count == Self.secretLength,
            parts[0].utf8.allSatisfy({ IssuedToken.isHex($0) }),
            parts[1].utf8.allSatisfy({ Self.alphabet.contains($0) })
        else { return nil }
        id = String(parts[0])
        secret = String(parts[1])
    }

    /// What its bearer sends; shown once, when it is made.
    public var text: String { "\(Self.prefix)\(id)_\(secret)" }
    /// Never the secret.
    public var description: String { "\(Self.prefix)\(id)_***" }

    /// SHA-256 of the whole text, in hexadecimal.
    var digest: String { Hexadecimal.text(SHA256.hash(data: Array(text.utf8))) }

    private static func isHex(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }
}

enum Hexadecimal {
    static func text(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { String($0, radix: 16).leftPadded(to: 2) }.joined()
    }
}

extension String {
    fileprivate func leftPadded(to length: Int) -> String {
        String(repeating: "0", count: Swift.max(0, length - count)) + self
    }
}

/// Comparison in a time that does not tell where the first difference lies; a difference in length may show.
enum ConstantTime {
    static func areEqual(_ known: some Collection<UInt8>, _ candidate: some Collection<UInt8>) -> Bool {
        guard !known.isEmpty else { return false }
        var difference: UInt8 = candidate.count == known.count ? 0 : 1
        var index = known.startIndex
        for byte in candidate {
            difference |= byte ^ known[index]
            index = known.index(after: index)
            if index == known.endIndex { index = known.startIndex }
        }
        return difference == 0
    }
}
