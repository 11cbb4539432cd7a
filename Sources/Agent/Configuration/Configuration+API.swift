import Gateway
import NIOSSL
import WANLink

/// How the HTTP API is reached and how its clients know it.
extension Configuration {
    /// The files of the API's TLS; nil for plain HTTP.
    var apiCertificate: (certificate: String, privateKey: String)? {
        if let certificate = api.tlsCertificate, let key = api.tlsPrivateKey { return (certificate, key) }
        return api.tls ? (tlsFiles.certificate, tlsFiles.privateKey) : nil
    }

    /// Where a standalone proxy tells of itself; nil unless it was told to: nothing else of it listens by HTTP.
    var standaloneAPI: PeerAddress? {
        given.contains("api.bind_address") && api.enabled ? PeerAddress(api.bindAddress) : nil
    }

    /// Why the API can't speak TLS as it should; nil when there is a certificate, or none is wanted.
    var apiCertificateProblem: String? {
        guard api.tls, api.tlsCertificate == nil, !usesTLS else { return nil }
        return
            "api.tls = true needs a certificate: this node's own (`wolfscale cert init` on the first node, `wolfscale join HOST:PORT "
            + "--token TOKEN` on others), or api.tls_certificate and api.tls_private_key"
    }

    /// Whom this node believes when it calls another member's API.
    var apiTrust: APITrust.Roots {
        if let ca = api.tlsCA { return .file(ca) }
        return api.tlsCertificate == nil && usesTLS ? .cluster(tlsFiles.ca) : .system
    }

    /// Whom this machine's commands believe when they call the agent beside them.
    var localAPITrust: APITrust.Roots {
        guard localAPI?.isLoopback == true, case .some(let own) = api.tlsCertificate else { return apiTrust }
        return .here(api.tlsCA ?? own)
    }

    /// What to say where the API can be overheard; nil when it can't.
    var apiExposure: String? {
        guard api.enabled, apiCertificate == nil, let bind = PeerAddress(api.bindAddress), !bind.isLoopback else {
            return nil
        }
        return
            "the HTTP API on \(bind) is not encrypted: whoever can listen there reads tokens and rows. api.tls = true uses this "
            + "node's certificate, api.tls_certificate another one"
    }
}

/// The base of an API's URLs, from how a member names it: `host:port`, or `https://host:port` when it speaks TLS.
enum APIAddress {
    static func url(_ address: String, tls: Bool = false) -> String {
        address.contains("://") ? address : (tls ? "https://" : "http://") + address
    }
}
