import Foundation
import Glibc
import LabSupport
import MariaDBClient
import Testing

extension LabTests {
    /// Each mistake ends in one clear message with the remedy, an exit code that is not 0, and nothing lost.
    @Suite struct BadInputTests {
        private func withNode(_ name: String, _ body: (LabCluster, LabNode) throws -> Void) throws {
            try LabTests.withCluster(name, nodes: 0) { cluster in try body(cluster, try cluster.addNode()) }
        }

        @Test func configurationMistakesAreNamed() throws {
            try withNode("config") { _, node in
                try node.writeConfiguration(["cluster": ["heartbeat_intervall_ms = 100"]])
                try LabTests.requireRefusal(
                    node, ["validate"], saying: ["heartbeat_intervall_ms", "heartbeat_interval_ms"])
                try LabTests.requireRefusal(node, saying: ["heartbeat_interval_ms"])
                try node.writeConfiguration(["database": ["port = \"many\""]])
                try LabTests.requireRefusal(node, ["validate"], saying: ["database.port"])
                try "[node\nid =".write(toFile: node.configuration, atomically: true, encoding: .utf8)
                try LabTests.requireRefusal(node, ["validate"], saying: [node.configuration])
                try FileManager.default.removeItem(atPath: node.configuration)
                try LabTests.requireRefusal(node, ["validate"], saying: ["wolfscale init"])
            }
        }

        @Test func aNodeThatBelongsNowhereIsToldHowToBegin() throws {
            try withNode("nowhere") { _, node in try LabTests.requireRefusal(node, saying: ["--bootstrap", "join"]) }
        }

        @Test func portsInUseAreNamedWithTheirKeys() throws {
            try withNode("ports") { _, node in
                for (port, key) in [
                    (node.peerPort, "node.bind_address"), (node.apiPort, "api.bind_address"),
                    (node.databasePort, "database.port"),
                ] {
                    let occupant = try occupy(port)
                    defer { close(occupant) }
                    try LabTests.requireRefusal(node, ["start", "--bootstrap"], saying: ["in use", key])
                }
            }
        }

        private func occupy(_ port: Int) throws -> Int32 {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(port).bigEndian
            address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
            let bound = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            guard bound == 0, listen(descriptor, 1) == 0 else { throw LabError("port \(port) can't be taken") }
            return descriptor
        }

        @Test func aDataDirectoryOfAnotherNodeIsRefused() throws {
            try LabTests.withCluster("foreign", nodes: 1) { cluster in
                let node = cluster.nodes[0]
                try LabTests.requireRefusal(node, saying: ["lock", "\(node.agentPID ?? 0)"])
                node.endAgent(SIGTERM)
                try node.writeConfiguration(["node": ["id = \"someone-else\""]])
                try LabTests.requireRefusal(node, saying: ["node-1", "someone-else", "data_dir"])
                try node.writeConfiguration(["cluster": ["name = \"other\""]])
                try LabTests.requireRefusal(node, saying: ["other", "cluster.name"])
            }
        }

        @Test func aCorruptSegmentIsReportedAndLeftAlone() throws {
            try LabTests.withCluster("corrupt", nodes: 1) { cluster in
                let node = cluster.nodes[0]
                let client = try node.client()
                try client.query("CREATE TABLE t (id INT PRIMARY KEY, v TEXT)")
                for row in 1...200 { try client.query("INSERT INTO t VALUES (\(row), UUID())") }
                node.endAgent(SIGTERM)
                let folder = node.dataDirectory + "/wal"
                let segment = try #require(FileManager.default.contentsOfDirectory(atPath: folder).sorted().first)
                let file = try #require(FileHandle(forUpdatingAtPath: folder + "/" + segment))
                try file.seek(toOffset: 6_000)
                let byte = try #require(try file.read(upToCount: 1)?.first)
                try file.seek(toOffset: 6_000)
                try file.write(contentsOf: Data([byte ^ 0x40]))
                try file.close()
                try LabTests.requireRefusal(node, saying: [segment, "committed"])
                #expect(FileManager.default.fileExists(atPath: folder + "/" + segment))
            }
        }

        @Test(.enabled(if: geteuid() == 0, "mounting a small tmpfs needs root"))
        func aFullDiskStopsTheAgentAndLosesNothing() throws {
            try withNode("full") { cluster, node in
                let wal = node.dataDirectory + "/wal"
                try FileManager.default.createDirectory(
                    atPath: wal, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
                chmod(node.dataDirectory, 0o700)
                try Lab.run("mount", ["-t", "tmpfs", "-o", "size=6m,mode=0700", "tmpfs", wal])
                defer { _ = try? Lab.run("umount", ["-l", wal], expecting: nil) }
                try node.writeConfiguration(["wal": ["segment_size_mb = 1", "compression = false"]])
                try node.start(.bootstrap)
                try cluster.waitUntilWritable()
                let client = try node.client()
                try client.query("CREATE TABLE t (id INT PRIMARY KEY, v LONGTEXT)")
                var confirmed = 0
                do {
                    for row in 1...40 {
                        try client.query("INSERT INTO t VALUES (\(row), REPEAT(UUID(), 8000))")
                        confirmed = row
                    }
                } catch is SQLError {}
                try Lab.eventually("the agent has ended") { node.exitStatus != nil }
                #expect(node.exitStatus != 0)
                #expect(cluster.tail(node).contains("full"))
                #expect(confirmed > 3 && confirmed < 40)
                try Lab.run("mount", ["-o", "remount,size=64m", wal])
                try node.start(.again)
                try cluster.waitUntilWritable()
                let present = try node.client().query("SELECT COUNT(*) FROM t WHERE id <= \(confirmed)").scalar
                #expect(present == "\(confirmed)")
            }
        }
    }
}
