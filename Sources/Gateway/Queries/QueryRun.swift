import ClusterCore
import Foundation
import MariaDBClient
import NIOCore

/// Executes one query on a session's thread and writes its answer into the pipe.
struct QueryRun: Sendable {
    /// Pieces are sent when they have grown to this.
    private static let pieceBytes = 32 << 10
    /// Rows beyond `max_rows` are read up to this number, so that the session can be used again; then the connection is cut.
    /// (`sql_select_limit` leaves one, but for statements with a LIMIT of their own.)
    private static let rowsSkippedMax = 1_000

    let request: QueryRequest
    let encoder: SharedEncoder
    let format: QueryFormat
    /// What the database must have reached first.
    let waitingFor: GTIDPosition?
    let waitAtMost: Duration
    let timeout: Duration
    let deadline: Date
    let pipe: RowPipe

    struct SharedEncoder: Sendable {
        var bigIntegers: BigIntegers
        var jsonColumns: QueryRequest.JSONColumns
    }

    func execute(_ opened: Result<SQLSession, SQLError>) {
        var writer = Writer(run: self)
        do throws(SQLError) {
            let session = try opened.get()
            guard deadline > Date() else {
                throw SQLError(kind: .busy, message: "no SQL session became free within \(timeout)")
            }
            guard pipe.begin(session.threadID) else { return _ = pipe.finish(ByteBuffer(), .complete) }
            do throws(Stop) {
                try writer.run(session)
            } catch {
                rollBack(session)
                end(session, writer.bytesAfterFailure, error.end)
                return
            }
            rollBack(session)
            end(session, writer.bytes, .complete)
        } catch {
            pipe.finish(ByteBuffer(), .failed(Problem(reading: error)))
        }
    }

    private func end(_ session: SQLSession, _ bytes: ByteBuffer, _ end: RowPipe.End) {
        // Whoever stops the query does so by the connection's number, perhaps only now.
        if pipe.finish(bytes, end) { session.discard() }
    }

    private func rollBack(_ session: SQLSession) {
        // There is no way back to no schema.
        if request.schema != nil, session.configuration.database == nil { session.discard() }
        guard !session.isLost, session.isInTransaction else { return }
        do throws(SQLError) { try session.query("ROLLBACK") } catch { session.discard() }
    }

    enum Stop: Error {
        case behind
        case failed(Problem)

        var end: RowPipe.End {
            switch self {
            case .behind: .behind
            case .failed(let problem): .failed(problem)
            }
        }
    }

    /// What a query has written so far.
    private struct Writer {
        let run: QueryRun
        var bytes = ByteBuffer()
        var rows: UInt64 = 0
        var hasSent = false
        let encoder: RowEncoder

        init(run: QueryRun) {
            self.run = run
            encoder = RowEncoder(bigIntegers: run.encoder.bigIntegers, jsonColumns: run.encoder.jsonColumns)
        }

        /// NDJSON keeps its whole lines; what was not sent of a JSON answer is of no use.
        var bytesAfterFailure: ByteBuffer { hasSent && run.format == .lines ? bytes : ByteBuffer() }

        mutating func run(_ session: SQLSession) throws(Stop) {
            let gtid = try prepare(session)
            var isTruncated = false
            var skipped = 0
            do throws(SQLError) {
                var writer = self
                defer { self = writer }
                let hasRows = try session.rows(run.request.statement.sql, run.request.parameters) { columns in
                    writer.run.format.begin(columns, gtid: gtid, &writer.bytes)
                } row: { row throws(SQLError) in
                    if let most = writer.run.request.rowsMax, writer.rows >= most {
                        isTruncated = true
                        skipped += 1
                        return skipped < QueryRun.rowsSkippedMax
                    }
                    return try writer.add(row)
                }
                if !hasRows { writer.run.format.begin([], gtid: gtid, &writer.bytes) }
                writer.run.format.end(rows: writer.rows, isTruncated: isTruncated, &writer.bytes)
            } catch {
                throw .failed(Problem(reading: error))
            }
        }

        private mutating func add(_ row: borrowing SQLBoundRow) throws(SQLError) -> Bool {
            run.format.separate(isFirst: rows == 0, &bytes)
            encoder.encode(row, to: &bytes)
            run.format.endRow(&bytes)
            rows += 1
            guard bytes.readableBytes >= QueryRun.pieceBytes else { return true }
            switch run.pipe.write(bytes, until: run.deadline) {
            case .yes:
                hasSent = true
                bytes = ByteBuffer()
                return true
            case .abandoned: return false
            case .late: throw SQLError(kind: .timeout, errno: 1969, message: "the answer was not read in time")
            }
        }

        /// Waits for the position, and begins a transaction that only reads.
        /// - Returns: a position that holds all that the transaction sees.
        private func prepare(_ session: SQLSession) throws(Stop) -> String {
            let answer: SQLResult
            do throws(SQLError) {
                // First of all: the session still has those of the query before.
                let left = max(0.001, run.deadline.timeIntervalSinceNow)
                let most = run.request.rowsMax.map { String($0 + 1) } ?? "DEFAULT"
                try session.query("SET SESSION max_statement_time = \(left), sql_select_limit = \(most)")
                if let schema = run.request.schema?.quoted ?? session.configuration.database.map(QueryRun.quoted) {
                    try session.query("USE \(schema)")
                }
                if let position = run.waitingFor {
                    let seconds = Double(run.waitAtMost / .milliseconds(1)) / 1_000
                    guard try session.query("SELECT MASTER_GTID_WAIT('\(position)', \(seconds))").scalar == "0" else {
                        throw SQLError(kind: .closed, message: QueryRun.behind)
                    }
                }
                try session.query("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
                answer = try session.query("SELECT @@gtid_binlog_pos, @@sql_mode")
            } catch {
                throw error.message == QueryRun.behind ? .behind : .failed(Problem(reading: error))
            }
            let values = answer.rows.first ?? []
            let dialect = SQLDialect(sqlMode: values.last.flatMap { $0 } ?? "")
            if !dialect.isEmpty, let reason = ReadStatement.refusal(run.request.statement.sql, dialect: dialect) {
                throw .failed(.badRequest("Under the server's sql_mode: \(reason)"))
            }
            return values.first.flatMap { $0 } ?? ""
        }
    }

    private static let behind = "behind"
    private static func quoted(_ name: String) -> String {
        "`" + name.split(separator: "`", omittingEmptySubsequences: false).joined(separator: "``") + "`"
    }
}

extension Problem {
    /// What a failed query means: nothing was changed, whatever happened.
    init(reading error: SQLError) {
        switch error.kind {
        case .server where error.errno == 1792:
            self = .badRequest("The statement writes, or asks for locks; changes go to POST /write/…")
        case .server where error.errno == 1969, .timeout:
            self = Problem(
                .queryTimeout, status: 504,
                "The query was stopped when its time was over. Nothing was changed. See 'timeout_ms' and api.query_timeout_ms."
            )
        case .server where error.errno == 1290:
            self = Problem(
                .badRequest, status: 400, "The statement may change something, and this database is read only.")
        case .lost, .cancelled:
            self = .unavailable("\(error.description). Nothing was changed.", retryAfterSeconds: 1)
        case .client where error.errno == 2020:
            self = Problem(
                .tooLarge, status: 422, "A row of the result is larger than \(QueryService.rowBytesMax) bytes.")
        default:
            self.init(error)
        }
        if error.errno != 0 {
            errno = error.errno
            sqlState = error.sqlState
        }
    }
}
