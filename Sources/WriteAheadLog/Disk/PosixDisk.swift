import NIOCore

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The file system of the host.
package struct PosixDisk: Disk {
    package init() {}

    package func list(_ directory: String) throws(DiskError) -> [String] {
        guard let handle = opendir(directory) else { throw .last("opendir", directory) }
        defer { closedir(handle) }
        var names: [String] = []
        errno = 0
        while let entry = readdir(handle) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        if errno != 0 { throw .last("readdir", directory) }
        return names
    }

    package func open(_ path: String, creating: Bool) throws(DiskError) -> any DiskFile {
        let flags = O_RDWR | O_CLOEXEC | (creating ? O_CREAT | O_TRUNC : 0)
        let descriptor = retrying { systemOpen(path, flags, 0o600) }
        guard descriptor >= 0 else { throw .last("open", path) }
        return PosixFile(descriptor: descriptor, path: path)
    }

    package func rename(_ from: String, to: String) throws(DiskError) {
        guard systemRename(from, to) == 0 else { throw .last("rename", from) }
    }

    package func remove(_ path: String) throws(DiskError) {
        guard unlink(path) == 0 || errno == ENOENT else { throw .last("unlink", path) }
    }

    package func syncDirectory(_ path: String) throws(DiskError) {
        let descriptor = retrying { systemOpen(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0) }
        guard descriptor >= 0 else { throw .last("open", path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .last("fsync", path) }
    }
}

/// The descriptor is never changed after `init`, and every call on it may come from any thread.
private final class PosixFile: DiskFile {
    private let descriptor: Int32
    private let path: String

    /// Linux takes at most 1,024 buffers a call (IOV_MAX).
    private static let buffersPerCallMax = 1024

    init(descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    deinit { close(descriptor) }

    func size() throws(DiskError) -> UInt64 {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .last("fstat", path) }
        return UInt64(status.st_size)
    }

    func read(into target: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(DiskError) -> Int {
        guard let base = target.baseAddress else { return 0 }
        var done = 0
        while done < target.count {
            let count = retrying { pread(descriptor, base + done, target.count - done, off_t(offset) + off_t(done)) }
            guard count >= 0 else { throw .last("read", path) }
            if count == 0 { break }
            done += count
        }
        return done
    }

    func write(_ buffers: [ByteBuffer], at offset: UInt64) throws(DiskError) {
        var offset = offset
        var start = buffers.startIndex
        while start < buffers.endIndex {
            let end = min(start + Self.buffersPerCallMax, buffers.endIndex)
            offset += try writeSome(buffers[start..<end], at: offset)
            start = end
        }
    }

    /// One `pwritev`, and more of them for what a short write left over.
    private func writeSome(_ buffers: ArraySlice<ByteBuffer>, at offset: UInt64) throws(DiskError) -> UInt64 {
        // The pointers stay good while `buffers` holds the storages, which nobody changes.
        var vectors = buffers.map { buffer in
            buffer.withUnsafeReadableBytesWithStorageManagement { bytes, _ in
                iovec(iov_base: UnsafeMutableRawPointer(mutating: bytes.baseAddress), iov_len: bytes.count)
            }
        }
        var written: UInt64 = 0
        var head = 0
        while true {
            while head < vectors.count, vectors[head].iov_len == 0 { head += 1 }
            if head == vectors.count { break }
            let count = vectors[head...].withUnsafeBufferPointer { pointer in
                retrying { pwritev(descriptor, pointer.baseAddress, Int32(pointer.count), off_t(offset + written)) }
            }
            guard count > 0 else { throw .last("write", path) }
            written += UInt64(count)
            var rest = count
            while rest > 0 {
                let step = min(rest, vectors[head].iov_len)
                vectors[head].iov_base = vectors[head].iov_base.map { $0 + step }
                vectors[head].iov_len -= step
                rest -= step
                if vectors[head].iov_len == 0 { head += 1 }
            }
        }
        withExtendedLifetime(buffers) {}
        return written
    }

    func truncate(to bytes: UInt64) throws(DiskError) {
        guard retrying({ Int(ftruncate(descriptor, off_t(bytes))) }) == 0 else { throw .last("ftruncate", path) }
    }

    func reserve(_ bytes: UInt64) throws(DiskError) {
        #if canImport(Darwin)
            if try size() < bytes { try truncate(to: bytes) }
        #else
            // Unlike the others it returns its error.
            var result: Int32
            repeat { result = posix_fallocate(descriptor, 0, off_t(bytes)) } while result == EINTR
            if result == EOPNOTSUPP || result == EINVAL {
                if try size() < bytes { try truncate(to: bytes) }
            } else if result != 0 {
                throw DiskError(operation: "posix_fallocate", path: path, errno: result)
            }
        #endif
    }

    func syncData() throws(DiskError) {
        #if canImport(Darwin)
            guard fcntl(descriptor, F_FULLFSYNC) == 0 else { throw .last("fcntl(F_FULLFSYNC)", path) }
        #else
            guard fdatasync(descriptor) == 0 else { throw .last("fdatasync", path) }
        #endif
    }

    func syncAll() throws(DiskError) {
        #if canImport(Darwin)
            try syncData()
        #else
            guard fsync(descriptor) == 0 else { throw .last("fsync", path) }
        #endif
    }
}

extension DiskError {
    package var isDiskFull: Bool { errno == ENOSPC || errno == EDQUOT }

    fileprivate static func last(_ operation: String, _ path: String) -> DiskError {
        DiskError(operation: operation, path: path, errno: lastErrno())
    }

    static func text(of number: Int32) -> String { String(cString: strerror(number)) }
}

private func retrying<T: BinaryInteger>(_ call: () -> T) -> T {
    while true {
        let result = call()
        if result != -1 || errno != EINTR { return result }
    }
}

private func lastErrno() -> Int32 { errno }
private func systemOpen(_ path: String, _ flags: Int32, _ mode: mode_t) -> Int32 { open(path, flags, mode) }
private func systemRename(_ from: String, _ to: String) -> Int32 { rename(from, to) }
