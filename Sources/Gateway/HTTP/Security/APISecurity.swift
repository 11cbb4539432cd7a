import NIOSSL
import Synchronization

/// TLS of the HTTP API's listener: version 1.2 or later. New connections take what ``use(certificate:privateKey:)`` was last given.
public final class APISecurity: Sendable {
    public struct Failure: Error, Sendable, CustomStringConvertible {
        public let description: String
    }

    private let context: Mutex<NIOSSLContext>

    /// Reads the files; blocks.
    ///
    /// - Parameter certificate: a PEM file with the certificate first, then those that signed it.
    public init(certificate: String, privateKey: String) throws(Failure) {
        context = Mutex(try Self.makeContext(certificate, privateKey))
    }

    /// - Throws: when the files do not fit together; then the old ones stay.
    public func use(certificate: String, privateKey: String) throws(Failure) {
        let fresh = try Self.makeContext(certificate, privateKey)
        context.withLock { $0 = fresh }
    }

    var current: NIOSSLContext { context.withLock { $0 } }

    private static func makeContext(_ certificate: String, _ privateKey: String) throws(Failure) -> NIOSSLContext {
        do {
            let chain = try NIOSSLCertificate.fromPEMFile(certificate)
            let key = try NIOSSLPrivateKey(file: privateKey, format: .pem)
            guard !chain.isEmpty else { throw Failure(description: "\(certificate) holds no certificate") }
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
            configuration.minimumTLSVersion = .tlsv12
            configuration.applicationProtocols = ["http/1.1"]
            return try NIOSSLContext(configuration: configuration)
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure(description: "\(certificate) and \(privateKey) can't be used together: \(error)")
        }
    }
}
