import ClusterCore
import Gateway
import Testing

@testable import Agent

@Suite struct ConfigurationRulesTests {
    private func read(_ text: String) throws -> Configuration {
        try ConfigurationReader.read(text: ConfigurationReaderTests.minimal + text)
    }

    @Test(arguments: [
        ("[node]\nid = \"a b\"\n", "node.id is \"a b\""), ("[node]\nid = \"..\"\n", "wanted: 1 to 64 letters"),
        ("[node]\nsite = \"x\"\n", "node.id is missing"),
        ("[node]\nid = \"a\"\n[database]\npassword = \"x\"\npassword_file = \"y\"\n", "not both"),
        ("[node]\nid = \"a\"\n[database]\nmanaged = false\n", "database.fence_command is needed in quorum mode"),
        ("[node]\nid = \"a\"\n[database]\nmanaged = false\n", "database.start_command is needed in quorum mode"),
        ("[node]\nid = \"a\"\n[replication]\nmode = \"async\"\n[database]\nmanaged = true\n", "a managed server needs"),
        ("[node]\nid = \"a\"\n[replication]\nmode = \"async\"\n", "name its nodes, each with [[galera.endpoint]]"),
        (
            "[node]\nid = \"a\"\n[replication]\nmode = \"async\"\n[[galera.endpoint]]\nhost = \"g1\"\n",
            "relay.advertise_address is missing"
        ),
        ("[node]\nid = \"a\"\n[cluster]\nelection_timeout_min_ms = 4000\n", "is below the shortest"),
        ("[node]\nid = \"a\"\n[cluster]\nheartbeat_interval_ms = 1000\n", "is too rare for an election timeout"),
        ("[node]\nid = \"a\"\n[api]\ntls_certificate = \"c.pem\"\n", "give both, or neither"),
        ("[node]\nid = \"a\"\n[tls]\nca = \"ca.pem\"\n", "tls.private_key is missing: give tls.ca,"),
    ])
    func whatDoesNotGoTogetherIsRefused(text: String, reason: String) {
        let found = ConfigurationReaderTests.problems(text)
        #expect(found.contains { $0.contains(reason) }, "\(found)")
    }

    @Test func anAPIThatCanBeOverheardIsWarnedOf() throws {
        let open = try read("[api]\nbind_address = \"0.0.0.0:8080\"\n")
        #expect(open.warnings.contains { $0.contains("the HTTP API on 0.0.0.0:8080 is not encrypted") })
        #expect(try read("[api]\nbind_address = \"127.0.0.1:8080\"\n").apiExposure == nil)
        #expect(try read("[api]\nenabled = false\n").apiExposure == nil)
        let own = try read("[api]\ntls_certificate = \"/c.pem\"\ntls_private_key = \"/c.key\"\ntls_ca = \"/ca.pem\"\n")
        #expect(own.apiExposure == nil && own.apiTrust == .file("/ca.pem") && own.localAPITrust == .here("/ca.pem"))
        #expect(own.advertisedAPI.hasPrefix("https://") && own.advertisedAPI.hasSuffix(":8080"))
    }

    @Test func theAPITakesTheNodesCertificateOnceThereIsOne() throws {
        // `wolfscale cert init` must be able to read such a file.
        let early = try read("[api]\ntls = true\n")
        #expect(early.apiCertificateProblem?.contains("wolfscale cert init") == true)
        let made = try read(
            "[api]\ntls = true\n[tls]\nca = \"/ca.pem\"\ncertificate = \"/n.pem\"\nprivate_key = \"/n.key\"\n")
        #expect(made.apiCertificateProblem == nil && made.apiCertificate?.certificate == "/n.pem")
        #expect(made.apiTrust == .cluster("/ca.pem") && made.localAPITrust == .cluster("/ca.pem"))
    }

    @Test func aWitnessNeedsNoDatabase() throws {
        let configuration = try ConfigurationReader.read(
            text: "[node]\nid = \"w\"\nrole = \"witness\"\n[database]\nmanaged = false\n")
        #expect(configuration.node.role == .witness)
    }

    @Test func theSingleTimeoutGivesWayToTheTwo() throws {
        let configuration = try read(
            "[cluster]\nelection_timeout_ms = 2000\nelection_timeout_max_ms = 5000\nheartbeat_interval_ms = 100\n")
        #expect(configuration.cluster.electionTimeoutMinMs == 2_000)
        #expect(configuration.cluster.electionTimeoutMaxMs == 5_000)
    }

    @Test func withoutCertificatesPeersAreHeardOnLoopbackOnly() throws {
        let careful = try read("")
        #expect("\(careful.peerBinding)" == "127.0.0.1:7654")
        #expect(careful.advertisedAddress(port: 7654) == "127.0.0.1:7654")
        #expect(careful.warnings.contains { $0.contains("only members on this machine") })
        let open = try read("advertise_address = \"db1:7654\"\n[tls]\nrequired = false\n")
        #expect("\(open.peerBinding)" == "0.0.0.0:7654")
        #expect(open.advertisedAddress(port: 7654) == "db1:7654")
        #expect(open.advertisedAPI == "db1:8080")
        #expect(open.warnings.contains { $0.contains("unencrypted") })
        let local = try read("bind_address = \"127.0.0.1:0\"\n[api]\nbind_address = \"127.0.0.1:8081\"\n")
        #expect(local.warnings.isEmpty)
        #expect(local.advertisedAddress(port: 4711) == "127.0.0.1:4711")
        #expect(local.advertisedAPI == "127.0.0.1:8081")
        #expect(try read("[api]\nenabled = false\n").advertisedAPI.isEmpty)
    }

    @Test func withoutCertificatesOtherAddressesAreRefused() throws {
        let exposed = try read("bind_address = \"10.0.0.1:7654\"\n")
        #expect(exposed.bindingProblem?.contains("unencrypted and unauthenticated on 10.0.0.1:7654") == true)
        #expect(exposed.bindingProblem?.contains("wolfscale cert init") == true)
        #expect(try read("bind_address = \"10.0.0.1:7654\"\n[tls]\nrequired = false\n").bindingProblem == nil)
        #expect(try read("bind_address = \"127.0.0.1:7654\"\n").bindingProblem == nil)
    }

    @Test func withCertificatesItListensWhereItIsTold() throws {
        let secured = try read("[tls]\nca = \"/t/ca.pem\"\ncertificate = \"/t/n.pem\"\nprivate_key = \"/t/n.key\"\n")
        #expect(secured.usesTLS)
        #expect("\(secured.peerBinding)" == "0.0.0.0:7654")
        #expect(secured.bindingProblem == nil)
        #expect(secured.warnings == [secured.apiExposure].compactMap { $0 })
        #expect(secured.tlsFiles.caKey == "/t/ca.key")
    }
}
