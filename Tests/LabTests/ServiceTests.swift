import Foundation
import Glibc
import LabSupport
import Testing

extension LabTests {
    /// The agent as a service of systemd, by the words of `sd_notify(3)`.
    @Suite struct ServiceTests {
        @Test func saysWhenItIsReadyAndWhenItStops() throws {
            let cluster = try LabCluster(name: "service")
            defer { cluster.remove() }
            let node = try cluster.addNode()
            let listener = try NotifySocket(path: cluster.folder + "/notify")
            try node.start(.bootstrap, environment: ["NOTIFY_SOCKET": listener.path])
            let ready = try Lab.eventually("READY=1", within: .seconds(120)) { try listener.next() }
            #expect(ready.contains("READY=1"))
            // Units ordered after it find an API that answers.
            #expect(try node.http("GET", "/status").status == 200)
            node.signalAgent(SIGTERM)
            let stopping = try Lab.eventually("STOPPING=1", within: .seconds(30)) { try listener.next() }
            #expect(stopping.contains("STOPPING=1"))
            node.endAgent()
            #expect(node.exitStatus == 0 && node.databasePID == nil)
        }

        @Test func leavesTemporaryTablesOfOtherServersAlone() throws {
            let cluster = try LabCluster(name: "neighbours")
            defer { cluster.remove() }
            let shared = cluster.folder + "/tmp"
            let table = shared + "/#sql-temptable-99-1-0.MAI"
            try FileManager.default.createDirectory(atPath: shared, withIntermediateDirectories: true)
            try "a neighbour's".write(toFile: table, atomically: true, encoding: .utf8)
            let node = try cluster.addNode()
            try node.start(.bootstrap, environment: ["TMPDIR": shared])
            _ = try cluster.waitUntilWritable()
            #expect(FileManager.default.fileExists(atPath: table))
        }
    }
}

/// What systemd listens on.
private final class NotifySocket {
    let path: String
    private let descriptor: Int32

    init(path: String) throws {
        self.path = path
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard bound == 0 else { throw LabError("cannot listen on \(path): errno \(errno)") }
    }

    deinit { close(descriptor) }

    /// The next message, if one has come.
    func next() throws -> String? {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        if count < 0, errno == EAGAIN { return nil }
        guard count >= 0 else { throw LabError("cannot read from \(path): errno \(errno)") }
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }
}
