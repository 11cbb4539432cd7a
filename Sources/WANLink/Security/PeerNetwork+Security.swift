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
        for connection in secureConnections {
            guard let certificate = connection.secured?.peer, !security.stillTrusts(certificate) else { continue }
            connection.close(reason: "its certificate's CA is no longer trusted")
        }
        closeExpired(now: now)
    }

    /// Closes the lines whose certificates have ended meanwhile. On the loop.
    public func closeExpired(now: Date = Date()) {
        eventLoop.assertInEventLoop()
        guard security != nil else { return }
        for connection in secureConnections {
            guard let problem = connection.secured?.peer?.validityProblem(at: now) else { continue }
            connection.close(reason: problem.message)
        }
    }
}
