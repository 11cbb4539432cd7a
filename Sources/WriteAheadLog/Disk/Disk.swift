import NIOCore

/// What the log asks of a file system. `PosixDisk` is the real one; tests put one in its place that fails and loses
/// power.
///
/// Assumed of a disk: what `sync` returned for is kept through a loss of power; what it did not return for may be there
/// wholly, partly, or not at all.
package protocol Disk: Sendable {
    /// The names in a directory, in no order.
    func list(_ directory: String) throws(DiskError) -> [String]
    func open(_ path: String, creating: Bool) throws(DiskError) -> any DiskFile
    func rename(_ from: String, to: String) throws(DiskError)
    func remove(_ path: String) throws(DiskError)
    /// Makes created, renamed and removed names durable.
    func syncDirectory(_ path: String) throws(DiskError)
}

/// An open file. It is closed when the last reference goes.
package protocol DiskFile: AnyObject, Sendable {
    func size() throws(DiskError) -> UInt64
    /// Fills `target` from `offset` on; returns how many bytes there were, less than asked for only at the end.
    func read(into target: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(DiskError) -> Int
    /// Writes all buffers one after the other.
    func write(_ buffers: [ByteBuffer], at offset: UInt64) throws(DiskError)
    func truncate(to bytes: UInt64) throws(DiskError)
    /// Reserves space up to `bytes`, read as zeros; the file becomes at least so long.
    func reserve(_ bytes: UInt64) throws(DiskError)
    /// Makes the contents durable, and the length as far as they need it.
    func syncData() throws(DiskError)
    /// Makes contents and length durable.
    func syncAll() throws(DiskError)
}

package struct DiskError: Error, Hashable, Sendable {
    package var operation: String
    package var path: String
    package var errno: Int32

    package init(operation: String, path: String, errno: Int32) {
        self.operation = operation
        self.path = path
        self.errno = errno
    }
}

extension DiskFile {
    /// Up to `length` bytes from `offset` on.
    func read(at offset: UInt64, length: Int) throws(DiskError) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: length)
        var failure: DiskError?
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: length) { space in
            do throws(DiskError) {
                return try read(into: UnsafeMutableRawBufferPointer(rebasing: space[..<length]), at: offset)
            } catch {
                failure = error
                return 0
            }
        }
        if let failure { throw failure }
        return buffer
    }
}
