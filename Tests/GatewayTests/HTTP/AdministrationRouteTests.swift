import ClusterCore
import HTTPTypes
import HummingbirdTesting
import Synchronization
import Testing

@testable import Gateway

@Suite("Administration routes") struct AdministrationRouteTests {
    @Test("Members are added and removed, the leadership is handed over")
    func changes() async throws {
        let administration = FakeAdministration()
        try await withAPI(administration: administration) { client in
            let added = try await client.post(
                "/cluster/members", #"{"id": "node-2", "address": "10.0.0.2:7654", "role": "witness", "number": 9}"#)
            #expect(added.status == .ok)
            #expect(try added.decoded(MembershipChange.self).lsn == LSN(77))
            let removed = try await client.execute(uri: "/cluster/members/node-2", method: .delete)
            #expect(removed.status == .ok)
            let named = try await client.post("/cluster/switchover", #"{"to": "node-3"}"#)
            #expect(named.text == #"{"leader_id":"node-3","pause_ms":120,"term":4}"#)
            let any = try await client.execute(uri: "/cluster/switchover", method: .post)
            #expect(any.status == .ok, "a body is not needed")
        }
        administration.state.withLock { state in
            #expect(state.additions.map(\.role) == [.witness] && state.additions.map(\.number) == [NodeNumber(9)])
            #expect(state.removals == ["node-2"])
            #expect(state.switchovers == [SwitchoverRequest(to: "node-3"), SwitchoverRequest()])
        }
    }

    @Test(
        "A bad body names its field",
        arguments: [
            (#"{"address": "a:1"}"#, "'id'"), (#"{"id": "n", "address": 7}"#, "'address'"),
            (#"{"id": "n", "address": "a:1", "role": "king"}"#, "'role'"),
            (#"{"id": "n", "address": "a:1", "number": 1024}"#, "'number'"), (#"{"id": "", "address": ""}"#, "'id'"),
            ("[", "body"),
        ])
    func badBodies(_ body: String, _ named: String) async throws {
        try await withAPI { client in
            let answer = try await client.post("/cluster/members", body)
            #expect(answer.status == .badRequest)
            #expect(try answer.problem.detail.contains(named))
        }
    }

    @Test(
        "Refusals keep their kind",
        arguments: [
            (AdministrationError.notLeader(nil), 503, Problem.Kind.unavailable),
            (.invalid(reason: "r"), 400, .badRequest), (.notFound(reason: "r"), 404, .notFound),
            (.refused(reason: "r"), 409, .refused),
            (.unavailable(reason: "r", retryAfterSeconds: 5), 503, .unavailable),
            (.timedOut(reason: "r"), 504, .unknownOutcome),
        ])
    func refusals(_ error: AdministrationError, _ status: Int, _ kind: Problem.Kind) async throws {
        try await withAPI(administration: FakeAdministration(failure: error)) { client in
            let answer = try await client.post("/cluster/switchover", "{}")
            #expect(answer.status.code == status)
            #expect(try answer.problem.kind == kind)
            if case .unavailable = error { #expect(answer.headers[.retryAfter] == "5") }
        }
    }
}
