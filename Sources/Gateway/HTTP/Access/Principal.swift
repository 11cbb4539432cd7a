/// Whose request it is, once that is known.
enum Principal: Sendable, Hashable {
    /// The bearer of an issued token.
    case token(name: String, role: APIRole)
    /// The bearer of `api.token_file`'s secret, who may do everything.
    case secret
    /// Somebody on this machine, without a token.
    case loopback
    /// Another member, which has checked whose it is.
    case member

    var role: APIRole {
        switch self {
        case .token(_, let role): role
        case .secret, .loopback, .member: .admin
        }
    }

    /// For logs.
    var name: String {
        switch self {
        case .token(let name, _): name
        case .secret: "api.token_file"
        case .loopback: "loopback"
        case .member: "member"
        }
    }
}
