import Foundation

/// MariaDB's programs on this machine.
enum ServerProgram {
    /// Looks in `PATH` and where Debian and Red Hat put servers.
    static func find(_ name: String) -> String? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let folders =
            path.split(separator: ":").map(String.init) + ["/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/libexec"]
        return folders.map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    static func check(_ server: String) -> Check {
        guard let output = run(server, ["--version"]), let version = ServerVersion(output) else {
            return Check("mariadbd", .failed, "\(server) --version gave no version of MariaDB")
        }
        guard version.undoesUnconfirmed else {
            return Check(
                "mariadbd", .failed,
                "\(server) is MariaDB \(version); init_rpl_role, which undoes unconfirmed writes after a crash, came "
                    + "with 10.6.19, 10.11.9, 11.4.3 and 11.6")
        }
        return Check("mariadbd", .ok, "\(server) is MariaDB \(version)")
    }

    private static func run(_ program: String, _ arguments: [String]) -> String? {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        do { try process.run() } catch { return nil }
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return process.terminationStatus == 0 ? String(decoding: data, as: UTF8.self) : nil
    }
}

/// A MariaDB release, from what `mariadbd --version` prints.
struct ServerVersion: Equatable, Comparable, CustomStringConvertible {
    var major: Int
    var minor: Int
    var patch: Int

    init(_ major: Int, _ minor: Int, _ patch: Int) { (self.major, self.minor, self.patch) = (major, minor, patch) }

    /// `mariadbd  Ver 10.11.19-MariaDB-…`; nil when there is no `Ver` and three numbers, or it is not MariaDB.
    init?(_ text: String) {
        guard text.contains("MariaDB"), let ver = text.range(of: "Ver ") else { return nil }
        let numbers = text[ver.upperBound...].prefix { $0.isNumber || $0 == "." }.split(separator: ".").compactMap {
            Int($0)
        }
        guard numbers.count >= 3 else { return nil }
        self.init(numbers[0], numbers[1], numbers[2])
    }

    /// Whether `init_rpl_role=SLAVE` truncates what was not acknowledged (MDEV-33465).
    var undoesUnconfirmed: Bool {
        switch (major, minor) {
        case (10, 6): patch >= 19
        case (10, 11): patch >= 9
        case (11, 4): patch >= 3
        case (11, 6...): true
        default: major >= 12
        }
    }

    var description: String { "\(major).\(minor).\(patch)" }

    static func < (a: ServerVersion, b: ServerVersion) -> Bool {
        (a.major, a.minor, a.patch) < (b.major, b.minor, b.patch)
    }
}
