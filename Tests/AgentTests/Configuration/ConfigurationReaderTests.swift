import ClusterCore
import Foundation
import Testing

@testable import Agent

@Suite struct ConfigurationReaderTests {
    /// The problems of a file, as a person sees them.
    static func problems(_ text: String, environment: [String: String] = [:]) -> [String] {
        do {
            _ = try ConfigurationReader.read(text: text, file: "w.toml", environment: environment)
            return []
        } catch {
            return error.problems.map(\.description)
        }
    }

    static let minimal = "[node]\nid = \"a\"\n"

    @Test func theDocumentedFileIsRead() throws {
        let text = """
            [node]
            id = "node-1"                      # Unique node identifier
            bind_address = "0.0.0.0:7654"      # Cluster communication port
            data_dir = "/var/lib/wolfscale/node-1"

            [database]
            host = "localhost"
            port = 3306
            user = "wolfscale"
            password = "your-password"
            database = "myapp"
            pool_size = 10

            [wal]
            batch_size = 1000                  # Entries per batch
            flush_interval_ms = 100            # Flush frequency
            compression = true                 # LZ4 compression
            segment_size_mb = 64               # Max segment size
            retention_hours = 168              # 7 days
            fsync = true                       # Sync to disk

            [cluster]
            peers = []                         # Peer addresses
            heartbeat_interval_ms = 500        # Heartbeat frequency
            election_timeout_ms = 2000         # Leader election timeout

            [api]
            enabled = true
            bind_address = "0.0.0.0:8080"      # HTTP API port

            [proxy]
            enabled = true                     # Built-in MySQL proxy (default: true)
            bind_address = "0.0.0.0:8007"      # MySQL proxy port
            """
        let configuration = try ConfigurationReader.read(text: text)
        #expect(configuration.node.id == "node-1")
        #expect(configuration.database.password == "your-password")
        #expect(configuration.cluster.electionTimeoutMinMs == 2_000)
        #expect(configuration.cluster.electionTimeoutMaxMs == 4_000)
        #expect(configuration.given.contains("wal.fsync") && !configuration.given.contains("wal.max_size_mb"))
        var defaults = Configuration()
        defaults.node = configuration.node
        #expect(configuration.wal == defaults.wal && configuration.api == defaults.api)
        #expect(configuration.proxy == defaults.proxy && configuration.node.bindAddress == "0.0.0.0:7654")
    }

    @Test func theDefaultsAreTheDocumentedOnes() throws {
        let configuration = try ConfigurationReader.read(text: ConfigurationReaderTests.minimal)
        #expect(configuration.cluster.electionTimeoutMinMs == 1_500)
        #expect(configuration.cluster.electionTimeoutMaxMs == 3_000)
        #expect(configuration.cluster.heartbeatIntervalMs == 500)
        #expect(configuration.api.writeTimeoutMs == 10_000)
        #expect(configuration.replication.mode == .quorum)
        #expect(configuration.database.managed)
        #expect(configuration.node.dataDirectory == "/var/lib/wolfscale/a")
        #expect(configuration.socketPath == "/var/lib/wolfscale/a/run/mariadbd.sock")
    }

    @Test(arguments: [
        (
            "[node]\nid = \"a\"\nbind_adress = \"x:1\"",
            "w.toml:3: the key node.bind_adress is unknown; did you mean node.bind_address?"
        ),
        ("[node]\nid = \"a\"\n[wall]\nfsync = true", "w.toml:3: the section [wall] is unknown; did you mean [wal]?"),
        ("[node]\nid = \"a\"\n[node2]\n", "w.toml:3: the section [node2] is unknown; did you mean [node]?"),
        (
            "[node]\nid = \"a\"\n[wal]\npool_size = 1",
            "w.toml:4: the key wal.pool_size is unknown; did you mean database.pool_size?"
        ),
        (
            "[node]\nid = \"a\"\nzzzzzzzzz = 1",
            "w.toml:3: the key node.zzzzzzzzz is unknown; `wolfscale init` writes a file with all keys"
        ),
        ("wal = 3\n[node]\nid = \"a\"", "w.toml:1: wal is a section: write [wal] on a line of its own"),
        (
            "[node]\nid = \"a\"\n[database]\nport = \"3306\"",
            "w.toml:4: database.port is \"3306\"; wanted: an integer from 1 to 65535"
        ),
        (
            "[node]\nid = \"a\"\n[database]\nport = 0",
            "w.toml:4: database.port is 0; wanted: an integer from 1 to 65535"
        ),
        (
            "[node]\nid = \"a\"\n[database]\nport = 1.5",
            "w.toml:4: database.port is a number with a decimal point; wanted: an integer from 1 to 65535"
        ),
        ("[node]\nid = \"a\"\n[wal]\nfsync = \"yes\"", "w.toml:4: wal.fsync is \"yes\"; wanted: true or false"),
        (
            "[node]\nid = \"a\"\nrole = \"boss\"",
            "w.toml:3: node.role is \"boss\"; wanted: one of \"voter\", \"witness\", \"learner\""
        ),
        ("[node]\nid = 7", "w.toml:2: node.id is 7; wanted: a text in quotes"),
        (
            "[node]\nid = \"a\"\n[api]\nbind_address = \"8080\"",
            "w.toml:4: api.bind_address is \"8080\"; wanted: an address as \"host:port\" with a port from 1 to 65535"
        ),
        (
            "[node]\nid = \"a\"\n[database]\npassword = 12",
            "w.toml:4: database.password is not a text; wanted: a text in quotes"
        ),
    ])
    func aMistakeIsNamedWithItsPlace(text: String, problem: String) {
        let found = ConfigurationReaderTests.problems(text)
        #expect(found.first == problem || found.contains(problem), "\(found)")
    }

