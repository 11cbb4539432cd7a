import FoundationEssentials
import NIOSSL
import X509

/// What a node needs to speak TLS: whom it trusts, its certificate and its key, read from their files' texts.
public struct TLSMaterial: Sendable {
    /// The texts of the three files, as `[tls]` names them.
    public struct Texts: Sendable, Equatable {
        public var ca: String
        public var certificate: String
        public var privateKey: String

        public init(ca: String, certificate: String, privateKey: String) {
            self.ca = ca
            self.certificate = certificate
            self.privateKey = privateKey
        }
    }

    /// Which of the three files an error is about.
    public enum Part: Sendable, Hashable { case ca, certificate, privateKey }

    /// The authorities that are trusted; several while one is being replaced by another.
    public let authorities: [CertificateDetails]
    public let certificate: CertificateDetails
    let chain: [Certificate]
    let keyPEM: String

    /// Reads them and checks that they belong together. Validity and name are ``problem(node:now:)``'s.
    public init(_ texts: Texts, blame: (Part) -> Void = { _ in }) throws(SecurityError) {
        blame(.ca)
        var authorities: [CertificateDetails] = []
        for certificate in try PEM.certificates(texts.ca) { authorities.append(try CertificateDetails(certificate)) }
        if let stranger = authorities.first(where: { !$0.isAuthority }) {
            throw SecurityError(
                .notAnAuthority, "the certificate \(stranger.label) is not an authority's",
                remedy: "the cluster's CA belongs here; `wolfscale cert init` makes one")
        }
        blame(.certificate)
        let chain = try PEM.certificates(texts.certificate)
        let certificate = try CertificateDetails(chain[0])
        blame(.privateKey)
        guard try PEM.privateKey(texts.privateKey).publicKey == chain[0].publicKey else {
            throw SecurityError(
                .keyMismatch, "the key does not belong to the certificate \(certificate.label)",
                remedy: "`wolfscale cert issue` writes both together")
        }
        blame(.certificate)
        guard Self.isTrusted(chain, by: authorities) else {
            throw SecurityError(
                .foreignAuthority,
                "the certificate \(certificate.label) is signed by \"\(certificate.issuer)\", which is not among the "
                    + "trusted authorities",
                remedy: "issue one where the cluster's CA key is: wolfscale cert issue \(certificate.name ?? "NODE")")
        }
        self.authorities = authorities
        self.certificate = certificate
        self.chain = chain
        keyPEM = texts.privateKey
    }

    /// Why a node called `node` cannot use this at `now`; nil when it can.
    public func problem(node: String, now: Date) -> SecurityError? {
        guard certificate.name == node else {
            return SecurityError(
                .wrongName, "the certificate names the node \(certificate.name ?? "none"), but node.id is \(node)",
                remedy: "wolfscale cert issue \(node), where the cluster's CA key is")
        }
        if var problem = certificate.validityProblem(at: now) {
            if problem.remedy.isEmpty {
                problem.remedy = "wolfscale cert issue \(node), where the cluster's CA key is"
            }
            return problem
        }
        guard authorities.contains(where: { $0.validityProblem(at: now) == nil }) else {
            return authorities[0].validityProblem(at: now)
        }
        return nil
    }

    /// The authority that signed this node's own certificate, which join tokens pin.
    public var ownAuthority: CertificateDetails? {
        authorities.first { authority in chain.contains { $0.isSigned(by: authority.certificate) } }
    }

    /// When the last trusted authority ends.
    public var authoritiesEnd: Date { authorities.map(\.notAfter).max() ?? .distantPast }

    /// Follows the issuers through what the chain itself brings to a trusted authority.
    private static func isTrusted(_ chain: [Certificate], by authorities: [CertificateDetails]) -> Bool {
        var current = chain[0]
        for _ in 0..<4 {
            if authorities.contains(where: { current.isSigned(by: $0.certificate) }) { return true }
            guard let next = chain.dropFirst().first(where: { $0 != current && current.isSigned(by: $0) }) else {
                return false
            }
            current = next
        }
        return false
    }
}
