import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The threads that compress and decompress bulk, so that the loop, which carries the commits, never does. They give way
/// to every other thread: a catch-up may take what is left of the processor and no more.
enum LinkWorkers {
    private static let pool: NIOThreadPool = {
        let pool = NIOThreadPool(numberOfThreads: 2)
        pool.start()
        return pool
    }()

    /// Runs `work` on a worker and `then` on the loop with its result and the wall time that it took.
    static func run<Result: Sendable>(
        on eventLoop: any EventLoop, _ work: @escaping @Sendable () throws(BulkError) -> Result,
        then: @escaping @Sendable (Swift.Result<Result, BulkError>, TimeAmount) -> Void
    ) {
        pool.submit { state in
            let result: Swift.Result<Result, BulkError>
            let begin = NIODeadline.now()
            if case .cancelled = state {
                result = .failure(.compression("the workers are gone"))
            } else {
                giveWay()
                do throws(BulkError) { result = .success(try work()) } catch { result = .failure(error) }
            }
            let time = NIODeadline.now() - begin
            eventLoop.execute { then(result, time) }
        }
    }

    /// On Linux a niceness is a thread's own.
    private static func giveWay() {
        #if os(Linux)
            _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 5)
        #endif
    }
}
