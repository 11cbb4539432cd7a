import ClusterCore
import HTTPTypes
import HummingbirdTesting
import Synchronization
import Testing

@testable import Gateway

@Suite("Status routes") struct StatusRouteTests {
    @Test("GET /status has the documented shape, with nulls where nothing is known")
    func status() async throws {
        try await withAPI { client in
            let answer = try await client.execute(uri: "/status", method: .get)
            #expect(answer.status == .ok)
            #expect(answer.headers[.contentType] == "application/json")
            #expect(
                answer.text == #"""
                    {"bridge":null,"catch_up":null,"cluster":{"id":"c0ffee","name":"test"},"database":{"endpoint":"/run/m.sock",\#
                    "gtid":"0-1-10","mode":"managed","state":"primary","writable":true},"events":[{"kind":\#
                    "leader_elected","lsn":null,"message":"m","term":3,"time":"2026-01-02T03:04:05Z"}],\#
                    "lag":{"entries":1,"seconds":null},"links":[],"log":{"applied_lsn":10,"committed_lsn":11,"durable_lsn":12,\#
                    "first_lsn":1,"last_lsn":12},"node":{"id":"node-1","number":1,"role":"voter","site":"here"},\#
                    "orphans":[],"raft":{"leader_api":"127.0.0.1:8080","leader_id":"node-1","state":"leader",\#
                    "term":3},"tls":null,"version":"1.0.0","warnings":["disk 91 % full"]}
                    """#)
            #expect(try await answer.decoded(NodeStatus.self) == FakeCluster().status())
        }
    }

    @Test("GET /cluster and /cluster/nodes")
    func cluster() async throws {
        try await withAPI { client in
            let member = #"""
                {"address":"10.0.0.1:7654","api":"10.0.0.1:8080","applied_lsn":null,"id":"node-1","last_contact_ms":5,\#
                "match_lsn":9,"number":1,"role":"voter","site":"here","state":"needs_provision"}
                """#
            let cluster = try await client.execute(uri: "/cluster", method: .get)
            #expect(cluster.text == #"{"leader_id":"node-1","members":["# + member + #"],"term":3}"#)
            #expect(try await client.execute(uri: "/cluster/nodes", method: .get).text == "[\(member)]")
            #expect(try await cluster.decoded(ClusterStatus.self) == FakeCluster().cluster())
        }
    }

    @Test("GET /events honours its limit")
    func events() async throws {
        try await withAPI { client in
            let two = try await client.execute(uri: "/events?limit=2", method: .get)
            #expect(try two.decoded([EventRecord].self).map(\.kind) == ["k0", "k1"])
            let wrong = try await client.execute(uri: "/events?limit=-1", method: .get)
            #expect(wrong.status == .badRequest)
            #expect(try wrong.problem.detail.contains("limit"))
        }
    }

    @Test("GET /health is 200, or 503 with the reason; HEAD works too")
    func health() async throws {
        let cluster = FakeCluster()
        try await withAPI(cluster: cluster) { client in
            let well = try await client.execute(uri: "/health", method: .get)
            #expect(well.status == .ok && well.text == #"{"status":"ok"}"#)
            cluster.state.withLock { $0.health = .failing(reason: "no quorum") }
            let ill = try await client.execute(uri: "/health", method: .get)
            #expect(ill.status == .serviceUnavailable)
            #expect(ill.text == #"{"reason":"no quorum","status":"failing"}"#)
            #expect(try await client.execute(uri: "/health", method: .head).status == .serviceUnavailable)
        }
    }

    @Test("GET /health/galera answers for one endpoint or for all")
    func galera() async throws {
        let cluster = FakeCluster()
        try await withAPI(cluster: cluster) { client in
            #expect(try await client.execute(uri: "/health/galera", method: .get).status == .notFound)
            cluster.state.withLock {
                $0.endpoints = [
                    EndpointHealth(endpoint: "a:3306", healthy: false, inUse: false, reason: "Donor"),
                    EndpointHealth(endpoint: "b:3306", healthy: true, inUse: true),
                ]
            }
            #expect(try await client.execute(uri: "/health/galera", method: .get).status == .ok)
            let sick = try await client.execute(uri: "/health/galera?endpoint=a:3306", method: .get)
            #expect(sick.status == .serviceUnavailable)
            #expect(sick.text == #"[{"endpoint":"a:3306","healthy":false,"in_use":false,"reason":"Donor"}]"#)
            #expect(try await client.execute(uri: "/health/galera?endpoint=c:1", method: .get).status == .notFound)
        }
    }

    @Test(
        "A known path with another method says which there are",
        arguments: [
            ("/status", HTTPRequest.Method.post, "GET, HEAD"), ("/write/insert", .get, "POST"),
            ("/cluster/members/db-9", .put, "DELETE"), ("/query", .trace, "POST"),
        ])
    func otherMethods(path: String, method: HTTPRequest.Method, allowed: String) async throws {
        try await withAPI { client in
            let answer = try await client.execute(uri: path, method: method)
            #expect(answer.status == .methodNotAllowed && answer.headers[.allow] == allowed)
            #expect(try answer.problem.kind == .methodNotAllowed)
        }
    }

    @Test("An unknown path is a problem, not a bare 404")
    func notFound() async throws {
        try await withAPI { client in
            let answer = try await client.execute(uri: "/nothing", method: .get)
            #expect(answer.status == .notFound)
            #expect(answer.headers[.contentType] == "application/problem+json")
            #expect(try answer.problem.kind == .notFound)
            #expect(try answer.problem.detail == "There is no GET /nothing.")
        }
    }
}
