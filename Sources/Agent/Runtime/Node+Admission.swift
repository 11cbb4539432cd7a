import ClusterCore
import NIOCore
import WANLink

/// Who may connect, and who may ask for what.
extension Node {
    nonisolated func peerNetwork(_ network: PeerNetwork, authorize hello: PeerHello) -> String? {
        NodeLoop.assumeIsolated {
            let membership = consensus.raft.membership
            // A node that was just let in has no membership of its own yet; the first append brings it.
            if membership.members.isEmpty { return nil }
            guard let number = hello.number, let member = membership[number] else {
                return "\(hello.id) is not a member of this cluster; it joins with: wolfscale join HOST:PORT"
            }
            return member.id == hello.id ? nil : "member \(number) is \(member.id), not \(hello.id)"
        }
    }

    nonisolated func peerNetwork(_ network: PeerNetwork, idOf peer: NodeNumber) -> String? {
        NodeLoop.assumeIsolated { consensus.raft.membership[peer]?.id }
    }

    nonisolated func peerNetwork(
        _ network: PeerNetwork, request: ByteBuffer, from hello: PeerHello
    ) -> EventLoopFuture<ByteBuffer> {
        let promise = network.eventLoop.makePromise(of: ByteBuffer.self)
        let isSecured = network.isSecured
        promise.completeWithTask {
            let request = try request.decodeJSON(PeerRequest.self)
            if isSecured, let reason = request.objection(certificate: hello.certificate) {
                return try ByteBuffer(json: PeerAnswer.refused(reason: reason))
            }
            return try ByteBuffer(json: await self.administration.answer(request))
        }
        return promise.futureResult
    }
}

extension PeerRequest {
    /// What a caller with this verified certificate, or none, may not ask; nil when it may.
    func objection(certificate: CertificateDetails?) -> String? {
        let subject =
            switch self {
            case .join(let applicant): applicant.id
            case .readdress(let member): member.id
            }
        guard let name = certificate?.name else {
            return "this cluster talks TLS, and \(subject) has no certificate yet; it joins with a token: run "
                + "`wolfscale cert token` where the CA's key is, then `wolfscale join HOST:PORT --token TOKEN`"
        }
        return name == subject ? nil : "the certificate is \(name)'s, and it asks for \(subject)"
    }
}
