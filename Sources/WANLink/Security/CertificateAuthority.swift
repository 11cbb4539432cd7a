import Crypto
import FoundationEssentials
import SwiftASN1
import X509

/// The cluster's own certificate authority: its certificate and the key that signs the nodes' certificates. ECDSA on P-256.
public struct CertificateAuthority: Sendable {
    /// Certificates begin this much before they are made, so that a node whose clock is a little behind takes them.
    public static let backdatedBySeconds: TimeInterval = 300
    public static let authorityDays = 3_650
    public static let nodeDays = 365

    let certificate: Certificate
    private let key: Certificate.PrivateKey

    private init(certificate: Certificate, key: Certificate.PrivateKey) {
        self.certificate = certificate
        self.key = key
    }

    /// Makes a new one.
    ///
    /// - Parameter cluster: the cluster's name, for people; may be empty.
    public static func make(
        cluster: String, days: Int = authorityDays, now: Date = Date()
    ) throws(SecurityError) -> CertificateAuthority {
        do {
            let key = Certificate.PrivateKey(P256.Signing.PrivateKey())
            // Two clusters may have one name; the tag tells their authorities apart.
            let tag = try Self.tag(of: key.publicKey)
            let subject = try DistinguishedName {
                OrganizationName(cluster.isEmpty ? "wolfscale" : String(cluster.prefix(64)))
                CommonName("WolfScale CA \(tag)")
            }
            let extensions = try Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                Critical(KeyUsage(keyCertSign: true, cRLSign: true))
                SubjectKeyIdentifier(hash: key.publicKey)
            }
            let certificate = try Certificate(
                version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: key.publicKey,
                notValidBefore: now.addingTimeInterval(-backdatedBySeconds),
                notValidAfter: now.addingTimeInterval(Double(days) * 86_400), issuer: subject, subject: subject,
                signatureAlgorithm: .ecdsaWithSHA256, extensions: extensions, issuerPrivateKey: key)
            return CertificateAuthority(certificate: certificate, key: key)
        } catch { throw SecurityError(.malformed, "the authority cannot be made: \(error)") }
    }

    private static func tag(of key: Certificate.PublicKey) throws -> String {
        SubjectKeyIdentifier(hash: key).keyIdentifier.prefix(4).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
            .joined()
    }

    /// Reads an authority from its files' texts.
    ///
    /// - Parameter certificatePEM: may hold several certificates; the one that belongs to the key is taken.
    public init(certificatePEM: String, keyPEM: String) throws(SecurityError) {
        let certificates = try PEM.certificates(certificatePEM)
        let key = try PEM.privateKey(keyPEM)
        guard let own = certificates.first(where: { $0.publicKey == key.publicKey }) else {
            throw SecurityError(.keyMismatch, "the authority's key belongs to none of its certificates")
        }
        guard own.isAuthority else {
            throw SecurityError(.notAnAuthority, "the certificate \"\(own.subject)\" is not an authority's")
        }
        self.init(certificate: own, key: key)
    }

    public var details: CertificateDetails { get throws(SecurityError) { try CertificateDetails(certificate) } }
    public var certificatePEM: String { get throws(SecurityError) { try PEM.text(certificate) } }
    public var keyPEM: String { get throws(SecurityError) { try PEM.text(key) } }

    /// Makes a key and a certificate for a node.
    public func issue(
        node: String, hosts: [String], days: Int = nodeDays, now: Date = Date()
    ) throws(SecurityError) -> (certificatePEM: String, keyPEM: String) {
        let key = Certificate.PrivateKey(P256.Signing.PrivateKey())
        let certificate = try sign(key.publicKey, node: node, hosts: hosts, days: days, now: now)
        return (try PEM.text(certificate), try PEM.text(key))
    }

    /// Signs what a node asks for in a request that it made itself; only name, hosts and key are taken from it.
    public func issue(
        _ request: CertificateRequest, days: Int = nodeDays, now: Date = Date()
    ) throws(SecurityError) -> String {
        try PEM.text(sign(request.publicKey, node: request.node, hosts: request.hosts, days: days, now: now))
    }

    func sign(
        _ publicKey: Certificate.PublicKey, node: String, hosts: [String], days: Int, now: Date
    ) throws(SecurityError) -> Certificate {
        guard CertificateName.isNodeID(node) else {
            throw SecurityError(.wrongName, "\"\(node.printable)\" is no name for a node")
        }
        do {
            let extensions = try Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                Critical(KeyUsage(digitalSignature: true))
                try ExtendedKeyUsage([.serverAuth, .clientAuth])
                SubjectAlternativeNames(CertificateName.alternatives(node: node, hosts: hosts))
                SubjectKeyIdentifier(hash: publicKey)
                AuthorityKeyIdentifier(
                    keyIdentifier: SubjectKeyIdentifier(hash: certificate.publicKey).keyIdentifier)
            }
            let ends = min(now.addingTimeInterval(Double(days) * 86_400), certificate.notValidAfter)
            return try Certificate(
                version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: publicKey,
                notValidBefore: now.addingTimeInterval(-Self.backdatedBySeconds), notValidAfter: ends,
                issuer: certificate.subject, subject: try DistinguishedName { CommonName(node) },
                signatureAlgorithm: .ecdsaWithSHA256, extensions: extensions, issuerPrivateKey: key)
        } catch { throw SecurityError(.malformed, "the certificate cannot be made: \(error)") }
    }
}
