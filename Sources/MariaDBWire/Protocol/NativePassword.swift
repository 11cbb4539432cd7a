import Crypto

/// `mysql_native_password`: the reply is SHA1(password) XOR SHA1(salt + SHA1(SHA1(password))), empty for an empty password.
package enum NativePassword {
    package static let plugin = "mysql_native_password"

    package static func reply(password: String, salt: [UInt8]) -> [UInt8] {
        guard !password.isEmpty else { return [] }
        let once = sha1(Array(password.utf8))
        let mask = sha1(salt + sha1(once))
        return zip(once, mask).map { $0 ^ $1 }
    }

    /// Whether `reply` was made from `password` and `salt`; takes the same time wherever they differ.
    package static func verify(reply: [UInt8], password: String, salt: [UInt8]) -> Bool {
        let expected = self.reply(password: password, salt: salt)
        guard expected.count == reply.count else { return false }
        return zip(expected, reply).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }

    /// 20 random bytes from 1 to 127, as servers send them: some clients stop at a NUL.
    package static func makeSalt() -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<HandshakeV10.saltBytes).map { _ in UInt8.random(in: 1...127, using: &generator) }
    }

    /// The reply of someone who knows SHA1(password) alone, as a proxy does that has seen the client's (FACTS 5).
    package static func reply(passwordDigest: [UInt8], salt: [UInt8]) -> [UInt8] {
        zip(passwordDigest, sha1(salt + sha1(passwordDigest))).map { $0 ^ $1 }
    }

    /// SHA1(password), recovered from a client's reply with the stored SHA1(SHA1(password)); nil when the reply was made
    /// from another password. Takes the same time wherever they differ.
    package static func passwordDigest(reply: [UInt8], stored: [UInt8], salt: [UInt8]) -> [UInt8]? {
        guard reply.count == 20, stored.count == 20 else { return nil }
        let digest = zip(reply, sha1(salt + stored)).map { $0 ^ $1 }
        let difference = zip(sha1(digest), stored).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) }
        return difference == 0 ? digest : nil
    }

    private static func sha1(_ bytes: [UInt8]) -> [UInt8] { Array(Insecure.SHA1.hash(data: bytes)) }
}
