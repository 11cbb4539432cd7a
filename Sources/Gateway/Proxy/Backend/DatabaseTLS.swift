import Channels
import MariaDBWire
import NIOCore
import NIOSSL

/// How connections to databases are encrypted (`proxy.database_tls`). There is no way back to plain text.
public struct DatabaseTLS: Sendable {
    public enum Trust: Sendable {
        /// Whoever answers: keeps out who only listens.
        case anybody
        /// Certificates signed by an authority of this PEM file, whomever they name.
        case authority(String)
        /// Those that also name the host, or the address, that was connected to. nil: by an authority that the system trusts.
        case name(authority: String?)
    }

    private let context: NIOSSLContext

    /// TLS 1.2 and later.
    public init(_ trust: Trust) throws(ProxyError) {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        switch trust {
        case .anybody: configuration.certificateVerification = .none
        case .authority(let file):
            configuration.certificateVerification = .noHostnameVerification
            configuration.trustRoots = .file(file)
        case .name(let file):
            configuration.certificateVerification = .fullVerification
            if let file { configuration.trustRoots = .file(file) }
        }
        do { context = try NIOSSLContext(configuration: configuration) } catch {
            throw .tls("the proxy can't use the authorities for databases: \(error); check proxy.database_tls_ca")
        }
    }

    /// Begins TLS on a connection to that address; what is written from now on waits for it.
    func encrypt(_ context: ChannelHandlerContext, to address: BackendAddress) throws {
        var name: String?
        switch address {
        case .tcp(let host, _), .local(_, let host, _): if IPAddress(host) == nil { name = host }
        case .member: break
        }
        // An address is compared with that of the connection.
        let handler = try NIOSSLClientHandler(context: self.context, serverHostname: name)
        try DirectSocket.addNearestToSocket(handler, to: context.pipeline.syncOperations)
    }
}

extension ServerError {
    /// Not with the number that clients have for it: they take none from 2000 on from a server.
    static func withoutTLS(_ reason: String) -> ServerError {
        ServerError(code: 1105, sqlState: "HY000", message: "\(tlsFailure), as proxy.database_tls demands: \(reason)")
    }

    private static let tlsFailure = "The proxy can't reach the database by TLS"

    var isWithoutTLS: Bool { code == 1105 && message.hasPrefix(Self.tlsFailure) }
}
