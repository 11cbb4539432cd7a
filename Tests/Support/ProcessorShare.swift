import Foundation
import Glibc

/// A share of this machine's processors for the processes of one emulated host, however many of them run: so hosts that
/// share a machine don't take each other's processor as long as the shares leave something over. Needs root and the
/// kernel's `cpu` controller, of either cgroup version.
public final class ProcessorShare: Sendable {
    private static let namePrefix = "wolfscale-lab-"
    /// Short, so that a host that has used its share waits for a few milliseconds only.
    private static let periodMicroseconds = 10_000

    private let path: String

    /// - Parameter cores: In processors, as 0.3.
    public init(name: String, cores: Double) throws {
        let quota = Int(cores * Double(Self.periodMicroseconds))
        guard quota >= 1_000 else { throw LabError("a share of \(cores) processors is too small: 0.1 at least") }
        guard let controller = Self.controller else {
            throw LabError("the kernel's cpu controller is not mounted here")
        }
        path = "\(controller.path)/\(Self.namePrefix)\(getpid())-\(name)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        if controller.isUnified {
            try write("\(quota) \(Self.periodMicroseconds)", to: "cpu.max")
        } else {
            try write("\(Self.periodMicroseconds)", to: "cpu.cfs_period_us")
            try write("\(quota)", to: "cpu.cfs_quota_us")
        }
    }

    /// In front of a command line, to run it with this share. What it starts shares it.
    public var prefix: [String] { ["/bin/sh", "-c", "echo $$ > \(path)/cgroup.procs && exec \"$@\"", "share"] }

    /// - Precondition: its processes have ended.
    public func remove() {
        guard rmdir(path) == 0 else { return print("\(path) stays: \(String(cString: strerror(errno)))") }
    }

    private func write(_ text: String, to file: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(path)/\(file)"))
    }

    /// Where groups are made that limit the processor.
    private static var controller: (path: String, isUnified: Bool)? {
        let mounts = FileManager.default.contents(atPath: "/proc/self/mounts") ?? Data()
        let fields = String(decoding: mounts, as: UTF8.self).split(separator: "\n").map { $0.split(separator: " ") }
        for mount in fields where mount.count > 3 {
            let path = String(mount[1])
            if mount[2] == "cgroup", mount[3].split(separator: ",").contains("cpu") { return (path, false) }
            let controllers = FileManager.default.contents(atPath: "\(path)/cgroup.subtree_control") ?? Data()
            if mount[2] == "cgroup2",
                String(decoding: controllers, as: UTF8.self).split(whereSeparator: \.isWhitespace)
                    .contains("cpu")
            {
                return (path, true)
            }
        }
        return nil
    }
}
