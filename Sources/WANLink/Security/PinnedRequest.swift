import ClusterCore
import FoundationEssentials
import NIOCore
import NIOSSL
import SwiftASN1
import X509

/// A request of a node that has no certificate yet, to one whose authority it knows by a join token.
public enum PinnedRequest {
    /// - Parameters:
    ///   - address: `host:port`.
    ///   - authority: what the other side's certificate must be signed with: ``JoinToken/authority``.
    /// - Returns: the answer, or a ``PeerNetworkError``; code `refused` carries the other side's reason.
    public static func send(
        _ payload: ByteBuffer, to address: String, authority: [UInt8], timeout: Duration, on eventLoop: any EventLoop
    ) -> EventLoopFuture<ByteBuffer> {
        eventLoop.flatSubmit {
            let promise = eventLoop.makePromise(of: ByteBuffer.self)
            guard let peer = PeerAddress(address), peer.port != 0 else {
                promise.fail(
                    PeerNetworkError(
                        .badAddress, "\(address.printable) is not host:port", remedy: "for example db1:7654"))
                return promise.futureResult
            }
            let request = OutgoingRequest(payload, to: peer, promise: promise)
            let hello = PeerHello(purpose: .request, clusterID: "", number: nil, id: "", to: nil)
            let timeout = TimeAmount(timeout)
            let limits = PeerConnection.Limits(
                timeout: timeout, controlFrameBytesMax: 1 << 20, bulkFrameBytesMax: 0, controlQueueBytesMax: 1 << 20,
                bulkLineBytesMax: 0)
            request.start(hello, limits: limits, timeout: timeout, on: eventLoop) { channel, connection in
                try protect(channel, connection, authority)
            }
            // The request lives until it is answered.
            promise.futureResult.assumeIsolated().whenComplete { _ in _ = request }
            return promise.futureResult
        }
    }

    private static func protect(_ channel: any Channel, _ connection: PeerConnection, _ authority: [UInt8]) throws {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv13
        configuration.certificateVerification = .noHostnameVerification
        LinkSecurity.tune(&configuration)
        let verdict = PinnedVerdict()
        let handler = try NIOSSLClientHandler(
            context: try NIOSSLContext(configuration: configuration), serverHostname: nil
        ) { presented, promise in
            verdict.objection = objection(to: presented, authority: authority, now: Date())
            promise.succeed(verdict.objection == nil ? .certificateVerified : .failed)
        }
        try channel.pipeline.syncOperations.addHandler(handler)
        connection.secured = SecuredChannel(handler, verdict: verdict)
    }

    /// What is wrong with the chain that the other side shows; nil when its authority is the one of the token.
    static func objection(to presented: [NIOSSLCertificate], authority: [UInt8], now: Date) -> String? {
        let chain: [Certificate]
        do { chain = try presented.prefix(8).map { try Certificate(derEncoded: $0.toDERBytes()) } } catch {
            return "the other side's certificates cannot be read"
        }
        let pinned = chain.dropFirst().first { certificate in
            // What cannot be encoded again is not the one.
            do { return try certificate.fingerprint() == authority } catch { return false }
        }
        guard let leaf = chain.first, let pinned else {
            return
                "the CA there is not the one that the token names: the token is of another cluster, or of another node "
                + "of it, or somebody else answers at that address"
        }
        guard leaf.isSigned(by: pinned) else { return "the other side's certificate is not signed by the token's CA" }
        do {
            return try CertificateDetails(leaf).validityProblem(at: now)?.description
                ?? CertificateDetails(pinned).validityProblem(at: now)?.description
        } catch { return "\(error)" }
    }
}

/// What the verification of a pinned authority found. On the channel's loop, like the callback that fills it in.
final class PinnedVerdict: @unchecked Sendable {
    var objection: String?
}
