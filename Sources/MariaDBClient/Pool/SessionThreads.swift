import Foundation

/// Threads that own one session each and take work from one bounded queue. They are started when there is work for them.
///
/// Unchecked: all state is guarded by `condition`; a session is used by its own thread only, but for `interrupt()`.
final class SessionThreads: @unchecked Sendable {
    struct Work {
        /// Runs with a session, or with the reason why there is none. Returns whether the session may be kept.
        let run: @Sendable (Result<SQLSession, SQLError>) -> Bool
        /// Asked before a session is opened; false skips the work.
        let begin: @Sendable () -> Bool
    }

    private let configuration: SQLConfiguration
    private let threadsMax: Int
    private let queueMax: Int
    private let name: String
    private let condition = NSCondition()
    private var queue: [Work] = []
    /// Bumped by ``reset(interrupting:)``: sessions of an older generation are closed before their next use.
    private var generation = 0
    private var isClosed = false
    private var threads = 0
    private var idle = 0
    /// The open sessions by thread.
    private var sessions: [Int: SQLSession] = [:]

    init(_ configuration: SQLConfiguration, threadsMax: Int, queueMax: Int, name: String) {
        self.configuration = configuration
        self.threadsMax = max(1, threadsMax)
        self.queueMax = max(1, queueMax)
        self.name = name
    }

    var occupancy: SQLPool.Occupancy {
        condition.withLock {
            SQLPool.Occupancy(size: threadsMax, busy: threads - idle, waiting: queue.count)
        }
    }

    func submit(_ work: Work) throws(SQLError) {
        let refusal: SQLError? = condition.withLock {
            if isClosed { return SQLError(kind: .closed, message: "\(name) is closed") }
            if queue.count >= queueMax {
                return SQLError(kind: .busy, message: "\(name) has \(queue.count) calls waiting already")
            }
            queue.append(work)
            if queue.count > idle, threads < threadsMax {
                startThread()
            } else {
                condition.signal()
            }
            return nil
        }
        if let refusal { throw refusal }
    }

    /// Closes every session after its present work; with `interrupting` the connections are cut at once.
    func reset(interrupting: Bool) {
        condition.withLock {
            generation += 1
            if interrupting { for session in sessions.values { session.interrupt() } }
            condition.broadcast()
        }
    }

    /// Like ``reset(interrupting:)``, and the threads end. Work that has not begun fails with `.closed`.
    func close(interrupting: Bool) {
        let abandoned: [Work] = condition.withLock {
            isClosed = true
            if interrupting {
                generation += 1
                for session in sessions.values { session.interrupt() }
            }
            condition.broadcast()
            defer { queue = [] }
            return queue
        }
        for work in abandoned where work.begin() {
            _ = work.run(.failure(SQLError(kind: .closed, message: "\(name) is closed")))
        }
    }

    /// With the lock held.
    private func startThread() {
        threads += 1
        let number = threads
        let thread = Thread { [self] in work(as: number) }
        thread.name = "\(name)-\(number)"
        thread.start()
    }

    private func work(as number: Int) {
        var session: SQLSession?
        var sessionGeneration = 0
        while let (work, generation) = next(closing: session, of: sessionGeneration) {
            guard work.begin() else { continue }
            if let open = session, generation != sessionGeneration || !open.isUsable {
                drop(open, of: number)
                session = nil
            }
            let usable: Result<SQLSession, SQLError> = session.map { .success($0) } ?? open(for: number, generation)
            if case .success(let open) = usable { session = open }
            sessionGeneration = generation
            if !work.run(usable), let open = session {
                drop(open, of: number)
                session = nil
            }
        }
        if let session { drop(session, of: number) }
    }

    /// Waits for work; nil when the thread shall end. An idle session of an older generation is closed on the way.
    private func next(closing session: SQLSession?, of sessionGeneration: Int) -> (Work, Int)? {
        condition.withLock {
            idle += 1
            defer { idle -= 1 }
            while queue.isEmpty, !isClosed {
                if generation != sessionGeneration { session?.close() }
                condition.wait()
            }
            return queue.isEmpty ? nil : (queue.removeFirst(), generation)
        }
    }

    private func open(for number: Int, _ expected: Int) -> Result<SQLSession, SQLError> {
        do {
            let session = try SQLSession(configuration)
            let isCurrent = condition.withLock {
                if generation == expected { sessions[number] = session }
                return generation == expected
            }
            if isCurrent { return .success(session) }
            session.close()
            return .failure(SQLError(kind: .closed, message: "\(name) was reset while it connected"))
        } catch {
            return .failure(error)
        }
    }

    private func drop(_ session: SQLSession, of number: Int) {
        condition.withLock { sessions[number] = nil }
        session.close()
    }
}
