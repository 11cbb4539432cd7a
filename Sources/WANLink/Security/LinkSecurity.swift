import FoundationEssentials
import NIOCore
import NIOSSL
import SwiftASN1
import X509

/// TLS on the lines to other members: version 1.3, both sides show a certificate, and each verifies the other's against
/// the cluster's own authorities. Names are not checked here but with the hello and the welcome (``CertificateCheck``),
/// since members are known by their names, not by their hosts'.
public struct LinkSecurity: Sendable {
    public let material: TLSMaterial
    private let dialling: NIOSSLContext
    private let accepting: NIOSSLContext
    /// Lets callers in that have no certificate yet, and shows them the authority that their token pins.
    private let acceptingStrangers: NIOSSLContext

    public init(_ material: TLSMaterial) throws(SecurityError) {
        self.material = material
        do {
            dialling = try NIOSSLContext(configuration: try Self.configuration(material, .noHostnameVerification))
            accepting = dialling
            var open = try Self.configuration(material, .optionalVerification)
            open.certificateChain += try Self.sources(material.authorities.map(\.certificate))
            acceptingStrangers = try NIOSSLContext(configuration: open)
        } catch { throw SecurityError(.malformed, "TLS cannot use the certificates: \(error)") }
    }

    private static func configuration(
        _ material: TLSMaterial, _ verification: CertificateVerification
    ) throws -> TLSConfiguration {
        let key = try NIOSSLPrivateKey(bytes: Array(material.keyPEM.utf8), format: .pem)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: try sources(material.chain), privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv13
        configuration.certificateVerification = verification
        configuration.trustRoots = .certificates(
            try material.authorities.map { try NIOSSLCertificate(bytes: $0.certificate.derBytes(), format: .der) })
        Self.tune(&configuration)
        return configuration
    }

    static func tune(_ configuration: inout TLSConfiguration) {
        configuration.curves = [.x25519, .secp256r1]
        // Frames say themselves where they end: nothing is gained by waiting for the other side's goodbye.
        configuration.shutdownTimeout = .milliseconds(100)
    }

    private static func sources(_ certificates: [Certificate]) throws -> [NIOSSLCertificateSource] {
        try certificates.map { .certificate(try NIOSSLCertificate(bytes: $0.derBytes(), format: .der)) }
    }

    /// Puts TLS on a channel on which `connection` will be the next handler. On the loop.
    func protect(dialled channel: any Channel, for connection: PeerConnection) throws {
        try add(NIOSSLClientHandler(context: dialling, serverHostname: nil), to: channel, for: connection)
    }

    /// - Parameter strangers: whether callers without a certificate may ask to be given one.
    func protect(accepted channel: any Channel, for connection: PeerConnection, strangers: Bool) throws {
        try add(
            NIOSSLServerHandler(context: strangers ? acceptingStrangers : accepting), to: channel, for: connection)
    }

    private func add(_ handler: NIOSSLHandler, to channel: any Channel, for connection: PeerConnection) throws {
        try channel.pipeline.syncOperations.addHandler(handler)
        connection.secured = SecuredChannel(handler)
    }

    /// Whether the authority of a certificate that was verified some time ago is trusted still.
    func stillTrusts(_ certificate: CertificateDetails) -> Bool {
        let issuers = material.authorities.map(\.certificate) + material.chain.dropFirst()
        return issuers.contains { certificate.certificate.isSigned(by: $0) }
    }
}

extension Certificate {
    func derBytes() throws -> [UInt8] { try serializeAsPEM().derBytes }
}
