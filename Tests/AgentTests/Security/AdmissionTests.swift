import ClusterCore
import Foundation
import Logging
import NIOCore
import Testing
import WANLink
import WriteAheadLog

@testable import Agent

/// What a caller's certificate lets it ask.
@Suite struct AdmissionTests {
    private func certificate(_ node: String, now: Date = Date()) throws -> CertificateDetails {
        let issued = try CertificateAuthority.make(cluster: "").issue(node: node, hosts: [], now: now)
        return try #require(try CertificateDetails.all(inPEM: issued.certificatePEM).first)
    }

    private func join(_ id: String) -> PeerRequest {
        .join(.init(id: id, role: .voter, site: "", address: "db:7654", api: "", clusterName: ""))
    }

    @Test func aNodeAsksForItselfOnly() throws {
        #expect(join("a").objection(to: try certificate("a")) == nil)
        #expect(join("a").objection(to: try certificate("b")) == "the certificate is b's, and it asks for a")
        #expect(join("a").objection(to: nil)?.contains("wolfscale cert token") == true)
        let member = Member(id: "a", number: NodeNumber(1), role: .voter, site: "", address: "x:1", api: "")
        #expect(PeerRequest.readdress(member).objection(to: try certificate("b")) != nil)
        #expect(PeerRequest.readdress(member).objection(to: nil) != nil)
    }

    @Test(arguments: 0..<200) func damagedRequestsNeverTrap(seed: UInt64) throws {
        var state = seed &+ 1
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        let request = PeerRequest.enrol(.init(secret: [1, 2, 3, 255], request: "-----BEGIN"))
        var bytes = Array(try ByteBuffer(json: request).readableBytesView)
        for _ in 0...random(4) { bytes[random(bytes.count)] = UInt8(random(256)) }
        if seed % 4 == 0 { bytes.removeLast(random(bytes.count)) }
        do { _ = try ByteBuffer(bytes: bytes).decodeJSON(PeerRequest.self) } catch { #expect(!"\(error)".isEmpty) }
    }

    @NodeLoop @Test func aRemovedMembersOldCertificateCountsNoMore() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("wolfscale-\(UUID().uuidString)")
            .path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { do { try FileManager.default.removeItem(atPath: folder) } catch { Issue.record(error) } }
        let store = try StateStore(path: folder + "/state.sqlite")
        func member(_ id: String, _ number: UInt16) -> Member {
            Member(id: id, number: NodeNumber(number), role: .voter, site: "", address: "\(id):1", api: "")
        }
        let removals = Removals(store: store, logger: Logger(label: "test"))
        let now = Date()
        removals.committed(Membership([member("a", 1), member("b", 2)]), now: now)
        let old = try certificate("b", now: now - 60)
        #expect(removals.objection(to: old) == nil)
        removals.committed(Membership([member("a", 1)]), now: now)
        #expect(removals.objection(to: old)?.contains("b was removed on") == true)
        #expect(removals.objection(to: try certificate("b", now: now + 5)) == nil)
        #expect(removals.objection(to: try certificate("a", now: now - 60)) == nil)
        // It is remembered, also by one that joins later.
        #expect(Removals(store: store, logger: Logger(label: "test")).objection(to: old) != nil)
        let other = try StateStore(path: folder + "/other.sqlite")
        try Removals.learn(removals.all, in: other)
        let learnt = Removals(store: other, logger: Logger(label: "test"))
        learnt.committed(Membership([member("a", 1)]), now: now)
        #expect(learnt.objection(to: old) != nil)
    }
}
