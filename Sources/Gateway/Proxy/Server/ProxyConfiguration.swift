import NIOCore
import NIOSSL

/// How fresh a read must be (`proxy.read_consistency`, `SET @wolfscale_consistency = '…'`).
public enum ReadConsistency: String, Sendable, CaseIterable {
    /// Any state that the replica has had.
    case eventual
    /// At least what the session itself wrote, or was told to wait for.
    case causal
    /// All reads at the leader.
    case leader
}

public struct ProxyConfiguration: Sendable {
    public var host: String
    public var port: Int
    public var readConsistency = ReadConsistency.causal
    public var connectionsMax = 2_000
    /// How long a statement may wait for a leader.
    public var failoverWait = TimeAmount.seconds(10)
    /// How long a causal read may wait for the replica before it goes to the leader.
    public var causalTimeout = TimeAmount.milliseconds(500)
    /// Whether reads go on at the replica while there is no leader.
    public var allowsStaleReads = true
    /// How long a proxy with one busy client may look for its next packet before it sleeps.
    public var busyPoll = TimeAmount.zero
    /// For logging in: from the connection to the end of the authentication.
    public var loginTimeout = TimeAmount.seconds(10)
    /// Whether the databases take loopback for `localhost`: not with `skip_name_resolve`.
    public var resolvesLoopback = true
    /// Connections to databases that are kept for the next clients, on each event loop; 0 for none.
    public var poolMax = 0
    /// From where a PROXY header may come before a client's login.
    public var proxyProtocolNetworks: [IPNetwork] = []
    /// Whether databases are told the clients' addresses, by a header of the same kind.
    public var tellsClientAddress = false
    /// For clients that ask for TLS; nil offers none.
    public var tls: NIOSSLContext?
    /// Whether others are refused.
    public var requiresTLS = false
    /// For connections to databases, those through tunnels excepted; nil: without TLS.
    public var databaseTLS: DatabaseTLS?
    /// The member's number; makes connection ids differ between proxies.
    public var number: UInt16

    public init(host: String, port: Int, number: UInt16) {
        self.host = host
        self.port = port
        self.number = number
    }

    /// Tunnels are encrypted already, as the cluster says.
    func tls(to address: BackendAddress) -> DatabaseTLS? {
        switch address {
        case .tcp, .local: databaseTLS
        case .member: nil
        }
    }

    /// Offers TLS 1.2 and later to clients.
    ///
    /// - Parameters:
    ///   - certificate: a PEM file with the certificate first, then those that signed it.
    public mutating func useTLS(certificate: String, privateKey: String) throws(ProxyError) {
        do {
            let chain = try NIOSSLCertificate.fromPEMFile(certificate).map { NIOSSLCertificateSource.certificate($0) }
            let key = try NIOSSLPrivateKey(file: privateKey, format: .pem)
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: chain, privateKey: .privateKey(key))
            configuration.minimumTLSVersion = .tlsv12
            tls = try NIOSSLContext(configuration: configuration)
        } catch {
            throw .tls(
                "the proxy can't use \(certificate) with \(privateKey): \(error); check proxy.tls_certificate and "
                    + "proxy.tls_private_key")
        }
    }
}
