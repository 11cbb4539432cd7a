import Foundation
import LabSupport
import MariaDBClient
import Testing

extension LabTests {
    /// `proxy.database_tls` of a running agent and of `wolfscale proxy`: the servers refuse the account without TLS.
    @Suite struct DatabaseTLSTests {
        private static let user = "guarded"
        private static let password = "by TLS alone"

        private func session(port: Int) throws -> SQLSession {
            try SQLSession(
                SQLConfiguration(
                    address: .tcp(host: "127.0.0.1", port: port), user: Self.user, password: Self.password,
                    connectTimeout: .seconds(15), readTimeout: .seconds(30)))
        }

        @Test func databasesAreReachedByVerifiedTLSFromAgentsAndStandaloneProxies() throws {
            let (files, others) = (try TestCertificates(host: "IP:127.0.0.1"), try TestCertificates())
            defer {
                files.remove()
                others.remove()
            }
            let options = ["ssl_cert=\(files.certificate)", "ssl_key=\(files.key)", "ssl_ca=\(files.ca)"]
            let verify = ["database_tls = \"verify\"", "database_tls_ca = \"\(files.ca)\""]
            var settings = LabCluster.quickElections
            settings["database", default: []].append("server_options = \(options)")
            settings["proxy", default: []] += ["enabled = true"] + verify
            try LabTests.withCluster("database-tls", settings: settings) { cluster in
                let (leader, follower) = (try cluster.leader(), try #require(cluster.followers().first))
                let administrator = try leader.administrator()
                defer { administrator.close() }
                try administrator.query("CREATE USER router@'127.0.0.1' IDENTIFIED BY 'routes' REQUIRE SSL")
                try administrator.query("GRANT SELECT ON mysql.global_priv TO router@'127.0.0.1'")
                try administrator.query(
                    "CREATE USER \(Self.user)@'127.0.0.1' IDENTIFIED BY '\(Self.password)' REQUIRE SSL")
                try administrator.query("GRANT ALL ON \(LabNode.schema).* TO \(Self.user)@'127.0.0.1'")
                try administrator.query("CREATE TABLE \(LabNode.schema).t (id INT PRIMARY KEY)")
                try cluster.waitUntilApplied()
                #expect(throws: SQLError.self, "a database took it without TLS") {
                    try session(port: leader.databasePort)
                }

                let client = try session(port: follower.proxyPort)
                defer { client.close() }
                try client.query("INSERT INTO \(LabNode.schema).t VALUES (1)")
                #expect(try client.query("SELECT COUNT(*) FROM \(LabNode.schema).t").scalar == "1")
                try Lab.eventually("the follower's own database is read") {
                    try client.portThatIsRead() == follower.databasePort
                }

                let proxy = try StandaloneProxy(
                    in: cluster.folder, member: follower, user: "router", password: "routes", more: verify)
                defer { proxy.end() }
                let remote = try Lab.eventually("a session through the standalone proxy") {
                    try session(port: proxy.port)
                }
                defer { remote.close() }
                try remote.query("INSERT INTO \(LabNode.schema).t VALUES (2)")
                try Lab.eventually("a follower is read") { try remote.portThatIsRead() != leader.databasePort }
                proxy.end()

                let stranger = try StandaloneProxy(
                    in: cluster.folder, member: follower, user: "router", password: "routes",
                    more: ["database_tls = \"verify\"", "database_tls_ca = \"\(others.ca)\""])
                defer { stranger.end() }
                try Lab.eventually("who reads the log is told of the authority") {
                    #expect(throws: SQLError.self) { try session(port: stranger.port) }
                    return try String(contentsOfFile: stranger.log, encoding: .utf8).contains("certificate")
                }
            }
        }
    }
}
