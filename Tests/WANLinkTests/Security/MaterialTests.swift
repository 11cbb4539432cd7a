import ClusterCore
import Foundation
import Testing

@testable import WANLink

/// What is wrong with the files is said, with the file and the remedy.
@Suite struct MaterialTests {
    private func problem(_ texts: TLSMaterial.Texts, node: String = "node-1", now: Date = Date()) -> (
        TLSMaterial.Part?, SecurityError?
    ) {
        var part: TLSMaterial.Part?
        do { return (nil, try TLSMaterial(texts) { part = $0 }.problem(node: node, now: now)) } catch {
            return (part, error)
        }
    }

    @Test func goodOnesAreTaken() throws {
        #expect(problem(try TestAuthority().texts("node-1")) == (nil, nil))
    }

    @Test func wrongOnesAreNamed() throws {
        let authority = try TestAuthority()
        let other = try TestAuthority()
        let good = try authority.texts("node-1")
        var texts = good
        texts.ca = try other.pem
        #expect(problem(texts).0 == .certificate && problem(texts).1?.code == .foreignAuthority)
        texts = good
        texts.privateKey = try authority.texts("node-1").privateKey
        #expect(problem(texts).0 == .privateKey && problem(texts).1?.code == .keyMismatch)
        texts.privateKey = "nonsense"
        #expect(problem(texts).0 == .privateKey && problem(texts).1?.code == .malformed)
        texts = good
        texts.ca = good.certificate
        #expect(problem(texts).0 == .ca && problem(texts).1?.code == .notAnAuthority)
        texts.ca = ""
        #expect(problem(texts).0 == .ca && problem(texts).1?.code == .malformed)
        #expect(problem(good, node: "node-2").1?.code == .wrongName)
        #expect(problem(good, now: Date(timeIntervalSinceNow: 11 * 86_400)).1?.code == .expired)
        #expect(problem(good, now: Date(timeIntervalSinceNow: -86_400)).1?.code == .notYetValid)
        #expect(problem(good, now: Date(timeIntervalSinceNow: -86_400)).1?.remedy.contains("clock") == true)
    }

    @Test func aCertificateIsNamedByItsURIElseByItsCommonName() throws {
        let authority = try CertificateAuthority.make(cluster: "test")
        let issued = try authority.issue(node: "db-1.example", hosts: ["10.1.2.3", "fd00::1", "no host"])
        let details = try #require(try CertificateDetails.all(inPEM: issued.certificatePEM).first)
        #expect(details.name == "db-1.example")
        #expect(details.alternativeNames == ["wolfscale:node:db-1.example", "10.1.2.3", "fd00::1"])
        #expect(try authority.details.name == nil)
        #expect(throws: SecurityError.self) { try authority.issue(node: "a/b", hosts: []) }
    }

    @Test func aNodesCertificateEndsWithItsAuthority() throws {
        let authority = try CertificateAuthority.make(cluster: "", days: 5)
        let issued = try authority.issue(node: "a", hosts: [], days: 365)
        let details = try #require(try CertificateDetails.all(inPEM: issued.certificatePEM).first)
        #expect(details.daysLeft(at: Date(timeIntervalSinceNow: 60)) == 4)
    }

    @Test(arguments: 0..<200) func damagedFilesNeverTrap(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var texts = try TestAuthority().texts("node-1")
        var bytes = Array([texts.ca, texts.certificate, texts.privateKey][Int(seed % 3)].utf8)
        for _ in 0..<3 {
            bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 32...126, using: &random)
        }
        let text = String(decoding: bytes, as: UTF8.self)
        switch seed % 3 {
        case 0: texts.ca = text
        case 1: texts.certificate = text
        default: texts.privateKey = text
        }
        // A change in what nobody reads is none.
        _ = problem(texts)
    }
}
