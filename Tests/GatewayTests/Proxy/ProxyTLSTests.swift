import Foundation
import Gateway
import LabSupport
import MariaDBClient
import Testing

/// TLS between clients and the proxy, and between the proxy and databases.
@Suite("TLS on both sides of the proxy", .serialized) struct ProxyTLSTests {
    /// A server that takes nothing by TCP without TLS.
    private func withServer(
        _ files: TestCertificates, _ body: (MariaDBServer) async throws -> Void
    ) async throws {
        let options = [
            "--ssl-cert=\(files.certificate)", "--ssl-key=\(files.key)", "--ssl-ca=\(files.ca)",
            "--require-secure-transport=ON", "--plugin-load-add=auth_ed25519",
        ]
        try await MariaDBServer.withServer(id: 9, options: SharedServer.options + options) { server in
            try await ProxyFixture.makeAccounts(server)
            try await server.sql(
                "CREATE USER ed@'%' IDENTIFIED VIA ed25519 USING PASSWORD('\(ProxyFixture.password)'); GRANT ALL ON shop.* TO ed@'%'"
            )
            try await body(server)
        }
    }

    private func errno(_ configuration: SQLConfiguration) async throws -> (UInt32, String)? {
        do {
            try await withSession(configuration) { session throws(SQLError) in try session.ping() }
            return nil
        } catch let error as SQLError { return (error.errno, "\(error)") }
    }

    @Test func databasesAreReachedByTLSOrNotAtAll() async throws {
        let (files, others) = (try TestCertificates(host: "IP:127.0.0.1"), try TestCertificates())
        defer {
            files.remove()
            others.remove()
        }
        try await withServer(files) { server in
            let right: [DatabaseTLS.Trust] = [.name(authority: files.ca), .authority(files.ca), .anybody]
            for trust in right {
                let tls = try DatabaseTLS(trust)
                try await ProxyFixture.with(leader: server, replica: server) {
                    $0.databaseTLS = tls
                    $0.readConsistency = .eventual
                } _: { fixture in
                    let rows = try await withSession(fixture.configuration) { session throws(SQLError) in
                        try session.query("CREATE OR REPLACE TABLE e (v LONGBLOB)")
                        try session.query("INSERT INTO e VALUES (REPEAT('x', 20000000))")
                        let size = try session.query("SELECT v FROM e").scalar?.utf8.count
                        return (size, try session.query("SHOW STATUS LIKE 'Ssl_version'").rows.first?.last)
                    }
                    #expect(rows.0 == 20_000_000 && rows.1??.hasPrefix("TLSv1.") == true, "\(trust)")
                }
            }
            for trust in [DatabaseTLS.Trust.name(authority: others.ca), .authority(others.ca), .name(authority: nil)] {
                let tls = try DatabaseTLS(trust)
                try await ProxyFixture.with(leader: server) {
                    $0.databaseTLS = tls
                } _: { fixture in
                    let failure = try #require(try await errno(fixture.configuration), "\(trust)")
                    #expect(failure.0 == 1105 && failure.1.contains("proxy.database_tls"), "\(failure)")
                }
            }
            // The server's own words, when the proxy is not told of TLS.
            try await ProxyFixture.with(leader: server) { fixture in
                let failure = try #require(try await errno(fixture.configuration))
                let direct = try #require(try await errno(ProxyFixture.direct(server)))
                #expect(failure.0 == direct.0, "\(failure) \(direct)")
            }
        }
    }

    @Test func aCertificateForAnotherHostOrNoneIsRefused() async throws {
        let files = try TestCertificates(host: "DNS:elsewhere.example")
        defer { files.remove() }
        let (byName, byAuthority) = (
            try DatabaseTLS(.name(authority: files.ca)), try DatabaseTLS(.authority(files.ca))
        )
        try await withServer(files) { server in
            try await ProxyFixture.with(leader: server) {
                $0.databaseTLS = byName
            } _: { fixture in
                let failure = try await errno(fixture.configuration)
                #expect(failure?.0 == 1105)
            }
            try await ProxyFixture.with(leader: server) {
                $0.databaseTLS = byAuthority
            } _: { fixture in
                let failure = try await errno(fixture.configuration)
                #expect(failure == nil)
            }
        }
        let server = try await SharedServer.server()
        try await ProxyFixture.makeAccounts(server)
        try await ProxyFixture.with(leader: server) {
            $0.databaseTLS = byAuthority
        } _: { fixture in
            let failure = try #require(try await errno(fixture.configuration))
            #expect(failure.0 == 1105 && failure.1.contains("it offers none"), "\(failure)")
        }
    }

