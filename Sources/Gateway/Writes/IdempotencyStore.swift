import Foundation
import MariaDBClient

/// The replicated table of idempotency keys. A key is written in the transaction of the write that it belongs to, so it is there
/// on every node that has the write, and nowhere else.
public enum IdempotencyStore {
    static let table = "`wolfscale`.`idempotency`"

    /// What the leader's administrator runs once, when `account` (`user@host`) wants to use the table.
    /// - Throws: when `account` is not `user@host`.
    public static func creation(account: String) throws(SQLError) -> [String] {
        guard let at = account.lastIndex(of: "@") else {
            throw SQLError(kind: .client, message: "'\(account)' is no account")
        }
        let user = try quoted(account[..<at])
        let host = try quoted(account[account.index(after: at)...])
        return [
            "CREATE DATABASE IF NOT EXISTS `wolfscale`",
            """
            CREATE TABLE IF NOT EXISTS \(table) (idempotency_key VARBINARY(255) NOT NULL PRIMARY KEY, \
            fingerprint BINARY(32) NOT NULL, answer MEDIUMTEXT CHARACTER SET utf8mb4, \
            created_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3), KEY (created_at)) ENGINE=InnoDB
            """,
            "GRANT SELECT, INSERT, UPDATE, DELETE ON \(table) TO \(user)@\(host)",
        ]
    }

    /// A string that holds in every SQL mode.
    private static func quoted(_ text: some StringProtocol) throws(SQLError) -> String {
        guard !text.contains("\\") else {
            throw SQLError(kind: .client, message: "an account with a backslash in its name can't use idempotency keys")
        }
        return "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
    }

    struct Known: Sendable {
        var fingerprint: [UInt8]
        /// Nil while the outcome is not known: of DDL, which is in no transaction.
        var results: [OperationResult]?
    }

    static func isMissing(_ error: SQLError) -> Bool {
        error.kind == .server && [1044, 1049, 1142, 1146].contains(error.errno)
    }

    static func find(_ request: IdempotentRequest, _ session: SQLSession) throws(SQLError) -> Known? {
        let rows = try session.execute(
            "SELECT HEX(fingerprint), answer FROM \(table) WHERE idempotency_key = ?", [.bytes(Array(request.key.utf8))]
        ).rows
        guard let row = rows.first else { return nil }
        var known = Known(fingerprint: bytes(hex: row[0] ?? ""))
        if let answer = row[1] {
            do {
                known.results = try JSONDecoder().decode([OperationResult].self, from: Data(answer.utf8))
            } catch {
                throw SQLError(
                    kind: .client, message: "the answer kept for this idempotency key can't be read: \(error)")
            }
        }
        return known
    }

    /// Fails with 1062 when the key is there, and with 1205 at once when another transaction is about to write it.
    static func claim(_ request: IdempotentRequest, _ session: SQLSession) throws(SQLError) {
        try session.execute(
            """
            SET STATEMENT innodb_lock_wait_timeout = 0 FOR \
            INSERT INTO \(table) (idempotency_key, fingerprint) VALUES (?, ?)
            """, [.bytes(Array(request.key.utf8)), .bytes(request.fingerprint)])
    }

    static func keep(
        _ results: [OperationResult], of request: IdempotentRequest, _ session: SQLSession
    ) throws(SQLError) {
        let text: String
        do {
            text = String(decoding: try JSONEncoder().encode(results), as: UTF8.self)
        } catch {
            throw SQLError(kind: .client, message: "the answer can't be kept: \(error)")
        }
        try session.execute(
            "UPDATE \(table) SET answer = ? WHERE idempotency_key = ?",
            [.string(text), .bytes(Array(request.key.utf8))])
    }

    static func forget(_ request: IdempotentRequest, _ session: SQLSession) throws(SQLError) {
        try session.execute(
            "DELETE FROM \(table) WHERE idempotency_key = ? AND answer IS NULL", [.bytes(Array(request.key.utf8))])
    }

    /// Deletes some keys that are older than `hours`, in a transaction of its own.
    /// - Returns: how many; fewer than `rowsMax` means that no more are left.
    static func clean(olderThan hours: Int, rowsMax: Int, _ session: SQLSession) throws(SQLError) -> Int {
        // Without locks on the gaps, in which new keys arrive.
        try session.query("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        let answer = try session.execute(
            "DELETE FROM \(table) WHERE created_at < NOW(3) - INTERVAL ? HOUR LIMIT \(rowsMax)", [.int64(Int64(hours))])
        return Int(answer.affectedRows)
    }

    private static func bytes(hex text: String) -> [UInt8] {
        let digits = Array(text.utf8)
        return stride(from: 0, to: digits.count - 1, by: 2).compactMap {
            UInt8(String(decoding: digits[$0...$0 + 1], as: UTF8.self), radix: 16)
        }
    }

    // MARK: Refusals

    static let inUse = Problem(
        .keyInUse, status: 409, "A request with this Idempotency-Key is still under way. Repeat it later.",
        retryAfterSeconds: 1)
    static let reused = Problem(
        .keyReused, status: 422,
        "This Idempotency-Key belongs to another request: other body, or other path. Nothing was executed.")
    static let unfinished = Problem(
        .unknownOutcome, status: 409,
        "A request with this Idempotency-Key changed the schema, or was about to, when its leader was lost: whether it was "
            + "executed is not known. Look at the schema, and send what is missing with a new key.")
}