    @Test func allProblemsAreToldAtOnce() {
        let found = ConfigurationReaderTests.problems(
            "[node]\nidd = \"a\"\n[wal]\nfsync = 1\nretention_hours = -1\n[x]\n")
        #expect(found.count == 5)
        #expect(found.contains { $0.contains("node.id is missing") })
    }

    @Test func whatIsNoTOMLIsRefusedWithItsLine() {
        let found = ConfigurationReaderTests.problems("[node]\nid = \"a\"\n[wal\n")
        #expect(found.count == 1 && found[0].hasPrefix("w.toml:3: "))
    }

    @Test(arguments: 0..<300) func damagedFilesNeverTrap(seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        var bytes = Array(ConfigurationTemplate.render(["node.id": .text("a")]).replacing("# ", with: "").utf8)
        for _ in 0..<5 {
            bytes[Int.random(in: bytes.indices, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
        }
        _ = ConfigurationReaderTests.problems(String(decoding: bytes, as: UTF8.self))
    }

    @Test func galeraEndpointsAreRead() throws {
        let text =
            ConfigurationReaderTests.minimal
            + "[replication]\nmode = \"async\"\n[relay]\nadvertise_address = \"bridge:7656\"\n"
            + "[[galera.endpoint]]\nhost = \"g1\"\n"
            + "[[galera.endpoint]]\nhost = \"g2\"\nport = 3307\nweight = 5\n"
        let configuration = try ConfigurationReader.read(text: text)
        #expect(
            configuration.galera.endpoints == [
                .init(host: "g1", port: 3306, weight: 100), .init(host: "g2", port: 3307, weight: 5),
            ])
        #expect(!configuration.database.managed)
    }

    @Test func aWrongEndpointIsNamedWithItsLine() {
        let found = ConfigurationReaderTests.problems(
            ConfigurationReaderTests.minimal
                + "[[galera.endpoint]]\nhost = \"g1\"\n[[galera.endpoint]]\nhots = \"g2\"\nport = 0\n")
        #expect(found.count == 3)
        #expect(found.contains("w.toml:6: the key galera.endpoint.hots is unknown; did you mean host?"))
        #expect(found.contains { $0.contains("an endpoint needs a host") })
    }

    @Test func pathsAreRelativeToTheirFile() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("wolfscale-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { do { try FileManager.default.removeItem(at: folder) } catch { Issue.record(error) } }
        let file = folder.appendingPathComponent("w.toml")
        try "[node]\nid = \"a\"\ndata_dir = \"data\"\n[database]\npassword_file = \"secret\"\n"
            .write(to: file, atomically: true, encoding: .utf8)
        let configuration = try ConfigurationReader.read(path: file.path, environment: [:])
        #expect(configuration.node.dataDirectory == folder.appendingPathComponent("data").path)
        #expect(throws: ConfigurationError.self) { try configuration.databasePassword() }
        try "s3cret\n".write(to: folder.appendingPathComponent("secret"), atomically: true, encoding: .utf8)
        #expect(try configuration.databasePassword() == "s3cret")
    }

    @Test func aMissingFileSaysSo() {
        #expect {
            try ConfigurationReader.read(path: "/nonexistent/w.toml")
        } throws: { error in
            "\(error)".contains("/nonexistent/w.toml cannot be read")
        }
    }
}