    /// The proxy can't repeat such a login, so it passes the exchange on: to the leader's database only.
    @Test func accountsWithEd25519() async throws {
        let files = try TestCertificates(host: "IP:127.0.0.1")
        defer { files.remove() }
        let tls = try DatabaseTLS(.name(authority: files.ca))
        try await withServer(files) { server in
            try await ProxyFixture.with(leader: server, replica: server) {
                $0.databaseTLS = tls
                do { try $0.useTLS(certificate: files.certificate, privateKey: files.key) } catch {
                    Issue.record(error)
                }
            } _: { fixture in
                var plain = fixture.configuration
                plain.user = "ed"
                var secure = plain
                secure.tls = SQLConfiguration.TLS(authorities: files.ca, verifiesServer: false)
                for configuration in [plain, secure] {
                    let user = try await withSession(configuration) { session throws(SQLError) in
                        try session.query("CREATE OR REPLACE TABLE g (id INT)")
                        try session.query("INSERT INTO g VALUES (1)")
                        _ = try session.execute("SELECT id FROM g WHERE id = ?", [.int64(1)])
                        return try session.query("SELECT CURRENT_USER()").scalar
                    }
                    #expect(user == "ed@%")
                    var wrong = configuration
                    wrong.password = "wrong"
                    let failure = try await errno(wrong)
                    #expect(failure?.0 == 1045)
                }
                // Its one connection is lost with the leader.
                let held = SQLRunner(secure, deadline: .seconds(20))
                defer { held.close() }
                let before = try await held.run { session throws(SQLError) in session.threadID }
                fixture.proxy.update(ProxyFixture.view(leader: server, epoch: 2, replica: server))
                try await MariaDBServer.eventually("the session was closed, and another one logs in") {
                    do { return try await held.run { session throws(SQLError) in session.threadID } != before } catch {
                        return false
                    }
                }
            }
        }
    }

    @Test func clientsByTLS() async throws {
        let files = try TestCertificates(host: "IP:127.0.0.1")
        defer { files.remove() }
        let server = try await SharedServer.server()
        try await ProxyFixture.makeAccounts(server)
        try await ProxyFixture.with(leader: server) {
            do { try $0.useTLS(certificate: files.certificate, privateKey: files.key) } catch { Issue.record(error) }
            $0.requiresTLS = true
        } _: { fixture in
            let failure = try #require(try await errno(fixture.configuration))
            #expect(failure.0 == 3159 && failure.1.contains("insecure transport"), "\(failure)")
            // The certificate is the one that was given.
            let output = try await MariaDBServer.run(
                [
                    "mariadb", "--no-defaults", "-h127.0.0.1", "-P\(fixture.port)", "-uapp",
                    "-p\(ProxyFixture.password)",
                    "--ssl-ca=\(files.ca)", "-N", "shop",
                ], input: "\\s\nSELECT 'inside';")
            #expect(output.contains("Cipher in use") && output.contains("inside"), "\(output)")
            func handshake(_ version: String) async throws -> String {
                try await MariaDBServer.run([
                    "sh", "-c",
                    "openssl s_client -starttls mysql -connect 127.0.0.1:\(fixture.port) \(version) -cipher 'ALL:@SECLEVEL=0' "
                        + "</dev/null 2>&1 || true",
                ])
            }
            for version in ["-tls1", "-tls1_1"] {
                #expect(try await handshake(version).contains("protocol version"), "\(version)")
            }
            for version in ["-tls1_2", "-tls1_3"] {
                let answer = try await handshake(version)
                #expect(answer.contains("Server certificate"), "\(version): \(answer)")
            }
        }
    }
}
