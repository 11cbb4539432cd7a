import Foundation
import NIOSSL

@testable import WANLink

/// A CA of a test's own, and what it signs.
final class TestAuthority: Sendable {
    let authority: CertificateAuthority

    init(_ cluster: String = "test") throws { authority = try CertificateAuthority.make(cluster: cluster) }

    var pem: String { get throws { try authority.certificatePEM } }

    /// - Parameter trusting: more authorities than this one.
    func texts(
        _ node: String, days: Int = 10, now: Date = Date(), trusting others: [TestAuthority] = []
    ) throws -> TLSMaterial.Texts {
        let issued = try authority.issue(node: node, hosts: ["127.0.0.1"], days: days, now: now)
        let trusted = try ([self] + others).map { try $0.pem }.joined()
        return TLSMaterial.Texts(ca: trusted, certificate: issued.certificatePEM, privateKey: issued.keyPEM)
    }

    func security(
        _ node: String, days: Int = 10, now: Date = Date(), trusting others: [TestAuthority] = []
    ) throws -> LinkSecurity {
        try LinkSecurity(try TLSMaterial(texts(node, days: days, now: now, trusting: others)))
    }

    /// A client that trusts this authority and shows the given certificate, or none.
    func client(
        as texts: TLSMaterial.Texts? = nil, maximum: TLSVersion? = nil, trustAll: Bool = false
    ) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(pem.utf8)))
        configuration.certificateVerification = trustAll ? .none : .noHostnameVerification
        configuration.maximumTLSVersion = maximum
        if let texts {
            configuration.certificateChain = try NIOSSLCertificate.fromPEMBytes(Array(texts.certificate.utf8))
                .map { .certificate($0) }
            configuration.privateKey = .privateKey(
                try NIOSSLPrivateKey(bytes: Array(texts.privateKey.utf8), format: .pem))
        }
        return try NIOSSLContext(configuration: configuration)
    }
}

extension TestNode {
    /// A node `node-NUMBER` with a certificate of `authority`.
    static func start(
        _ number: UInt16?, of authority: TestAuthority, certificate: LinkSecurity? = nil,
        delegate: RecordingDelegate = RecordingDelegate(), timeout: Duration = .seconds(5),
        adjust: (inout PeerNetwork.Configuration) -> Void = { _ in }
    ) async throws -> TestNode {
        let security = try certificate ?? authority.security("node-\(number ?? 0)")
        return try await start(number, delegate: delegate, timeout: timeout) {
            $0.security = security
            adjust(&$0)
        }
    }
}
