import Foundation
import Testing

@testable import Agent

#if canImport(Glibc)
    import Glibc
#endif

@Suite struct MachineChecksTests {
    private func configuration(_ text: String = "") throws -> Configuration {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("wolfscale-\(UUID().uuidString)")
            .path
        return try ConfigurationReader.read(
            text: "[node]\nid = \"a\"\nbind_address = \"127.0.0.1:0\"\ndata_dir = \"\(folder)\"\n" + text)
    }

    private func failures(_ configuration: Configuration) -> [String] {
        MachineChecks(configuration).run().filter { $0.result == .failed }.map(\.message)
    }

    @Test func aTakenPortIsNamedWithItsKey() throws {
        let listener = try Listener()
        defer { listener.close() }
        let text = "[api]\nbind_address = \"127.0.0.1:\(listener.port)\"\n[proxy]\nenabled = false\n"
        let found = failures(try configuration(text))
        #expect(
            found.contains { $0.hasPrefix("api.bind_address: cannot listen on 127.0.0.1:\(listener.port)") }, "\(found)"
        )
    }

    @Test func twoListenersOnOnePortAreFound() throws {
        let text = "[api]\nbind_address = \"127.0.0.1:9999\"\n[proxy]\nbind_address = \"0.0.0.0:9999\"\n"
        #expect(
            failures(try configuration(text)).contains("proxy.bind_address and api.bind_address both take port 9999"))
    }

    @Test func aSecretThatIsNotThereIsFound() throws {
        let found = failures(try configuration("[database]\npassword_file = \"/nonexistent/secret\"\n"))
        #expect(found.contains { $0.contains("/nonexistent/secret cannot be read") })
    }

    @Test func aHeldDataDirectoryIsSeen() throws {
        let configuration = try configuration()
        let folder = configuration.node.dataDirectory
        #expect(AgentLock.holder(dataDirectory: folder) == .free)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { do { try FileManager.default.removeItem(atPath: folder) } catch { Issue.record(error) } }
        let descriptor = open(folder + "/lock", O_RDWR | O_CREAT, 0o600)
        defer { close(descriptor) }
        #expect(flock(descriptor, LOCK_EX | LOCK_NB) == 0)
        #expect(AgentLock.holder(dataDirectory: folder) == .held)
        #expect(MachineChecks(configuration).run().contains { $0.message.contains("is in use by an agent that runs") })
    }

    @Test(arguments: [
        ("mariadbd  Ver 10.11.19-MariaDB-0+deb12u1 for debian-linux-gnu", ServerVersion(10, 11, 19), true),
        ("mariadbd  Ver 10.11.8-MariaDB", ServerVersion(10, 11, 8), false),
        ("mariadbd  Ver 10.6.19-MariaDB", ServerVersion(10, 6, 19), true),
        ("mariadbd  Ver 11.4.2-MariaDB", ServerVersion(11, 4, 2), false),
        ("mariadbd  Ver 11.8.1-MariaDB", ServerVersion(11, 8, 1), true),
        ("mariadbd  Ver 12.0.2-MariaDB", ServerVersion(12, 0, 2), true),
        ("mysqld  Ver 8.0.36 for Linux", nil, false), ("mariadbd  Ver ten-MariaDB", nil, false),
    ])
    func versionsAreRead(text: String, version: ServerVersion?, undoes: Bool) {
        #expect(ServerVersion(text) == version)
        #expect((ServerVersion(text)?.undoesUnconfirmed ?? false) == undoes)
    }
}

/// A socket that listens on a free port of loopback.
private struct Listener {
    let descriptor: CInt
    let port: Int

    init() throws {
        let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                bind(descriptor, generic, length) == 0 && listen(descriptor, 1) == 0
                    && getsockname(descriptor, generic, &length) == 0
            }
        }
        try #require(isListening)
        self.descriptor = descriptor
        port = Int(UInt16(bigEndian: address.sin_port))
    }

    func close() { Glibc.close(descriptor) }
}
