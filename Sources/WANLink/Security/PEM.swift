import FoundationEssentials
import SwiftASN1
import X509

/// Certificates and keys as the text that files and join answers hold.
enum PEM {
    /// Files of certificates are short; what is longer is something else.
    static let bytesMax = 1 << 20

    static func certificates(_ text: String) throws(SecurityError) -> [Certificate] {
        guard text.utf8.count <= bytesMax else {
            throw SecurityError(.malformed, "it is longer than \(bytesMax) bytes")
        }
        let certificates: [Certificate]
        do {
            certificates = try PEMDocument.parseMultiple(pemString: text)
                .filter { $0.discriminator == Certificate.defaultPEMDiscriminator }
                .map { try Certificate(derEncoded: $0.derBytes) }
        } catch { throw SecurityError(.malformed, "it holds no certificate that can be read (\(error))") }
        guard !certificates.isEmpty else {
            throw SecurityError(.malformed, "it holds no certificate (BEGIN CERTIFICATE)")
        }
        return certificates
    }

    static func privateKey(_ text: String) throws(SecurityError) -> Certificate.PrivateKey {
        guard text.utf8.count <= bytesMax else {
            throw SecurityError(.malformed, "it is longer than \(bytesMax) bytes")
        }
        do {
            // EC keys of openssl come with their parameters before them.
            let documents = try PEMDocument.parseMultiple(pemString: text)
            guard let document = documents.first(where: { $0.discriminator.hasSuffix("PRIVATE KEY") }) else {
                throw SecurityError(.malformed, "it holds no private key (BEGIN PRIVATE KEY)")
            }
            return try Certificate.PrivateKey(pemDocument: document)
        } catch let error as SecurityError {
            throw error
        } catch { throw SecurityError(.malformed, "it holds no private key that can be read (\(error))") }
    }

    static func text(_ certificate: Certificate) throws(SecurityError) -> String {
        do { return try certificate.serializeAsPEM().pemString + "\n" } catch {
            throw SecurityError(.malformed, "the certificate cannot be encoded: \(error)")
        }
    }

    static func text(_ key: Certificate.PrivateKey) throws(SecurityError) -> String {
        do { return try key.serializeAsPEM().pemString + "\n" } catch {
            throw SecurityError(.malformed, "the key cannot be encoded: \(error)")
        }
    }
}
