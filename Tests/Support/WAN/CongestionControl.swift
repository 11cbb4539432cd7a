import Foundation
import Glibc

/// The machine's TCP congestion control, switched for the moment in which a namespace is made: a namespace takes what the
/// machine has then, and it can't be set inside.
enum CongestionControl {
    private static let setting = "/proc/sys/net/ipv4/tcp_congestion_control"
    /// Locked while the machine's setting is not its own, and holding what that was: whoever comes after a process that was killed
    /// in that moment puts it back.
    private static let lockFile = "/tmp/wolfscale-lab-congestion"

    static var current: String { read(setting) }

    static func with<Result>(_ wanted: String?, _ body: () throws -> Result) throws -> Result {
        guard let wanted else { return try body() }
        let lock = open(lockFile, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0, flock(lock, LOCK_EX) == 0 else { throw LabError("\(lockFile): errno \(errno)") }
        defer { close(lock) }
        let left = read(lockFile)
        if !left.isEmpty { try write(left, to: setting) }
        let own = current
        guard wanted != own else { return try body() }
        try write(own, to: lockFile)
        defer {
            do {
                try write(own, to: setting)
                try write("", to: lockFile)
            } catch { FileHandle.standardError.write(Data("congestion control stays \(wanted): \(error)\n".utf8)) }
        }
        do { try write(wanted, to: setting) } catch { throw LabError("this kernel has no \(wanted): \(error)") }
        return try body()
    }

    private static func read(_ path: String) -> String {
        guard let data = FileManager.default.contents(atPath: path) else { return "" }
        return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// In place: the files of /proc can't be replaced, and a lock is on the file, not on its name.
    private static func write(_ text: String, to path: String) throws {
        let file = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC)
        guard file >= 0 else { throw LabError("\(path): errno \(errno)") }
        defer { close(file) }
        let bytes = Array(text.utf8)
        guard Glibc.write(file, bytes, bytes.count) == bytes.count else { throw LabError("\(path): errno \(errno)") }
    }
}
