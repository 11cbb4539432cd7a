import FoundationEssentials

/// Whether the name that a node gives itself is the one of its certificate. TLS has verified the certificate before.
enum CertificateCheck {
    /// What the accepting side has against a hello; nil for nothing.
    ///
    /// A request may come without a certificate: whoever answers it decides what it may ask.
    static func objection(to hello: PeerHello, now: Date = Date()) -> String? {
        guard let certificate = hello.certificate else {
            return hello.purpose == .request ? nil : "no certificate was shown"
        }
        if let problem = certificate.validityProblem(at: now) { return problem.message }
        guard let name = certificate.name else { return "the certificate names no node" }
        if hello.purpose == .request, hello.id.isEmpty { return nil }
        return name == hello.id ? nil : "the certificate is \(name)'s, not \(hello.id)'s"
    }

    /// What the dialling side has against a welcome.
    ///
    /// - Parameter wanted: the `node.id` of the member that was dialled, if it is known.
    static func objection(
        to welcome: Welcome, certificate: CertificateDetails?, wanted: String?, now: Date = Date()
    ) -> String? {
        guard let certificate else { return "no certificate was shown" }
        if let problem = certificate.validityProblem(at: now) { return problem.message }
        guard let name = certificate.name else { return "the certificate names no node" }
        guard welcome.id.isEmpty || name == welcome.id else {
            return "the certificate is \(name)'s, not \(welcome.id)'s"
        }
        if let wanted, name != wanted { return "the node that answers is \(name), not \(wanted)" }
        return nil
    }
}
