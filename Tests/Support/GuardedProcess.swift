import Foundation
import Glibc
import Synchronization

/// A child process that cannot outlive the test process, however that one ends: a shell beside it holds a pipe to us and
/// kills the child, by its pid, when the pipe closes.
///
/// `Foundation.Process` will not do for it: its children inherit a blocked SIGCHLD, with which a shell's `wait` never
/// returns, and the sockets by which it watches its other children.
final class GuardedProcess: Sendable {
    private static let script = """
        exec 3<&0
        "$@" </dev/null 3<&- & child=$!
        (read -r _ <&3; kill -KILL $child) & watcher=$!
        wait $child; code=$?
        kill $watcher
        exit $code
        """
    private let lifeline: Mutex<Int32>
    private let ended: Mutex<Int32?>
    private let exit: AsyncStream<Int32>

    /// - Parameter command: the program's path and its arguments. Its output goes to /dev/null.
    init(_ command: [String]) throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw MariaDBServerError("pipe: errno \(errno)") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let pid = try Self.spawn(["/bin/sh", "-c", Self.script, "sh"] + command, standardInput: ends[0])
        close(ends[0])
        lifeline = Mutex(ends[1])
        ended = Mutex(nil)
        let (stream, continuation) = AsyncStream.makeStream(of: Int32.self)
        exit = stream
        Thread { [self] in
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
            ended.withLock { $0 = status }
            continuation.yield(status)
            continuation.finish()
        }.start()
    }

    var isRunning: Bool { ended.withLock { $0 == nil } }

    /// SIGKILL for the child.
    func kill() {
        lifeline.withLock { descriptor in
            if descriptor >= 0 { close(descriptor) }
            descriptor = -1
        }
    }

    /// Returns when the child is gone; for one waiter.
    func wait() async {
        for await _ in exit {}
        kill()
    }

    private static func spawn(_ arguments: [String], standardInput: Int32) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, standardInput, 0)
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        // What others here have open is not the child's; to close what is not open does no harm.
        for descriptor in Int32(3)..<1024 { posix_spawn_file_actions_addclose(&actions, descriptor) }

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        var pointers = arguments.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        var pid: pid_t = 0
        let failure = posix_spawn(&pid, arguments[0], &actions, &attributes, &pointers, environ)
        guard failure == 0 else { throw MariaDBServerError("cannot start \(arguments): errno \(failure)") }
        return pid
    }
}
