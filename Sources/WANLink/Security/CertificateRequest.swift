import Crypto
import FoundationEssentials
import SwiftASN1
import X509

/// A signing request (PKCS #10) of a node: the name, the hosts and the public key that its certificate shall have.
public struct CertificateRequest: Sendable {
    /// Longer ones are refused before they are looked at.
    public static let bytesMax = 8 << 10
    static let hostsMax = 16

    public let node: String
    public let hosts: [String]
    let publicKey: Certificate.PublicKey

    /// Makes a request, signed with the node's key.
    public static func make(node: String, hosts: [String], keyPEM: String) throws(SecurityError) -> String {
        let key = try PEM.privateKey(keyPEM)
        do {
            let names = SubjectAlternativeNames(CertificateName.alternatives(node: node, hosts: hosts))
            let wanted = ExtensionRequest(extensions: try Certificate.Extensions { names })
            let request = try CertificateSigningRequest(
                version: .v1, subject: try DistinguishedName { CommonName(node) }, privateKey: key,
                attributes: CertificateSigningRequest.Attributes([.init(wanted)]), signatureAlgorithm: .ecdsaWithSHA256)
            return try request.serializeAsPEM().pemString + "\n"
        } catch { throw SecurityError(.badRequest, "the signing request cannot be made: \(error)") }
    }

    /// A new node's key.
    public static func makeKey() throws(SecurityError) -> String {
        try PEM.text(Certificate.PrivateKey(P256.Signing.PrivateKey()))
    }

    /// Reads and checks a request of somebody unknown: its length, its signature, and what it asks for.
    public init(pem: String) throws(SecurityError) {
        guard pem.utf8.count <= Self.bytesMax else {
            throw SecurityError(.badRequest, "the signing request is longer than \(Self.bytesMax) bytes")
        }
        let request: CertificateSigningRequest
        do { request = try CertificateSigningRequest(pemEncoded: pem) } catch {
            throw SecurityError(.badRequest, "the signing request cannot be read")
        }
        guard P256.Signing.PublicKey(request.publicKey) != nil else {
            throw SecurityError(.badRequest, "the signing request's key is not an ECDSA key on P-256")
        }
        guard request.publicKey.isValidSignature(request.signature, for: request) else {
            throw SecurityError(.badRequest, "the signing request is not signed with its own key")
        }
        guard let node = CertificateName.onlyCommonName(of: request.subject), CertificateName.isNodeID(node) else {
            throw SecurityError(.badRequest, "the signing request names no node")
        }
        let names = Self.alternativeNames(request)
        hosts = names.compactMap { name in
            switch name {
            case .dnsName, .ipAddress: CertificateName.text(name)
            case .otherName, .rfc822Name, .x400Address, .directoryName, .ediPartyName, .uniformResourceIdentifier,
                .registeredID:
                nil
            }
        }
        guard hosts.count <= Self.hostsMax else {
            throw SecurityError(.badRequest, "the signing request has more than \(Self.hostsMax) addresses")
        }
        self.node = node
        publicKey = request.publicKey
    }

    /// Tells one key from another: SHA-256 of the public key.
    public var keyDigest: [UInt8] { Array(SHA256.hash(data: publicKey.subjectPublicKeyInfoBytes)) }

    private static func alternativeNames(_ request: CertificateSigningRequest) -> [GeneralName] {
        // Addresses are for people; a request whose extensions cannot be read just has none.
        do {
            return try request.attributes.extensionRequest?.extensions.subjectAlternativeNames.map { Array($0) } ?? []
        } catch { return [] }
    }
}
