#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// How full the file system of a path is.
public struct DiskSpace: Sendable, Hashable {
    public struct Failure: Error, Sendable, CustomStringConvertible {
        public var path: String
        public var errno: Int32
        public var description: String { "cannot ask for the space of \(path): \(String(cString: strerror(errno)))" }
    }

    public var totalBytes: UInt64
    /// What an ordinary user may still write.
    public var availableBytes: UInt64

    /// 0 to 1.
    public var usedFraction: Double {
        totalBytes == 0 ? 0 : 1 - Double(min(availableBytes, totalBytes)) / Double(totalBytes)
    }

    /// Asks the system; does not block on a local file system.
    public init(of path: String) throws(Failure) {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { throw Failure(path: path, errno: errno) }
        let unit = UInt64(status.f_frsize)
        totalBytes = UInt64(status.f_blocks).multipliedReportingOverflow(by: unit).partialValue
        availableBytes = UInt64(status.f_bavail).multipliedReportingOverflow(by: unit).partialValue
    }
}
