import Crypto

/// `mysql_native_password`: the reply is SHA1(password) XOR SHA1(salt + SHA1(SHA1(password))), empty for an empty password.
enum NativePassword {
    static let plugin = "mysql_native_password"

    static func reply(password: String, salt: [UInt8]) -> [UInt8] {
        guard !password.isEmpty else { return [] }
        let once = sha1(Array(password.utf8))
        let mask = sha1(salt + sha1(once))
        return zip(once, mask).map { $0 ^ $1 }
    }

    /// Whether `reply` was made from `password` and `salt`; takes the same time wherever they differ.
    static func verify(reply: [UInt8], password: String, salt: [UInt8]) -> Bool {
        let expected = self.reply(password: password, salt: salt)
        guard expected.count == reply.count else { return false }
        return zip(expected, reply).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }

    /// 20 random bytes from 1 to 127, as servers send them: some clients stop at a NUL.
    static func makeSalt() -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<HandshakeV10.saltBytes).map { _ in UInt8.random(in: 1...127, using: &generator) }
    }

    private static func sha1(_ bytes: [UInt8]) -> [UInt8] { Array(Insecure.SHA1.hash(data: bytes)) }
}
