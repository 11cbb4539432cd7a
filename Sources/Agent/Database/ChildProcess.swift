import CLinux
import Foundation
import Glibc

/// Starts children that inherit nothing of ours but their output. `Foundation.Process` will not do: its children hold the sockets by
/// which it notices their end, so a daemon that a command leaves behind would keep it waiting for ever.
enum ChildProcess {
    /// Starts `arguments[0]` in a process group of its own with `output` as both of its outputs.
    static func spawn(_ arguments: [String], output: String) throws(ServerError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        wolfscale_spawn_close_from(&actions, 3)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // The agent ignores or blocks some signals; the child starts with none of that.
        var none = sigset_t()
        var all = sigset_t()
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        // A process group, not a session: with the kernel's autogroup a session of its own would weigh as much as the agent's
        // whole session, and the agent would get too little of the processor to answer commits quickly.
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes,
            Int16(POSIX_SPAWN_SETPGROUP) | Int16(POSIX_SPAWN_SETSIGMASK) | Int16(POSIX_SPAWN_SETSIGDEF))
        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for argument in argv { free(argument) } }
        var pid: pid_t = 0
        let code = posix_spawn(&pid, arguments[0], &actions, &attributes, &argv, environ)
        guard code == 0 else {
            throw ServerError.cannotStart("\(arguments[0]): \(String(cString: strerror(code)))")
        }
        return pid
    }

    /// Waits for a child's end and reaps it.
    ///
    /// - Returns: its exit status, as a shell gives it; nil when it had not ended in time.
    static func wait(for pid: pid_t, within limit: Duration = .seconds(1_000_000)) -> Int32? {
        let descriptor = wolfscale_pidfd_open(pid)
        if descriptor >= 0 {
            var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let milliseconds = Int32(clamping: limit.components.seconds * 1_000)
            var ready = poll(&wait, 1, milliseconds)
            while ready < 0 && errno == EINTR { ready = poll(&wait, 1, milliseconds) }
            close(descriptor)
            if ready == 0 { return nil }
        }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 { if errno != EINTR { return 0 } }
        return status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f)
    }

    /// Runs a command line of the administrator's through `/bin/sh`, and ends it when it takes longer than `limit`. Daemons that it
    /// leaves behind live on. Blocks.
    static func shell(_ command: String, key: String, within limit: Duration = .seconds(120)) throws(ServerError) {
        let output = NSTemporaryDirectory() + "/wolfscale-\(UUID().uuidString)"
        defer { unlink(output) }
        let pid = try spawn(["/bin/sh", "-c", command], output: output)
        guard let status = wait(for: pid, within: limit) else {
            kill(pid, SIGKILL)
            _ = wait(for: pid)
            throw .commandFailed("\(key) (\(command)) was still running after \(limit); it must return")
        }
        guard status == 0 else {
            let text = FileManager.default.contents(atPath: output).map {
                String(decoding: $0.suffix(600), as: UTF8.self)
            }
            throw .commandFailed("\(key) (\(command)) failed with exit code \(status): \(text ?? "")")
        }
    }
}
