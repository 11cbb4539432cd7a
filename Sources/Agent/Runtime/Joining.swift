import ClusterCore
import Logging
import NIOCore
import WANLink

/// Asks members to be let in until one of them says yes or no.
struct Joining {
    let network: PeerNetwork
    let logger: Logger
    /// How long nobody may answer before it is given up.
    var patience: Duration = .seconds(60)

    func join(_ applicant: PeerRequest.Applicant, through addresses: [String]) async throws -> PeerAnswer.Welcomed {
        let deadline = ContinuousClock.now + patience
        var candidates = addresses
        var lastReason = "no answer"
        while ContinuousClock.now < deadline {
            for address in candidates {
                switch await ask(.join(applicant), address) {
                case .welcome(let welcome): return welcome
                case .refused(let reason): throw AgentError("\(address) refuses: \(reason)")
                case .askLeader(let leader):
                    candidates = [leader] + addresses
                    lastReason = "\(address) refers to \(leader)"
                case .tryLater(let reason):
                    lastReason = "\(address): \(reason)"
                    logger.info("not let in yet", metadata: ["address": "\(address)", "reason": "\(reason)"])
                case .done, .certificate: lastReason = "\(address) gave an answer that makes no sense"
                }
            }
            try await Task.sleep(for: .milliseconds(500))
        }
        throw AgentError(
            "no member let this node in within \(patience): \(lastReason). Check the address, that the cluster has a leader "
                + "(`wolfscale status` there), and that \(applicant.address) can be reached from it")
    }

    func ask(_ request: PeerRequest, _ address: String) async -> PeerAnswer {
        do {
            let payload = try ByteBuffer(json: request)
            let answer = try await network.eventLoop.flatSubmit {
                network.request(payload, address: address, timeout: .seconds(15))
            }.get()
            return try answer.decodeJSON(PeerAnswer.self)
        } catch { return .tryLater(reason: "\(error)") }
    }
}
