import FoundationEssentials
import NIOCore
import NIOSSL

/// What TLS' errors mean to an operator.
enum TLSFailure {
    /// - Parameter peer: the certificate that the other side showed, if it came that far.
    /// - Returns: nil for the end of a line without a goodbye, which is no failure: frames say where they end.
    static func explain(_ error: any Error, peer: () -> CertificateDetails?) -> String? {
        switch error {
        case NIOSSLError.uncleanShutdown: return nil
        case is NIOSSLCloseTimedOutError: return nil
        case NIOSSLError.handshakeFailed(let cause): return meaning(of: cause, peer: peer)
        case let cause as BoringSSLError: return meaning(of: cause, peer: peer)
        default: return "\(error)"
        }
    }

    private static func meaning(of error: BoringSSLError, peer: () -> CertificateDetails?) -> String {
        let text = "\(error)"
        if text.contains("EOF during handshake") { return "the other side closed it during the TLS handshake" }
        if text.contains("CERTIFICATE_VERIFY_FAILED") { return "TLS: " + rejected(peer()) }
        if let known = meanings.first(where: { text.contains($0.key) }) { return "TLS: \(known.meaning)" }
        // Only the names of the errors: places in BoringSSL's source help nobody here.
        let names = text.matches(of: /[A-Z][A-Z0-9_]{5,}/).map { String($0.output) }
        return "TLS: the handshake or a record failed (\(names.isEmpty ? text : names.joined(separator: ", ")))"
    }

    private static func rejected(_ certificate: CertificateDetails?, now: Date = Date()) -> String {
        guard let certificate else { return "the other side's certificate is not one of this cluster's" }
        if let problem = certificate.validityProblem(at: now) { return problem.message }
        return "the certificate \(certificate.label) was signed by \"\(certificate.issuer)\", which is not this "
            + "cluster's CA"
    }

    /// By the names that BoringSSL gives; the first that is found counts.
    private static let meanings: [(key: String, meaning: String)] = [
        ("PEER_DID_NOT_RETURN_A_CERTIFICATE", "the other side has no certificate"),
        (
            "ALERT_CERTIFICATE_REQUIRED",
            "the other side talks to nobody without a certificate; a node gets one by `wolfscale cert issue`, or with "
                + "a token of `wolfscale cert token` that is neither used nor expired"
        ),
        ("ALERT_CERTIFICATE_EXPIRED", "the other side says that this node's certificate has expired"),
        ("ALERT_UNKNOWN_CA", "the other side does not know the CA of this node's certificate"),
        ("ALERT_CERTIFICATE_UNKNOWN", "the other side rejects this node's certificate"),
        ("ALERT_BAD_CERTIFICATE", "the other side rejects this node's certificate"),
        ("ALERT_PROTOCOL_VERSION", "the other side does not speak TLS 1.3"),
        ("UNSUPPORTED_PROTOCOL", "the other side does not speak TLS 1.3"),
        ("HTTP_REQUEST", "the other side speaks HTTP without TLS; this is the port for the other members"),
        ("WRONG_VERSION_NUMBER", "the other side does not speak TLS; has it no certificates?"),
    ]
}
