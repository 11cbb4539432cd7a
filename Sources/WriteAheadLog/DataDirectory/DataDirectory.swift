#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The agent's data directory, locked for this process as long as the value lives.
///
/// The lock is `flock` on `<path>/lock`: it goes with the process whatever ends it, and is not inherited by
/// programs that the agent starts. The file's contents, the holder's process id, are for people.
public final class DataDirectory: Sendable {
    public let path: String
    /// Segments of the write-ahead log.
    public var wal: String { path + "/wal" }
    /// The state store.
    public var state: String { path + "/state" }
    public var data: String { path + "/data" }
    /// Sockets and pid files.
    public var run: String { path + "/run" }
    /// Transactions that a database had and the cluster had not.
    public var orphans: String { path + "/orphans" }

    private let lock: Int32

    private static let rooms = ["wal", "state", "data", "run", "orphans"]
    /// What else may lie in a data directory before the agent first opens it: the managed server's data,
    /// certificates, and what a mount point has.
    private static let neighbours: Set<String> = ["mariadb", "tls", "lost+found"]
    private static let lockName = "lock"

    private init(path: String, lock: Int32) {
        self.path = path
        self.lock = lock
    }

    deinit { close(lock) }

    /// Creates what is missing, with access for the owner only, and takes the lock.
    ///
    /// Throws ``DataDirectoryError/locked(path:holder:)`` when another process has it, and
    /// ``DataDirectoryError/notOurs(path:found:)`` for a directory with something else in it.
    public static func open(_ path: String) throws(DataDirectoryError) -> DataDirectory {
        try makeDirectory(path)
        try checkOurs(path)
        let lock = try takeLock(path + "/" + lockName)
        let directory = DataDirectory(path: path, lock: lock)
        for room in rooms { try makeDirectory(path + "/" + room) }
        do throws(DiskError) {
            try PosixDisk().syncDirectory(path)
        } catch {
            throw DataDirectoryError(error)
        }
        return directory
    }

    /// Renames the log's directory, whose log is closed, to the first free `wal.aside-N`, and makes an empty one:
    /// the node is to be provisioned anew, and the damaged log stays for people to look at. Returns the new name's
    /// path.
    public func setLogAside() throws(DataDirectoryError) -> String {
        let aside: String
        do throws(DiskError) {
            let disk = PosixDisk()
            let names = Set(try disk.list(path))
            var number = 1
            while names.contains("wal.aside-\(number)") { number += 1 }
            aside = path + "/wal.aside-\(number)"
            try disk.rename(wal, to: aside)
            try disk.syncDirectory(path)
        } catch {
            throw DataDirectoryError(error)
        }
        try Self.makeDirectory(wal)
        return aside
    }

    private static func makeDirectory(_ path: String) throws(DataDirectoryError) {
        if mkdir(path, 0o700) == 0 { return }
        if errno == ENOENT, let slash = path.lastIndex(of: "/"), slash > path.startIndex {
            try makeDirectory(String(path[..<slash]))
            guard mkdir(path, 0o700) == 0 else { throw .last("mkdir", path) }
            return
        }
        guard errno == EEXIST else { throw .last("mkdir", path) }
        var status = stat()
        guard stat(path, &status) == 0 else { throw .last("stat", path) }
        guard status.st_mode & S_IFMT == S_IFDIR else { throw .notADirectory(path: path) }
    }

    private static func checkOurs(_ path: String) throws(DataDirectoryError) {
        let names: [String]
        do throws(DiskError) {
            names = try PosixDisk().list(path).filter { !$0.hasPrefix(".") }
        } catch {
            throw DataDirectoryError(error)
        }
        if names.contains(lockName) || names.contains("state") { return }
        let strangers = names.filter { !rooms.contains($0) && !neighbours.contains($0) }.sorted()
        guard strangers.isEmpty else { throw .notOurs(path: path, found: Array(strangers.prefix(3))) }
    }

    /// Returns the locked descriptor.
    private static func takeLock(_ path: String) throws(DataDirectoryError) -> Int32 {
        let descriptor = openForLock(path)
        guard descriptor >= 0 else { throw .last("open", path) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            defer { close(descriptor) }
            guard errno == EWOULDBLOCK else { throw .last("flock", path) }
            throw .locked(path: path, holder: readHolder(descriptor))
        }
        let text = Array("\(getpid())\n".utf8)
        guard ftruncate(descriptor, 0) == 0, pwrite(descriptor, text, text.count, 0) == text.count else {
            defer { close(descriptor) }
            throw .last("write", path)
        }
        return descriptor
    }

    private static func readHolder(_ descriptor: Int32) -> Int32? {
        var bytes = [UInt8](repeating: 0, count: 32)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        guard count > 0 else { return nil }
        return Int32(String(decoding: bytes[..<count].prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
    }
}

private func openForLock(_ path: String) -> Int32 { open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600) }

/// Why a data directory cannot be used.
public enum DataDirectoryError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Another process holds the lock; its id, if the file tells.
    case locked(path: String, holder: Int32?)
    case notADirectory(path: String)
    /// Something else lies there; some of its names.
    case notOurs(path: String, found: [String])
    case io(operation: String, path: String, errno: Int32)

    init(_ error: DiskError) { self = .io(operation: error.operation, path: error.path, errno: error.errno) }

    fileprivate static func last(_ operation: String, _ path: String) -> DataDirectoryError {
        .io(operation: operation, path: path, errno: errno)
    }

    public var description: String {
        switch self {
        case .locked(let path, let holder):
            "\(path) is locked by \(holder.map { "the process with id \($0)" } ?? "another process"): an agent already "
                + "runs on this data directory. Stop it, or give this one a node.data_dir of its own"
        case .notADirectory(let path): "\(path) is not a directory"
        case .notOurs(let path, let found):
            "\(path) holds something that is not the agent's (\(found.joined(separator: ", "))): choose an empty "
                + "directory"
        case .io(let operation, let path, let errno):
            "\(operation) \(path): \(DiskError.text(of: errno)) (errno \(errno))"
        }
    }
}
