import NIOSSL
import Synchronization

/// Whom a client of a member's API believes, over `https`: members that pass requests on, commands, standalone proxies.
public final class APITrust: Sendable {
    public enum Roots: Sendable, Equatable {
        /// Those of the operating system; the certificate must name the host that was dialled.
        case system
        /// Those of a PEM file; the certificate must name the host that was dialled.
        case file(String)
        /// The cluster's own authority: it signs for members only, which are known by their names and not by their hosts'.
        case cluster(String)
        /// As `system` or `file`, for a server on this machine, which is dialled by an address that no certificate names.
        case here(String?)
    }

    private let configuration: Mutex<TLSConfiguration>
    public let roots: Roots

    /// Reads the file; blocks.
    public init(_ roots: Roots) throws(APISecurity.Failure) {
        self.roots = roots
        configuration = Mutex(try Self.make(roots))
    }

    /// Reads the file again; when it can't be used what was read before stays.
    public func reload() throws(APISecurity.Failure) {
        let fresh = try Self.make(roots)
        configuration.withLock { $0 = fresh }
    }

    public var current: TLSConfiguration { configuration.withLock { $0 } }

    private static func make(_ roots: Roots) throws(APISecurity.Failure) -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        switch roots {
        case .system: break
        case .file(let path): configuration.trustRoots = .certificates(try certificates(path))
        case .cluster(let path):
            configuration.trustRoots = .certificates(try certificates(path))
            configuration.certificateVerification = .noHostnameVerification
        case .here(let path):
            if let path { configuration.additionalTrustRoots = [.certificates(try certificates(path))] }
            configuration.certificateVerification = .noHostnameVerification
        }
        return configuration
    }

    private static func certificates(_ path: String) throws(APISecurity.Failure) -> [NIOSSLCertificate] {
        do { return try NIOSSLCertificate.fromPEMFile(path) } catch {
            throw APISecurity.Failure(description: "\(path) can't be read as certificates: \(error)")
        }
    }
}
