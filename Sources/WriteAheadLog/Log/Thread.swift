#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// A thread of our own, for work that blocks in system calls.
struct Thread: Sendable {
    #if canImport(Darwin)
        // An opaque handle that any thread may use.
        private nonisolated(unsafe) let handle: pthread_t
    #else
        private let handle: pthread_t
    #endif

    private final class Work {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// Nil when the system gives no thread.
    init?(_ body: @escaping @Sendable () -> Void) {
        let work = Unmanaged.passRetained(Work(body))
        #if canImport(Darwin)
            var thread: pthread_t?
        #else
            var thread = pthread_t()
        #endif
        let result = pthread_create(
            &thread, nil,
            { context in
                #if canImport(Darwin)
                    Unmanaged<Work>.fromOpaque(context).takeRetainedValue().body()
                #else
                    if let context { Unmanaged<Work>.fromOpaque(context).takeRetainedValue().body() }
                #endif
                return nil
            }, work.toOpaque())
        #if canImport(Darwin)
            guard result == 0, let thread else {
                work.release()
                return nil
            }
        #else
            guard result == 0 else {
                work.release()
                return nil
            }
        #endif
        handle = thread
    }

    /// Waits for the end of the thread. Once only.
    func join() { pthread_join(handle, nil) }
}
