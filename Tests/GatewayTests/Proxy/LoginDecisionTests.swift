import MariaDBWire
import Testing

@testable import Gateway

@Suite("Logins at the proxy") struct LoginDecisionTests {
    private let salt = NativePassword.makeSalt()

    /// What `PASSWORD('secret')` stores.
    private var stored: [UInt8] {
        // SHA1(SHA1('secret')).
        let text = "14E65567ABDB5135D0CFD9A70B3032C179A49EE7"
        return stride(from: 0, to: 40, by: 2).compactMap { offset in
            let start = text.index(text.startIndex, offsetBy: offset)
            return UInt8(text[start..<text.index(start, offsetBy: 2)], radix: 16)
        }
    }

    private func decide(
        _ accounts: [ProxyAccount], user: String = "app", from address: String = "10.0.0.5", password: String = "secret"
    ) -> LoginDecision {
        LoginDecision.make(
            accounts: accounts, user: user, address: address, resolvesLoopback: true,
            reply: NativePassword.reply(password: password, salt: salt), salt: salt)
    }

    private func account(_ host: String, _ user: String = "app", _ methods: [ProxyAccount.Method]? = nil)
        -> ProxyAccount
    {
        ProxyAccount(host: host, user: user, methods: methods ?? [.native(stored)])
    }

    @Test("A right password is accepted and serves at another server")
    func accepted() throws {
        guard case .accepted(let secret) = decide([account("%")]) else {
            Issue.record("not accepted")
            return
        }
        let other = NativePassword.makeSalt()
        #expect(secret.nativeReply(salt: other) == NativePassword.reply(password: "secret", salt: other))
        #expect(decide([account("%")], password: "wrong") == .denied)
        #expect(decide([account("%")], password: "") == .denied)
        #expect(decide([account("%", "app", [.empty])], password: "") == .accepted(.empty))
        #expect(decide([account("%", "app", [.empty])], password: "x") == .denied)
        #expect(decide([]) == .denied)
    }

    @Test("The most specific host counts, alone")
    func hosts() {
        let other = account("10.%", "app", [.other(plugin: "ed25519")])
        #expect(decide([account("%"), other]) == .needs(plugin: "ed25519"))
        #expect(decide([account("%"), other], from: "11.0.0.1") != .needs(plugin: "ed25519"))
        #expect(decide([account("10.0.0.5"), other]) != .needs(plugin: "ed25519"))
        #expect(decide([account("192.168.%")]) == .denied)
        // An anonymous account with a narrower host hides the named one, as at the server.
        #expect(decide([account("%"), account("10.0.0.5", "", [.empty])]) == .denied)
        #expect(decide([account("10.0.0.5"), account("10.0.0.5", "", [.empty])]) != .denied)
        var locked = account("%")
        locked.isLocked = true
        #expect(decide([locked]) == .locked)
    }

    @Test(
        "Patterns of hosts",
        arguments: [
            ("%", "10.0.0.1", true), ("10.%", "10.0.0.1", true), ("10.%", "110.0.0.1", false),
            ("10.0.0._", "10.0.0.1", true), ("10.0.0._", "10.0.0.12", false), ("localhost", "127.0.0.1", true),
            ("localhost", "10.0.0.1", false), ("10.0.0.0/255.255.255.0", "10.0.0.77", true),
            ("10.0.0.0/255.255.255.0", "10.0.1.77", false), ("", "1.2.3.4", true), ("::1", "::1", true),
            ("FE80::%", "fe80::1", true), ("10.0.0.1", "10.0.0.1", true), ("%.%.%.5", "1.2.3.5", true),
        ])
    func patterns(pattern: String, address: String, matches: Bool) {
        #expect(HostPattern(text: pattern).matches(address, resolvesLoopback: true) == matches)
    }
}
