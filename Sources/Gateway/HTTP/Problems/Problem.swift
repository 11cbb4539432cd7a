import Foundation
import Hummingbird

/// An error answer as RFC 9457 writes it, with MariaDB's error number and SQLSTATE where MariaDB spoke.
public struct Problem: Error, Sendable, Hashable, Codable {
    /// What kinds there are; `type` is `urn:wolfscale:problem:` and one of these words.
    public enum Kind: String, Sendable, Hashable, Codable, CaseIterable {
        case badRequest = "bad-request"
        case unauthorized
        case forbidden
        case notFound = "not-found"
        case methodNotAllowed = "method-not-allowed"
        case tooLarge = "too-large"
        case tooManyRequests = "too-many-requests"
        case unsupportedMediaType = "unsupported-media-type"
        case conflict
        case unexpectedRows = "unexpected-rows"
        case keyInUse = "idempotency-key-in-use"
        case keyReused = "idempotency-key-reused"
        case refused
        case badData = "bad-data"
        case retry
        case unavailable
        case unknownOutcome = "unknown-outcome"
        case queryTimeout = "query-timeout"
        case database
        case storageFull = "storage-full"
        case internalError = "internal-error"
        case other

        var title: String {
            switch self {
            case .badRequest: "The request is not as it must be"
            case .unauthorized: "A bearer token is needed"
            case .forbidden: "It is not allowed"
            case .notFound: "There is no such thing"
            case .methodNotAllowed: "It can't be done by this method"
            case .tooLarge: "The body is too large"
            case .tooManyRequests: "Too many requests"
            case .unsupportedMediaType: "The body must be JSON"
            case .conflict: "It contradicts other rows"
            case .unexpectedRows: "Other rows were there than expected"
            case .keyInUse: "The same request is under way"
            case .keyReused: "The key belongs to another request"
            case .refused: "It cannot be done as things stand"
            case .badData: "The table does not take it"
            case .retry: "It was not executed; try again"
            case .unavailable: "No leader can take it now"
            case .unknownOutcome: "It is unknown whether it was executed"
            case .queryTimeout: "The query took too long"
            case .database: "MariaDB failed"
            case .storageFull: "MariaDB has no space left"
            case .internalError: "The agent failed"
            case .other: "It failed"
            }
        }
    }

    public var kind: Kind
    public var title: String
    public var status: Int
    /// What happened and what to do about it.
    public var detail: String
    public var errno: UInt32?
    public var sqlState: String?
    /// The key that an insert of unknown outcome was given.
    public var id: RowID?
    /// Which operation of a transaction it is about, from 0.
    public var operation: Int?
    /// Goes into the header `Retry-After`.
    public var retryAfterSeconds: Int?

    public init(
        _ kind: Kind, status: Int, _ detail: String, errno: UInt32? = nil, sqlState: String? = nil, id: RowID? = nil,
        retryAfterSeconds: Int? = nil
    ) {
        self.kind = kind
        self.title = kind.title
        self.status = status
        self.detail = detail
        self.errno = errno
        self.sqlState = sqlState
        self.id = id
        self.retryAfterSeconds = retryAfterSeconds
    }

    enum CodingKeys: String, CodingKey {
        case kind = "type"
        case title, status, detail, errno, id, operation
        case sqlState = "sqlstate"
        case retryAfterSeconds = "retry_after_seconds"
    }

    private static let typePrefix = "urn:wolfscale:problem:"

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let type = try container.decode(String.self, forKey: .kind)
        kind = Kind(rawValue: String(type.dropFirst(Problem.typePrefix.count))) ?? .other
        title = try container.decode(String.self, forKey: .title)
        status = try container.decode(Int.self, forKey: .status)
        detail = try container.decode(String.self, forKey: .detail)
        errno = try container.decodeIfPresent(UInt32.self, forKey: .errno)
        sqlState = try container.decodeIfPresent(String.self, forKey: .sqlState)
        id = try container.decodeIfPresent(RowID.self, forKey: .id)
        operation = try container.decodeIfPresent(Int.self, forKey: .operation)
        retryAfterSeconds = try container.decodeIfPresent(Int.self, forKey: .retryAfterSeconds)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(Problem.typePrefix + kind.rawValue, forKey: .kind)
        try container.encode(title, forKey: .title)
        try container.encode(status, forKey: .status)
        try container.encode(detail, forKey: .detail)
        try container.encodeIfPresent(errno, forKey: .errno)
        try container.encodeIfPresent(sqlState, forKey: .sqlState)
        try container.encodeIfPresent(id, forKey: .id)
        try container.encodeIfPresent(operation, forKey: .operation)
        try container.encodeIfPresent(retryAfterSeconds, forKey: .retryAfterSeconds)
    }
}

extension Problem {
    static func badRequest(_ detail: String) -> Problem { Problem(.badRequest, status: 400, detail) }

    static func unavailable(_ detail: String, retryAfterSeconds: Int) -> Problem {
        Problem(.unavailable, status: 503, detail, retryAfterSeconds: max(1, retryAfterSeconds))
    }

    var response: Response {
        var headers: HTTPFields = [.contentType: "application/problem+json"]
        if let retryAfterSeconds { headers[.retryAfter] = String(retryAfterSeconds) }
        if status == 401 { headers[.wwwAuthenticate] = "Bearer realm=\"wolfscale\"" }
        return APIResponse.json(self, status: HTTPResponse.Status(code: status), headers: headers)
    }
}
