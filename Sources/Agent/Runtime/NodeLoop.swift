import NIOCore
import NIOPosix

/// The one thread on which everything of this node runs that must be quick or ordered: the capture, Raft, the links, the relay.
/// Disks, SQL sessions and HTTP have threads of their own and come back here with their results.
@globalActor
actor NodeLoop {
    static let shared = NodeLoop()
    static let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    static let eventLoop: any EventLoop = group.next()

    nonisolated var unownedExecutor: UnownedSerialExecutor { Self.eventLoop.executor.asUnownedSerialExecutor() }

    /// Runs `body` at once. For callbacks that NIO makes on the loop.
    ///
    /// - Precondition: the caller is on the loop.
    nonisolated static func assumeIsolated<T: Sendable>(_ body: @NodeLoop () throws -> T) rethrows -> T {
        shared.preconditionIsolated()
        return try withoutActuallyEscaping(body) { body in
            // As MainActor.assumeIsolated does: the isolation was checked just now.
            try unsafeBitCast(body, to: (() throws -> T).self)()
        }
    }

    /// Runs `body` on the loop and returns what it gives.
    nonisolated static func run<T: Sendable>(_ body: @NodeLoop @Sendable () throws -> T) async rethrows -> T {
        try await body()
    }

    /// Runs `body` on the loop soon.
    nonisolated static func enqueue(_ body: @escaping @NodeLoop @Sendable () -> Void) {
        eventLoop.execute { assumeIsolated(body) }
    }
}
