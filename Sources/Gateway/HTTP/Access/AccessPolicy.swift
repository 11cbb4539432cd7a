import Foundation
import HTTPTypes

/// Who may do what. The decision depends on the request, the tokens and the time, and on nothing else.
struct AccessPolicy: Sendable {
    enum Act: String, Sendable, Hashable, CaseIterable {
        /// Reading status: needs nothing on loopback.
        case read
        /// Reading rows.
        case query
        /// Writing rows and schemas, taking identifiers.
        case write
        /// Changing the cluster.
        case administer

        var role: APIRole {
            switch self {
            case .read, .query: .read
            case .write: .write
            case .administer: .admin
            }
        }
    }

    /// `api.token_file`'s secret; nil when none is configured.
    var token: APIToken?
    /// Those that were made with `wolfscale token create`.
    var tokens = TokenDirectory()
    var loopbackExempt: Bool
    /// What members of the cluster say when they pass a request on.
    var clusterSecret: APIToken?

    func decide(
        _ act: Act, peer: PeerAddress, headers: HTTPFields, now: Date = Date()
    ) -> Result<Principal, Problem> {
        if let said = headers[.forwardSecret] {
            if let clusterSecret, clusterSecret.matches(said) { return .success(.member) }
            return .failure(.unauthorized("The cluster secret of the forwarding node is not this cluster's."))
        }
        if let said = headers[.authorization] {
            return bearer(said, now: now).flatMap { principal in
                principal.role >= act.role ? .success(principal) : .failure(.forbidden(principal, act))
            }
        }
        if peer == .loopback, isExempt(act, headers) { return .success(.loopback) }
        if token == nil, tokens.isEmpty {
            return .failure(
                .unauthorized(
                    "From another machine only with a bearer token, and there is none: make one with `wolfscale token "
                        + "create`, or set api.token_file."))
        }
        return .failure(
            .unauthorized("Send the header `Authorization: Bearer …` with a token of `wolfscale token create`."))
    }

    /// Nil when the request may go on.
    func refusal(_ act: Act, peer: PeerAddress, headers: HTTPFields) -> Problem? {
        switch decide(act, peer: peer, headers: headers) {
        case .success: nil
        case .failure(let problem): problem
        }
    }

    private func bearer(_ header: String, now: Date) -> Result<Principal, Problem> {
        let parts = header.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else {
            return .failure(.unauthorized("The header `Authorization` must be `Bearer` and a token."))
        }
        if let token, token.matches(parts[1]) { return .success(.secret) }
        guard let issued = IssuedToken(parts[1]) else {
            return .failure(
                .unauthorized(
                    "The bearer token is neither one of `wolfscale token create` nor the secret of api.token_file."))
        }
        switch tokens.verdict(on: issued, now: now) {
        case .good(let record): return .success(.token(name: record.name, role: record.role))
        case .expired(let record):
            let end = record.expires.map { $0.formatted(.iso8601) } ?? "?"
            return .failure(.unauthorized("The bearer token '\(record.name)' expired at \(end)."))
        case .revoked(let record):
            let end = record.revoked.map { $0.formatted(.iso8601) } ?? "?"
            return .failure(.unauthorized("The bearer token was revoked at \(end)."))
        case .unknown:
            return .failure(
                .unauthorized(
                    "The bearer token is unknown to this node. One made just now is known everywhere in a second."))
        }
    }

    /// A browser names the page's origin when a page on this machine asks for rows or a change: that is not the user.
    private func isExempt(_ act: Act, _ headers: HTTPFields) -> Bool {
        switch act {
        case .read: true
        case .query, .write, .administer: loopbackExempt && headers[.origin] == nil
        }
    }
}

extension Problem {
    fileprivate static func unauthorized(_ detail: String) -> Problem { Problem(.unauthorized, status: 401, detail) }

    fileprivate static func forbidden(_ principal: Principal, _ act: AccessPolicy.Act) -> Problem {
        Problem(
            .forbidden, status: 403,
            "The token '\(principal.name)' has the role \(principal.role.rawValue); this needs \(act.role.rawValue).")
    }
}

extension HTTPField.Name {
    /// What the members share. Only between members.
    static let forwardSecret = HTTPField.Name("Wolfscale-Forward-Secret")!
    /// The guard against a second hop.
    static let forwardedBy = HTTPField.Name("Wolfscale-Forwarded-By")!
}
