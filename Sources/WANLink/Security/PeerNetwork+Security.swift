import ClusterCore
import FoundationEssentials
import NIOCore

extension PeerNetwork {
    /// Uses other certificates from now on: new connections have them, and those whose certificate is no longer trusted
    /// are closed. On the loop.
    ///
    /// - Parameter strangers: whether callers without a certificate may ask for one.
    public func setSecurity(_ security: LinkSecurity, strangers: Bool, now: Date = Date()) {
        eventLoop.assertInEventLoop()
        self.security = security
        admitsStrangers = strangers
        closeUntrusted(now: now)
    }

    /// Closes the lines whose certificates have ended meanwhile, or whose authority is no longer trusted. On the loop.
    public func closeUntrusted(now: Date = Date()) {
        eventLoop.assertInEventLoop()
        guard let security else { return }
        for connection in secureConnections {
            guard let certificate = connection.secured?.peer, !security.stillTrusts(certificate, now: now) else {
                continue
            }
            let reason = certificate.validityProblem(at: now)?.message ?? "its certificate's CA is no longer trusted"
            connection.close(reason: reason)
        }
    }
}
