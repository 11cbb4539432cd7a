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
            guard member.id == hello.id else { return "member \(number) is \(member.id), not \(hello.id)" }
            return removals.objection(to: hello.certificate)
        }
    }

    nonisolated func peerNetwork(_ network: PeerNetwork, idOf peer: NodeNumber) -> String? {
        NodeLoop.assumeIsolated { consensus.raft.membership[peer]?.id }
    }

    nonisolated func peerNetwork(
        _ network: PeerNetwork, request: ByteBuffer, from hello: PeerHello
    ) -> EventLoopFuture<ByteBuffer> {
        let promise = network.eventLoop.makePromise(of: ByteBuffer.self)
        promise.completeWithTask {
            let request = try request.decodeJSON(PeerRequest.self)
            return try ByteBuffer(json: await self.answer(request, from: hello))
        }
        return promise.futureResult
    }

    private func answer(_ request: PeerRequest, from hello: PeerHello) async -> PeerAnswer {
        guard network.isSecured, let tls else { return await administration.answer(request) }
        let answer = await secured(request, from: hello, desk: tls.desk)
        if case .refused(let reason) = answer { tls.refused(hello, reason) }
        return answer
    }

    private func secured(_ request: PeerRequest, from hello: PeerHello, desk: EnrolmentDesk) async -> PeerAnswer {
        if case .enrol(let enrolment) = request {
            return await desk.answer(enrolment, members: Set(consensus.raft.membership.members.map(\.id)))
        }
        let objection = request.objection(to: hello.certificate) ?? removals.objection(to: hello.certificate)
        if let objection { return .refused(reason: objection) }
        return await administration.answer(request)
    }
}

extension PeerRequest {
    /// What a caller with this verified certificate, or none, may not ask; nil when it may.
    func objection(to certificate: CertificateDetails?) -> String? {
        let subject =
            switch self {
            case .join(let applicant): applicant.id
            case .readdress(let member): member.id
            case .enrol: ""
            }
        guard let name = certificate?.name else {
            return "this cluster talks TLS, and \(subject) has no certificate yet; it joins with a token: run "
                + "`wolfscale cert token` where the CA's key is, then `wolfscale join HOST:PORT --token TOKEN`"
        }
        return name == subject ? nil : "the certificate is \(name)'s, and it asks for \(subject)"
    }
}
