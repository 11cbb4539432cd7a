import HTTPTypes
import Hummingbird
import Logging

/// One name for a request in the client's log, this node's and the leader's: taken over when it is sane, made when not.
enum RequestName {
    static let lengthMax = 64

    /// 1 to 64 letters, digits, hyphens, underscores, dots, colons.
    static func isSane(_ text: String) -> Bool {
        (1...lengthMax).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: ":"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                    true
                default: false
                }
            }
    }

    static func make() -> String {
        let digits = String(UInt64.random(in: 0 ... .max), radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

/// Puts the request's name into its headers, so that it is passed on with them, into the log's lines and into the answer.
struct RequestNameMiddleware: RouterMiddleware {
    typealias Context = APIContext

    func handle(
        _ request: Request, context: APIContext, next: (Request, APIContext) async throws -> Response
    ) async throws -> Response {
        var context = context
        let said = request.headers[.requestID]
        let name = said.flatMap { RequestName.isSane($0) ? $0 : nil } ?? RequestName.make()
        var head = request.head
        head.headerFields[.requestID] = name
        context.logger[metadataKey: "request_id"] = "\(name)"
        // The framework's own number would be a second one.
        context.logger[metadataKey: "hb.request.id"] = nil
        var response = try await next(Request(head: head, body: request.body), context)
        response.headers[.requestID] = name
        return response
    }
}

extension HTTPField.Name {
    static let requestID = HTTPField.Name("X-Request-Id")!
}
