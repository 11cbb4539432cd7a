/// A route as `GET /openapi.json` describes it. Every route has one: a test compares them with the router.
struct APIOperation: Sendable {
    /// What a caller must be allowed, as the document says it.
    enum Need: String, Sendable {
        case nothing = "Open to everyone."
        case status = "Needs nothing on loopback; from elsewhere a token that may read."
        case query =
            "On loopback as `api.loopback_exempt` says, and never for a page in a browser; otherwise a token that may read."
        case write =
            "On loopback as `api.loopback_exempt` says, and never for a page in a browser; otherwise a token that may write."
        case administer =
            "On loopback as `api.loopback_exempt` says, and never for a page in a browser; otherwise an administrator's token."

        /// The states with which a request is refused before it is looked at.
        var refusals: [Int] {
            switch self {
            case .nothing: []
            case .status: [400, 401, 403]
            case .query, .write, .administer: [400, 401, 403, 429]
            }
        }
    }

    struct Parameter: Sendable {
        enum Place: String, Sendable { case path, query, header }
        var name: String
        var place: Place
        var description: String
        /// A JSON schema.
        var schema: String
    }

    var method: String
    /// As the router has it: `/cluster/members/{id}`.
    var path: String
    var need: Need
    var summary: String
    var description = ""
    var parameters: [Parameter] = []
    /// The name of the body's schema; nil for no body.
    var body: String?
    var needsBody = true
    /// The name of the answer's schema; nil for text.
    var answer: String?
    /// What is answered beside 200 and the need's refusals.
    var failures: [Int] = []

    /// `post/write/insert` becomes `postWriteInsert`.
    var identifier: String {
        let parts = path.split { "/.{}".contains($0) }.map { $0.prefix(1).uppercased() + $0.dropFirst() }
        return method.lowercased() + parts.joined()
    }
}

extension APIOperation.Parameter {
    static let idempotencyKey = Self(
        name: "Idempotency-Key", place: .header,
        description:
            "Makes the request safe to repeat: it is executed once at most, and a repeated one gets the first answer.",
        schema: #"{"type":"string","minLength":1,"maxLength":255}"#)
    static let bigIntegers = Self(
        name: "big_integers", place: .query,
        description: "Whether whole numbers of 64 bits are JSON numbers or strings.",
        schema: #"{"type":"string","enum":["number","string"],"default":"number"}"#)
}
