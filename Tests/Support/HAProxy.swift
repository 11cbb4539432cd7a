import Foundation
import Glibc

/// HAProxy in TCP mode in front of one database: what a proxy costs that looks at nothing.
public final class HAProxy {
    private let process = Process()
    private let file: String
    public let port: Int

    public init(database port: Int, folder: String) throws {
        self.port = try FreePort.take()
        file = folder + "/haproxy.cfg"
        try """
        global
            maxconn 4000
        defaults
            mode tcp
            timeout connect 5s
            timeout client 1h
            timeout server 1h
        listen mysql
            bind 127.0.0.1:\(self.port)
            server db 127.0.0.1:\(port)

        """.write(toFile: file, atomically: true, encoding: .utf8)
        process.executableURL = URL(fileURLWithPath: "/usr/sbin/haproxy")
        process.arguments = ["-db", "-f", file]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
    }

    public var pid: Int32 { process.processIdentifier }

    public func stop() {
        guard process.isRunning else { return }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }
}
