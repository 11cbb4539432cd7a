import CMariaDB

/// One login at a MariaDB server, through libmariadb. Every call blocks its thread: never call it from a Swift task; use
/// ``SQLRunner`` or ``SQLPool``, which have threads of their own.
///
/// Unchecked: a session has one owner at a time, and its owner hands it on only between calls (the pool does so under a
/// lock). Only ``interrupt()`` may be called from any thread.
public final class SQLSession: @unchecked Sendable {
    public let configuration: SQLConfiguration
    /// Nil once closed.
    private(set) var handle: UnsafeMutablePointer<MYSQL>?
    private let socket: SessionSocket
    /// Set by an error after which the connection cannot be used.
    public internal(set) var isLost = false

    /// Connects, logs in and runs the initial statements.
    public init(_ configuration: SQLConfiguration) throws(SQLError) {
        try ClientLibrary.prepareThread()
        self.configuration = configuration
        let handle = try SQLSession.connect(configuration)
        self.handle = handle
        socket = SessionSocket(duplicating: Int32(mysql_get_socket(handle)))
        for statement in configuration.initStatements {
            do {
                _ = try query(statement)
            } catch {
                var failure = error
                failure.kind = .connect
                failure.message = "\(statement): \(error.message)"
                throw failure
            }
        }
    }

    deinit { close() }

    /// The server's number for this connection, as in SHOW PROCESSLIST; 0 once closed.
    public var threadID: UInt { handle.map { mysql_thread_id($0) } ?? 0 }

    /// The server's version as it gave it in its greeting.
    public var serverVersion: String { handle.map { String(cString: mysql_get_server_info($0)) } ?? "" }

    /// Whether the next statement can be tried: open, never lost, and the server has not hung up. Costs one system call.
    public var isUsable: Bool { handle != nil && !isLost && socket.isQuiet }

    /// Whether a transaction is open.
    public var isInTransaction: Bool {
        handle.map { $0.pointee.server_status & UInt32(SERVER_STATUS_IN_TRANS) != 0 } ?? false
    }

    public func ping() throws(SQLError) {
        let handle = try openHandle()
        let began = ContinuousClock.now
        guard mysql_ping(handle) == 0 else { throw failure(of: handle, since: began) }
    }

    /// Makes `text` safe between single quotes, for this session's character set and SQL mode.
    public func escape(_ text: String) throws(SQLError) -> String {
        let handle = try openHandle()
        var source = text
        return source.withUTF8 { utf8 in
            String(unsafeUninitializedCapacity: utf8.count * 2 + 1) { target in
                guard let base = utf8.baseAddress, let start = target.baseAddress else { return 0 }
                return start.withMemoryRebound(to: CChar.self, capacity: target.count) { output in
                    base.withMemoryRebound(to: CChar.self, capacity: utf8.count) { input in
                        Int(mysql_real_escape_string(handle, output, input, UInt(utf8.count)))
                    }
                }
            }
        }
    }

    /// Cuts the connection, from any thread: a call that waits for the server returns at once with ``SQLError/Kind/lost``.
    /// The server is not asked to stop: a commit that waits for its quorum goes on waiting (a KILL would let it through).
    public func interrupt() { socket.cut() }

    /// Says goodbye and closes; may be called twice.
    public func close() {
        guard let open = handle else { return }
        handle = nil
        mysql_close(open)
        socket.close()
    }

    /// What the last answer says of tracked system variables; they come in pairs of a name and a value.
    func trackedVariables(of handle: UnsafeMutablePointer<MYSQL>) -> [String: String] {
        guard handle.pointee.server_status & UInt32(SERVER_SESSION_STATE_CHANGED) != 0 else { return [:] }
        var variables: [String: String] = [:]
        var name: String?
        var text: UnsafePointer<CChar>?
        var length = 0
        var missing = mysql_session_track_get_first(handle, SESSION_TRACK_SYSTEM_VARIABLES, &text, &length)
        while missing == 0, let start = text {
            let word = String(decoding: UnsafeRawBufferPointer(start: start, count: length), as: UTF8.self)
            if let known = name {
                variables[known] = word
                name = nil
            } else {
                name = word
            }
            missing = mysql_session_track_get_next(handle, SESSION_TRACK_SYSTEM_VARIABLES, &text, &length)
        }
        return variables
    }

    func openHandle() throws(SQLError) -> UnsafeMutablePointer<MYSQL> {
        guard let handle else { throw SQLError(kind: .client, message: "the SQL session is closed") }
        return handle
    }

    /// The error that libmariadb holds for the last call, which began at `began`.
    func failure(of handle: UnsafeMutablePointer<MYSQL>, since began: ContinuousClock.Instant) -> SQLError {
        failure(
            errno: mysql_errno(handle), sqlState: String(cString: mysql_sqlstate(handle)),
            message: String(cString: mysql_error(handle)), since: began)
    }

    func failure(errno: UInt32, sqlState: String, message: String, since began: ContinuousClock.Instant) -> SQLError {
        let error = SQLError(
            kind: SQLSession.kind(of: errno, after: .now - began, readTimeout: configuration.readTimeout), errno: errno,
            sqlState: sqlState, message: message)
        if error.isOutcomeUnknown { isLost = true }
        return error
    }

    /// Errors of libmariadb that mean a broken connection, and the server's own farewells.
    private static func kind(of errno: UInt32, after elapsed: Duration, readTimeout: Duration?) -> SQLError.Kind {
        switch Int32(errno) {
        case CR_SERVER_GONE_ERROR, CR_SERVER_LOST, CR_SERVER_LOST_EXTENDED:
            if let readTimeout, elapsed >= readTimeout { return .timeout }
            return .lost
        case 1053, 1152, 1927: return .lost  // shutting down, aborted, killed
        case 2000...2999, 5000...5999: return .client
        default: return .server
        }
    }
}
