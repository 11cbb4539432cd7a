import Foundation
import Glibc
import Logging

/// A managed server of an earlier agent that is being killed while this one starts, as when the two are killed together. Until
/// the kernel has taken down its memory it still holds its port, and can neither be adopted nor replaced.
struct PreviousServer {
    let paths: ServerPaths
    let logger: Logger

    private static let patience = Duration.seconds(30)

    /// Returns when there is no such server, at once in most cases.
    func waitUntilGone() async {
        let deadline = ContinuousClock.now + Self.patience
        guard let pid = dyingPID() else { return }
        logger.info("waiting for the end of a killed database", metadata: ["pid": "\(pid)"])
        while ContinuousClock.now < deadline, dyingPID() == pid {
            do { try await Task.sleep(for: .milliseconds(20)) } catch { return }
        }
    }

    /// The pid file names a process that is there and no longer has a command line: it is exiting. (proc(5), "cmdline")
    private func dyingPID() -> pid_t? {
        guard
            let text = FileManager.default.contents(atPath: paths.pidFile).map({ String(decoding: $0, as: UTF8.self) }),
            let pid = pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)), pid > 1, kill(pid, 0) == 0,
            let commandLine = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline"), commandLine.isEmpty
        else { return nil }
        // A zombie without other threads holds nothing any more.
        let status = FileManager.default.contents(atPath: "/proc/\(pid)/status").map {
            String(decoding: $0, as: UTF8.self)
        }
        guard let status, status.contains("Name:\tmariadbd") else { return nil }
        return status.contains("State:\tZ") && status.contains("Threads:\t1\n") ? nil : pid
    }
}
