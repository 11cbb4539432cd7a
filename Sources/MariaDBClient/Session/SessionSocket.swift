import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A second descriptor of a session's socket. libmariadb closes its own whenever it likes; through this one any thread may
/// cut the connection without hitting a descriptor that has been reused.
final class SessionSocket: Sendable {
    /// -1 once closed.
    private let descriptor: Mutex<Int32>

    init(duplicating original: Int32) { descriptor = Mutex(dup(original)) }

    deinit { close() }

    /// Makes every read and write on the connection fail at once. The server is not told to stop what it is doing.
    func cut() {
        descriptor.withLock { descriptor in
            if descriptor >= 0 { _ = shutdown(descriptor, Int32(SHUT_RDWR)) }
        }
    }

    /// Whether an idle connection still stands: the server says nothing unasked, so anything to read is a farewell.
    var isQuiet: Bool {
        descriptor.withLock { descriptor in
            guard descriptor >= 0 else { return false }
            var byte: UInt8 = 0
            let count = recv(descriptor, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT))
            return count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
        }
    }

    func close() {
        descriptor.withLock { descriptor in
            if descriptor >= 0 { _ = systemClose(descriptor) }
            descriptor = -1
        }
    }
}

private func systemClose(_ descriptor: Int32) -> Int32 { close(descriptor) }
