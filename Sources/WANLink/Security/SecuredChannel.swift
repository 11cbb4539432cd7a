import FoundationEssentials
import NIOCore
import NIOSSL

/// The TLS of one connection: whose certificate the other side showed, and what went wrong, in an operator's words.
///
/// Confined to the channel's event loop.
final class SecuredChannel {
    private let handler: NIOSSLHandler
    private var known: CertificateDetails?

    private let verdict: PinnedVerdict?

    /// - Parameter verdict: why the other side was rejected, where it was not TLS itself that verified it.
    init(_ handler: NIOSSLHandler, verdict: PinnedVerdict? = nil) {
        self.handler = handler
        self.verdict = verdict
    }

    /// nil before the handshake is done, and for a caller that showed none.
    var peer: CertificateDetails? {
        if known == nil, let certificate = handler.peerCertificate {
            // What BoringSSL has verified and we cannot read names nobody.
            do { known = try CertificateDetails(der: try certificate.toDERBytes()) } catch { return nil }
        }
        return known
    }

    /// Closes without TLS' goodbye, for which a dead line would have to be waited for.
    func closeAtOnce(_ channel: any Channel) {
        do { try channel.pipeline.syncOperations.context(handler: handler).close(promise: nil) } catch {
            channel.close(promise: nil)
        }
    }

    /// nil for what is none of the operator's business: a line that ends without a goodbye just ends.
    func explain(_ error: any Error) -> String? {
        if let objection = verdict?.objection { return objection }
        return TLSFailure.explain(error) { [handler] in
            guard let certificate = handler.peerCertificate else { return nil }
            do { return try CertificateDetails(der: try certificate.toDERBytes()) } catch { return nil }
        }
    }
}
