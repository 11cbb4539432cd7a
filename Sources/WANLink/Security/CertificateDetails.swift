import Crypto
import FoundationEssentials
import SwiftASN1
import X509

/// What people and checks want to know of a certificate.
public struct CertificateDetails: Sendable, Hashable {
    /// The node's name; nil for an authority, and for a certificate that names no node.
    public var name: String?
    /// As RFC 4514 writes it.
    public var subject: String
    public var issuer: String
    /// In hexadecimal.
    public var serial: String
    /// Hosts and URIs.
    public var alternativeNames: [String]
    public var notBefore: Date
    public var notAfter: Date
    public var isAuthority: Bool
    /// SHA-256 of the certificate as DER.
    public var fingerprint: [UInt8]
    let certificate: Certificate

    init(_ certificate: Certificate) throws(SecurityError) {
        self.certificate = certificate
        subject = "\(certificate.subject)"
        issuer = "\(certificate.issuer)"
        serial = certificate.serialNumber.bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        alternativeNames = CertificateName.alternativeNames(of: certificate).compactMap(CertificateName.text)
        notBefore = certificate.notValidBefore
        notAfter = certificate.notValidAfter
        isAuthority = certificate.isAuthority
        name = isAuthority ? nil : CertificateName.of(certificate)
        fingerprint = try certificate.fingerprint()
    }

    /// Reads what a TLS handshake gave.
    init(der: [UInt8]) throws(SecurityError) {
        let certificate: Certificate
        do { certificate = try Certificate(derEncoded: der) } catch {
            throw SecurityError(.malformed, "the certificate cannot be read: \(error)")
        }
        try self.init(certificate)
    }

    /// All certificates of a file, in its order.
    public static func all(inPEM text: String) throws(SecurityError) -> [CertificateDetails] {
        var all: [CertificateDetails] = []
        for certificate in try PEM.certificates(text) { all.append(try CertificateDetails(certificate)) }
        return all
    }

    /// Why it is not valid at `now`; nil when it is.
    public func validityProblem(at now: Date) -> SecurityError? {
        if now > notAfter {
            return SecurityError(.expired, "the certificate \(label) expired on \(notAfter.utc)")
        }
        if now < notBefore {
            return SecurityError(
                .notYetValid, "the certificate \(label) is not valid before \(notBefore.utc)",
                remedy: "is this machine's clock (\(now.utc)) right?")
        }
        return nil
    }

    /// Whole days until it ends, rounded down; negative when it has.
    public func daysLeft(at now: Date) -> Int { Int((notAfter.timeIntervalSince(now) / 86_400).rounded(.down)) }

    /// When it was made: ours begin a little earlier, for clocks that are behind.
    public var issuedAt: Date { notBefore.addingTimeInterval(CertificateAuthority.backdatedBySeconds) }

    /// For messages.
    public var label: String { name.map { "of \($0)" } ?? "\"\(subject)\"" }
}

extension Certificate {
    var isAuthority: Bool {
        // A certificate whose constraints cannot be read has no rights.
        do {
            if case .isCertificateAuthority? = try extensions.basicConstraints { return true }
        } catch { return false }
        return false
    }

    func fingerprint() throws(SecurityError) -> [UInt8] {
        do {
            var serializer = DER.Serializer()
            try serializer.serialize(self)
            return Array(SHA256.hash(data: serializer.serializedBytes))
        } catch { throw SecurityError(.malformed, "the certificate cannot be encoded: \(error)") }
    }

    /// Whether `authority` signed it; validity is not looked at.
    func isSigned(by authority: Certificate) -> Bool {
        authority.isAuthority && authority.subject == issuer
            && authority.publicKey.isValidSignature(signature, for: self)
    }
}

extension Date {
    /// `2027-11-23 08:50:29 UTC`
    var utc: String {
        let text = formatted(Date.ISO8601FormatStyle(dateTimeSeparator: .space, timeZone: .gmt))
        return text.hasSuffix("Z") ? text.dropLast() + " UTC" : text
    }
}
