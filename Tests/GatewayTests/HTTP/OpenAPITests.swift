import AsyncHTTPClient
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import NIOCore
import NIOPosix
import Testing

@testable import Gateway

@Suite("The description of the API") struct OpenAPITests {
    @Test("Every route is described, and nothing else is")
    func routes() async throws {
        let api = HTTPAPI(
            HTTPAPIConfiguration(), cluster: FakeCluster(), administration: FakeAdministration(),
            group: MultiThreadedEventLoopGroup.singleton, logger: quiet)
        let client = LeaderForwarder.client(on: MultiThreadedEventLoopGroup.singleton, connectTimeout: .seconds(1))
        let routes = api.router(client).routes.filter { $0.method != .head }.map { "\($0.method) \($0.path)" }
        try await client.shutdown()
        let described = APIOperation.all.map { "\($0.method) \($0.path)" }
        #expect(Set(described).count == described.count)
        #expect(Set(routes).subtracting(described) == [], "routes without a description: add them to APIOperation.all")
        #expect(Set(described).subtracting(routes) == [], "described, and no routes")
    }

    @Test("The document is whole: what it refers to is there, and its examples are taken")
    func document() async throws {
        try await withAPI { client in
            let answer = try await client.execute(uri: "/openapi.json", method: .get)
            #expect(answer.status == .ok && answer.headers[.contentType] == "application/json")
            let json = try JSONValue(body: Array(buffer: answer.body))
            let fields = try RequestFields(json)
            #expect(try fields.string("openapi") == "3.1.0")
            let schemas = try fields.nested("components").nested("schemas")
            for reference in Self.references(json) {
                let name = try #require(reference.split(separator: "/").last)
                #expect(schemas[String(name)] != nil, "\(reference)")
            }
            func example(_ name: String) throws -> JSONValue {
                guard case .array(let examples)? = try schemas.nested(name)["examples"] else { return .null }
                return examples.first ?? .null
            }
            for (name, form) in [
                ("Insert", WriteRequest.Form.insert), ("Update", .update), ("Delete", .delete), ("DDL", .ddl),
                ("Transaction", .transaction),
            ] { _ = try WriteRequest(form, body: try example(name)) }
            _ = try QueryRequest(try example("Query"))
            let identifiers = APIOperation.all.map(\.identifier)
            #expect(Set(identifiers).count == identifiers.count)
        }
    }

    private static func references(_ json: JSONValue) -> [String] {
        switch json {
        case .null, .bool, .number, .string: []
        case .array(let elements): elements.flatMap(references)
        case .object(let members):
            members.flatMap { member -> [String] in
                if member.name == "$ref", case .string(let text) = member.value { return [text] }
                return references(member.value)
            }
        }
    }
}
