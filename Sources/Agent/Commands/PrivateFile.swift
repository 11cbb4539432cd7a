#if canImport(Glibc)
    import CoreFoundation
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Files that others must not read: created with their mode, so that there is no moment in which they can be.
enum PrivateFile {
    static func write(_ text: String, to path: String, mode: mode_t, replacing: Bool) throws(CommandFailure) {
        let temporary = "\(path).new"
        let target = replacing ? temporary : path
        if replacing { unlink(temporary) }
        let descriptor = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else {
            throw CommandFailure("\(target) cannot be created: \(String(cString: strerror(errno)))")
        }
        let bytes = Array(text.utf8)
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { systemWrite(descriptor, UnsafeRawBufferPointer(rebasing: $0[done...])) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            done += count
        }
        guard done == bytes.count, fsync(descriptor) == 0, close(descriptor) == 0 else {
            throw CommandFailure("\(target) cannot be written: \(String(cString: strerror(errno)))")
        }
        if replacing, rename(temporary, path) != 0 {
            throw CommandFailure("\(path) cannot be replaced: \(String(cString: strerror(errno)))")
        }
        try syncFolder(of: path)
    }

    /// So that the file's name outlives a loss of power too.
    private static func syncFolder(of path: String) throws(CommandFailure) {
        let slash = path.lastIndex(of: "/")
        let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let descriptor = open(folder, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0, fsync(descriptor) == 0, close(descriptor) == 0 else {
            throw CommandFailure("\(folder) cannot be synced: \(String(cString: strerror(errno)))")
        }
    }

    /// When root writes for the agent: gives a new file or folder to whom the folder belongs that it lies in.
    static func giveToOwnerOfFolder(_ path: String) {
        guard geteuid() == 0, let slash = path.lastIndex(of: "/"), slash > path.startIndex else { return }
        var status = stat()
        guard stat(String(path[..<slash]), &status) == 0, status.st_uid != 0 else { return }
        // Root may; if not, the agent will say that it can't read the file.
        _ = chown(path, status.st_uid, status.st_gid)
    }
}

private func systemWrite(_ descriptor: CInt, _ bytes: UnsafeRawBufferPointer) -> Int {
    write(descriptor, bytes.baseAddress, bytes.count)
}
