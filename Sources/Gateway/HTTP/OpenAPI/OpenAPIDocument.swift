/// The OpenAPI 3.1 description of those routes that this API has.
struct OpenAPIDocument {
    let json: JSONValue

    /// - Parameter routes: `GET /status` and so on.
    /// - Throws: when a schema is not JSON; a test makes sure that none is.
    init(routes: Set<String>) throws(JSONError) {
        let operations = APIOperation.all.filter { routes.contains("\($0.method) \($0.path)") }
        var paths: [JSONMember] = []
        for path in operations.map(\.path).uniqued {
            var methods: [JSONMember] = []
            for operation in operations where operation.path == path {
                methods.append(JSONMember(name: operation.method.lowercased(), value: try Self.describe(operation)))
            }
            paths.append(JSONMember(name: path, value: .object(methods)))
        }
        var schemas: [JSONMember] = []
        for schema in OpenAPISchemas.all {
            schemas.append(JSONMember(name: schema.name, value: try Self.parse(schema.text)))
        }
        json = .object([
            JSONMember(name: "openapi", value: .string("3.1.0")),
            JSONMember(
                name: "info",
                value: .object([
                    JSONMember(name: "title", value: .string("WolfScale")),
                    JSONMember(name: "version", value: .string("1")),
                    JSONMember(name: "description", value: .string("Rows, schemas and the cluster itself, over HTTP.")),
                ])),
            JSONMember(name: "paths", value: .object(paths)),
            JSONMember(
                name: "components",
                value: .object([
                    JSONMember(name: "schemas", value: .object(schemas)),
                    JSONMember(
                        name: "securitySchemes", value: try Self.parse(#"{"bearer":{"type":"http","scheme":"bearer"}}"#)
                    ),
                ])),
        ])
    }

    private static func parse(_ text: String) throws(JSONError) -> JSONValue { try JSONParser.parse(Array(text.utf8)) }

    private static func describe(_ operation: APIOperation) throws(JSONError) -> JSONValue {
        let words = [operation.description, operation.need.rawValue].filter { !$0.isEmpty }.joined(separator: " ")
        var members = [
            JSONMember(name: "operationId", value: .string(operation.identifier)),
            JSONMember(name: "summary", value: .string(operation.summary)),
            JSONMember(name: "description", value: .string(words)),
        ]
        if !operation.parameters.isEmpty {
            var parameters: [JSONValue] = []
            for parameter in operation.parameters { parameters.append(try describe(parameter)) }
            members.append(JSONMember(name: "parameters", value: .array(parameters)))
        }
        if let body = operation.body {
            members.append(
                JSONMember(
                    name: "requestBody",
                    value: .object([
                        JSONMember(name: "required", value: .bool(operation.needsBody)),
                        content("application/json", body),
                    ])))
        }
        members.append(JSONMember(name: "responses", value: answers(operation)))
        if operation.need != .nothing {
            members.append(JSONMember(name: "security", value: try parse(#"[{},{"bearer":[]}]"#)))
        }
        return .object(members)
    }

    private static func describe(_ parameter: APIOperation.Parameter) throws(JSONError) -> JSONValue {
        .object([
            JSONMember(name: "name", value: .string(parameter.name)),
            JSONMember(name: "in", value: .string(parameter.place.rawValue)),
            JSONMember(name: "required", value: .bool(parameter.place == .path)),
            JSONMember(name: "description", value: .string(parameter.description)),
            JSONMember(name: "schema", value: try parse(parameter.schema)),
        ])
    }

    private static func answers(_ operation: APIOperation) -> JSONValue {
        let good = JSONMember(
            name: "200",
            value: .object([
                JSONMember(name: "description", value: .string("As asked.")),
                operation.answer.map { content("application/json", $0) } ?? text,
            ]))
        let codes = operation.need.refusals + operation.failures
        let bad = codes.sorted().map { code in
            JSONMember(
                name: String(code),
                value: .object([
                    JSONMember(name: "description", value: .string(meaning[code] ?? "A problem.")),
                    content("application/problem+json", "Problem"),
                ]))
        }
        return .object([good] + bad)
    }

    private static func content(_ type: String, _ schema: String) -> JSONMember {
        let reference = JSONValue.object([
            JSONMember(name: "$ref", value: .string("#/components/schemas/\(schema)"))
        ])
        return JSONMember(
            name: "content",
            value: .object([JSONMember(name: type, value: .object([JSONMember(name: "schema", value: reference)]))]))
    }

    private static let text = JSONMember(
        name: "content", value: .object([JSONMember(name: "text/plain", value: .object([]))]))

    private static let meaning: [Int: String] = [
        400: "The request is not as it must be.", 401: "A token is needed.", 403: "It is not allowed.",
        404: "There is no such thing.", 409: "It contradicts what is there, or what is under way.",
        413: "The body is too large.", 415: "The body must be JSON.", 422: "The table does not take it.",
        429: "Too many requests of this caller; Retry-After says when.",
        503: "Not now; nothing was executed.", 504: "No answer in time. Of a write the outcome is not known.",
        507: "MariaDB has no space left.",
    ]
}

extension [String] {
    fileprivate var uniqued: [String] {
        var seen: Set<String> = []
        return filter { seen.insert($0).inserted }
    }
}
