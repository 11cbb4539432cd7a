import HTTPTypes

/// Who may do what. A value: the decision depends on nothing but the request.
struct AccessPolicy: Sendable {
    enum Act: Sendable, Hashable {
        /// Reading status: needs nothing on loopback.
        case read
        /// Writes and administration.
        case change
    }

    /// Nil when none is configured: then only loopback gets in.
    var token: APIToken?
    var loopbackExempt: Bool
    /// What members of the cluster say when they pass a request on.
    var clusterSecret: APIToken?

    /// Nil when the request may go on.
    func refusal(_ act: Act, peer: PeerAddress, headers: HTTPFields) -> Problem? {
        if let said = headers[.forwardSecret] {
            if let clusterSecret, clusterSecret.matches(said) { return nil }
            return Problem(
                .unauthorized, status: 401, "The cluster secret of the forwarding node is not this cluster's.")
        }
        if let said = headers[.authorization] {
            if let token, let secret = AccessPolicy.bearer(said), token.matches(secret) { return nil }
            return Problem(.unauthorized, status: 401, "The bearer token is not the one in api.token_file.")
        }
        if peer == .loopback, isExempt(act, headers) { return nil }
        if token == nil {
            return Problem(
                .unauthorized, status: 401,
                "From another machine only with a bearer token, and none is configured: set api.token_file.")
        }
        return Problem(
            .unauthorized, status: 401, "Send the header `Authorization: Bearer …` with the token of api.token_file.")
    }

    /// A browser names the page's origin when a page on this machine asks for a change: that is not the user.
    private func isExempt(_ act: Act, _ headers: HTTPFields) -> Bool {
        switch act {
        case .read: true
        case .change: loopbackExempt && headers[.origin] == nil
        }
    }

    private static func bearer(_ header: String) -> Substring? {
        let parts = header.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
        return parts[1]
    }
}

extension HTTPField.Name {
    /// What the members share. Only between members.
    static let forwardSecret = HTTPField.Name("Wolfscale-Forward-Secret")!
    /// The guard against a second hop.
    static let forwardedBy = HTTPField.Name("Wolfscale-Forwarded-By")!
}
