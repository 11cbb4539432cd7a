import ClusterCore
import Foundation
import Testing

@testable import WANLink

@Suite struct TokenTests {
    private let authority = (0..<32).map { UInt8($0) }

    @Test func aTokenSurvivesItsText() throws {
        for _ in 0..<50 {
            let token = JoinToken(authority: authority)
            let again = try JoinToken(token.text)
            #expect(again == token && again.digest == token.digest)
            #expect(!token.text.contains { $0.isWhitespace || $0 == "+" || $0 == "/" || $0 == "=" })
            #expect(!"\(token)".contains(token.text.dropFirst(20)))
        }
        #expect(JoinToken(authority: authority) != JoinToken(authority: authority))
    }

    @Test func everySlipOfTheHandIsNoticed() throws {
        let text = JoinToken(authority: authority).text
        for index in text.indices {
            let slip = text[index] == "x" ? "y" : "x"
            let wrong = text.replacingCharacters(in: index...index, with: slip)
            #expect(throws: SecurityError.self) { try JoinToken(wrong) }
        }
        for count in 0..<text.count {
            #expect(throws: SecurityError.self) { try JoinToken(String(text.prefix(count))) }
        }
        #expect(throws: SecurityError.self) { try JoinToken(text + "A") }
        #expect(throws: SecurityError.self) { try JoinToken(" " + text) }
    }

    @Test(arguments: 0..<300) func randomTextsNeverTrap(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let scalars = (0..<Int.random(in: 0...120, using: &random)).map { _ in
            Unicode.Scalar(UInt32.random(in: 1...0xD7FF, using: &random)) ?? "a"
        }
        var text = "wolfscale-"
        text.unicodeScalars.append(contentsOf: scalars)
        #expect(throws: SecurityError.self) { try JoinToken(text) }
    }
}

@Suite struct CertificateRequestTests {
    private func request(_ node: String = "node-7", hosts: [String] = ["db7", "10.0.0.7", "::1"]) throws -> String {
        try CertificateRequest.make(node: node, hosts: hosts, keyPEM: CertificateRequest.makeKey())
    }

    @Test func theAuthoritySignsWhatItWasAskedFor() throws {
        let authority = try CertificateAuthority.make(cluster: "test")
        let key = try CertificateRequest.makeKey()
        let asked = try CertificateRequest(
            pem: CertificateRequest.make(node: "n", hosts: ["db7", "10.0.0.7"], keyPEM: key))
        let pem = try authority.issue(asked)
        let material = try TLSMaterial(.init(ca: authority.certificatePEM, certificate: pem, privateKey: key))
        #expect(material.problem(node: "n", now: Date()) == nil)
        #expect(material.certificate.alternativeNames == ["wolfscale:node:n", "db7", "10.0.0.7"])
        #expect(material.ownAuthority == (try authority.details))
    }

    @Test func whatARequestMayNotAskIsRefused() throws {
        #expect(throws: SecurityError.self) { try CertificateRequest(pem: request("a b")) }
        #expect(throws: SecurityError.self) { try CertificateRequest(pem: request("../x")) }
        #expect(throws: SecurityError.self) {
            try CertificateRequest(pem: request(hosts: (0..<17).map { "host\($0)" }))
        }
        #expect(throws: SecurityError.self) { try CertificateRequest(pem: String(repeating: "x", count: 9_000)) }
    }

    /// A damaged request is refused, whatever byte it is: it is signed with its own key.
    @Test(arguments: 0..<300) func damagedRequestsNeverTrap(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let lines = try request().split(separator: "\n")
        var body = try #require(Data(base64Encoded: lines.dropFirst().dropLast().joined()))
        switch seed % 3 {
        case 0:
            body[Int.random(in: 0..<body.count, using: &random)] ^= UInt8(1 << Int.random(in: 0..<8, using: &random))
        case 1: body = body.prefix(Int.random(in: 0..<body.count, using: &random))
        default: body = Data((0..<body.count).map { _ in UInt8.random(in: 0...255, using: &random) })
        }
        let text = "\(lines[0])\n\(body.base64EncodedString())\n\(lines[lines.count - 1])\n"
        #expect(throws: SecurityError.self, "seed \(seed)") { try CertificateRequest(pem: text) }
    }
}
