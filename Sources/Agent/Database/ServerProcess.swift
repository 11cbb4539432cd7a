import CLinux
import Foundation
import Glibc
import Synchronization

/// A running mariadbd, whether this agent started it or an earlier one did. It lives in its own process group, so that it survives
/// the agent; its end is noticed at once through a pidfd (Linux 5.3).
final class ServerProcess: RunningServer {
    let pid: pid_t
    private let state = Mutex(State())

    private struct State {
        var ended = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    /// - Parameter isChild: whether the process is this agent's child, which must be reaped.
    private init(pid: pid_t, isChild: Bool) {
        self.pid = pid
        let watcher = Thread { self.watch(isChild: isChild) }
        watcher.name = "mariadbd-\(pid)"
        watcher.start()
    }

    /// Starts `arguments[0]` with nothing of ours open but `log` as its output.
    static func spawn(_ arguments: [String], log: String) throws(ServerError) -> ServerProcess {
        ServerProcess(pid: try ChildProcess.spawn(arguments, output: log), isChild: true)
    }

    /// The process of an earlier agent, if `pidFile` names one that runs with `marker` among its arguments.
    static func adopt(pidFile: String, marker: String) -> ServerProcess? {
        runningPID(pidFile, marker).map { ServerProcess(pid: $0, isChild: false) }
    }

    static func isRunning(pidFile: String, marker: String) -> Bool { runningPID(pidFile, marker) != nil }

    private static func runningPID(_ pidFile: String, _ marker: String) -> pid_t? {
        guard let text = FileManager.default.contents(atPath: pidFile).map({ String(decoding: $0, as: UTF8.self) }),
            let pid = pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)), pid > 1
        else { return nil }
        guard let commandLine = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline"),
            commandLine.split(separator: 0).contains(where: { String(decoding: $0, as: UTF8.self) == marker })
        else { return nil }
        return pid
    }

    /// Returns when the process has ended.
    func waitUntilEnded() async {
        await withCheckedContinuation { continuation in
            let ended = state.withLock { state in
                if !state.ended { state.waiters.append(continuation) }
                return state.ended
            }
            if ended { continuation.resume() }
        }
    }

    func fence() async {
        signal(SIGKILL)
        await waitUntilEnded()
    }

    func stop() async {
        signal(SIGTERM)
        await waitUntilEnded()
    }

    var isRunning: Bool { state.withLock { !$0.ended } }

    /// Sends a signal, unless the process is known to have ended (its number may belong to another by now).
    func signal(_ number: Int32) { state.withLock { if !$0.ended { _ = kill(pid, number) } } }

    private func watch(isChild: Bool) {
        let descriptor = wolfscale_pidfd_open(pid)
        if descriptor >= 0 {
            var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            while poll(&wait, 1, -1) < 0 && errno == EINTR {}
            close(descriptor)
        }
        if isChild {
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        }
        let waiters = state.withLock { state in
            state.ended = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }
}

/// Why a server could not be brought to do what it should. The text says what to do next.
enum ServerError: Error, CustomStringConvertible, Equatable {
    case cannotStart(String)
    /// The server refuses to start in the role of a replica (MDEV-33465: the tail of its binlog can't be undone).
    case refusesReplicaRole(String)
    case portInUse(String)
    case commandFailed(String)
    case unresponsive(String)
    case wrongState(String)

    var description: String {
        switch self {
        case .cannotStart(let text), .refusesReplicaRole(let text), .portInUse(let text), .commandFailed(let text),
            .unresponsive(let text), .wrongState(let text):
            text
        }
    }
}
