import AsyncHTTPClient
import Foundation
import LabSupport
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Testing

@testable import Gateway

@Suite("The API with TLS") struct TLSServiceTests {
    @Test("A client that believes the authority gets in, another one and plain HTTP do not; a new certificate is taken")
    func serverAndTrust() async throws {
        let files = try TestCertificates()
        defer { files.remove() }
        let security = try APISecurity(certificate: files.certificate, privateKey: files.key)
        let (ca, system) = (try APITrust(.file(files.ca)), try APITrust(.system))
        var configuration = HTTPAPIConfiguration(port: 0)
        configuration.security = security
        try await withService(configuration, FakeCluster()) { port in
            #expect(try await get("https://localhost:\(port)/health", ca) == 200)
            await #expect(throws: (any Error).self) { try await get("https://localhost:\(port)/health", system) }
            await #expect(throws: (any Error).self) {
                try await get("http://localhost:\(port)/health", nil as APITrust?)
            }
            // The certificate names localhost and no address.
            await #expect(throws: (any Error).self) { try await get("https://127.0.0.1:\(port)/health", ca) }
            #expect(try await get("https://127.0.0.1:\(port)/health", try APITrust(.cluster(files.ca))) == 200)
            #expect(try await get("https://127.0.0.1:\(port)/health", try APITrust(.here(files.ca))) == 200)

            try files.issue("IP:127.0.0.1")
            try security.use(certificate: files.certificate, privateKey: files.key)
            #expect(try await get("https://127.0.0.1:\(port)/health", ca) == 200)
            // A key that belongs to another certificate is refused, and what was there goes on.
            let (certificate, key) = (files.certificate, files.key)
            try Lab.run("openssl", ["genpkey", "-algorithm", "ED25519", "-out", key])
            #expect(throws: APISecurity.Failure.self) {
                try security.use(certificate: certificate, privateKey: key)
            }
            #expect(try await get("https://127.0.0.1:\(port)/health", ca) == 200)
        }
    }

    @Test("TLS 1.1 is refused")
    func oldVersions() async throws {
        let files = try TestCertificates()
        defer { files.remove() }
        var configuration = HTTPAPIConfiguration(port: 0)
        configuration.security = try APISecurity(certificate: files.certificate, privateKey: files.key)
        let ca = files.ca
        try await withService(configuration, FakeCluster()) { port in
            var old = try APITrust(.file(ca)).current
            (old.minimumTLSVersion, old.maximumTLSVersion) = (.tlsv1, .tlsv11)
            await #expect(throws: (any Error).self) { try await get("https://localhost:\(port)/health", old) }
            old.maximumTLSVersion = .tlsv12
            #expect(try await get("https://localhost:\(port)/health", old) == 200)
        }
    }

    @Test("A follower passes requests on by https, to a leader whom it believes only")
    func forwarding() async throws {
        let files = try TestCertificates(host: "URI:wolfscale:node:a")
        defer { files.remove() }
        let secret = "what the members share"
        var leading = HTTPAPIConfiguration(port: 0, clusterSecret: APIToken(secret))
        leading.security = try APISecurity(certificate: files.certificate, privateKey: files.key)
        let ca = files.ca
        try await withService(leading, FakeCluster()) { leader in
            let target = ForwardTarget(baseURL: "https://127.0.0.1:\(leader)", secret: secret)
            for (roots, status) in [(APITrust.Roots.cluster(ca), 200), (.file(ca), 503), (.system, 503)] {
                var following = HTTPAPIConfiguration(port: 0)
                following.trust = try APITrust(roots)
                let refusing = FakeAdministration(failure: .notLeader(target))
                try await withService(following, FakeCluster(), administration: refusing) { port in
                    var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)/cluster/switchover")
                    request.method = .POST
                    let answer = try await HTTPClient.shared.execute(request, timeout: .seconds(20))
                    let text = String(buffer: try await answer.body.collect(upTo: 1 << 20))
                    #expect(Int(answer.status.code) == status, "\(roots): \(text)")
                    #expect(status == 200 || text.contains("Nothing was executed"))
                }
            }
        }
    }

    @Test("Files that are not there or no certificates are named")
    func badFiles() throws {
        let missing = #expect(throws: APISecurity.Failure.self) {
            try APISecurity(certificate: "/nowhere/api.pem", privateKey: "/nowhere/api.key")
        }
        #expect(missing?.description.contains("/nowhere/api.pem") == true)
        #expect(throws: APISecurity.Failure.self) { try APITrust(.file("/etc/hostname")) }
    }

    private func get(_ url: String, _ trust: APITrust?) async throws -> Int {
        try await get(url, trust?.current)
    }

    private func get(_ url: String, _ tls: TLSConfiguration?) async throws -> Int {
        var request = HTTPClientRequest(url: url)
        request.tlsConfiguration = tls
        var configuration = HTTPClient.Configuration()
        // A handshake that failed is not tried again until the time is over.
        configuration.connectionPool.retryConnectionEstablishment = false
        return try await HTTPClient.withHTTPClient(configuration: configuration) { [request] client in
            let answer = try await client.execute(request, timeout: .seconds(10))
            _ = try await answer.body.collect(upTo: 1 << 20)
            return Int(answer.status.code)
        }
    }
}
